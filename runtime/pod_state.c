#include "runtime/pod.h"

#include <base/file.h>

enum {
	STATE_VERSION = 1,
	ID_MAX = 64,
	IMAGE_MAX = 1024,
	PATH_LIMIT = 4096
};

static const struct json_field process_fields[] = {
	JSON_FIELD(struct pod_process, name, FIELD_STR, FIELD_REQUIRED, ID_MAX),
	JSON_FIELD(struct pod_process, pid, FIELD_U64, FIELD_REQUIRED, INT32_MAX),
	JSON_FIELD(struct pod_process, start, FIELD_U64, FIELD_REQUIRED, INT64_MAX),
};
const struct json_table pod_process_table = {
	.what = "process",
	.size = sizeof(struct pod_process),
	.fields = process_fields,
	.n = ARRAY_LEN(process_fields),
};

static const struct json_field state_fields[] = {
	JSON_FIELD(struct pod_state, version, FIELD_U64, FIELD_REQUIRED, STATE_VERSION),
	JSON_FIELD(struct pod_state, id, FIELD_STR, FIELD_REQUIRED, POD_NAME_MAX),
	JSON_FIELD(struct pod_state, image, FIELD_STR, FIELD_REQUIRED, IMAGE_MAX),
	JSON_FIELD(struct pod_state, platform, FIELD_STR, FIELD_REQUIRED, ID_MAX),
	JSON_FIELD(struct pod_state, boot_id, FIELD_STR, FIELD_REQUIRED, ID_MAX),
	JSON_FIELD(struct pod_state, stage, FIELD_STR, FIELD_REQUIRED, ID_MAX),
	JSON_FIELD(struct pod_state, container, FIELD_STR, FIELD_REQUIRED, ID_MAX),
	JSON_FIELD(struct pod_state, created, FIELD_U64, FIELD_REQUIRED, INT64_MAX),
	JSON_FIELD_SUB(struct pod_state, owner, "owner", FIELD_OBJECT, FIELD_REQUIRED, 0,
		&pod_process_table),
	JSON_FIELD(struct pod_state, cgroup, FIELD_STR, 0, PATH_LIMIT),
	JSON_FIELD(struct pod_state, netns, FIELD_STR, 0, PATH_LIMIT),
	JSON_FIELD(struct pod_state, containers, FIELD_STRV, 0, POD_CONTAINERS_MAX),
	JSON_FIELD(struct pod_state, creations, FIELD_U64, 0, INT64_MAX),
	JSON_FIELD(struct pod_state, files, FIELD_STRV, 0, POD_FILES_MAX),
	JSON_FIELD_SUB(struct pod_state, processes, "processes", FIELD_LIST, FIELD_REQUIRED,
		POD_PROCESSES_MAX, &pod_process_table),
};
static const struct json_table state_table = {
	.what = "pod state",
	.size = sizeof(struct pod_state),
	.fields = state_fields,
	.n = ARRAY_LEN(state_fields),
};

void pod_state_done(struct pod_state *s)
{
	json_release(&state_table, s);
}

/* Signals go to these numbers: 0 and 1 would be a process group and init. */
static RESULT check_process(const struct pod_process *p)
{
	if (p->pid < 2 || p->start == 0)
		return err_new(ERR_FORMAT, "pod state: process '%s': pid %llu", p->name,
			(unsigned long long)p->pid);
	return OK;
}

static RESULT check_state(const struct pod_state *s)
{
	const struct pod_process *p = s->processes.items;

	if (s->version != STATE_VERSION)
		return err_new(
			ERR_UNSUPPORTED, "pod state: version %llu", (unsigned long long)s->version);
	if (failed(pod_name_check(s->id)))
		return err_new(ERR_FORMAT, "pod state: id is no pod name");
	TRY(check_process(&s->owner));
	for (size_t i = 0; i < s->processes.n; i++)
		TRY(check_process(&p[i]));
	return OK;
}

RESULT pod_state_parse(struct bytes text, struct pod_state *ret_state)
{
	AUTO(pod_state_done) struct pod_state s = { 0 };

	TRY(json_decode_text(text, &state_table, &s));
	TRY(check_state(&s));
	*ret_state = s;
	s = (struct pod_state){ 0 };
	return OK;
}

void pod_process_print(struct json_writer *w, const struct pod_process *p)
{
	jw_object(w);
	jw_kstr(w, "name", p->name ? p->name : "");
	jw_ku64(w, "pid", p->pid);
	jw_ku64(w, "start", p->start);
	jw_object_end(w);
}

static void print_list(struct json_writer *w, const char *name, const struct strv *list)
{
	if (list->n == 0)
		return;
	jw_key(w, name);
	jw_array(w);
	for (size_t i = 0; i < list->n; i++)
		jw_str(w, list->v[i]);
	jw_array_end(w);
}

RESULT pod_state_print(const struct pod_state *s, struct buf *out)
{
	const struct pod_process *p = s->processes.items;
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_ku64(&w, "version", s->version);
	jw_kstr(&w, "id", s->id);
	jw_kstr(&w, "image", s->image);
	jw_kstr(&w, "platform", s->platform);
	jw_kstr(&w, "boot_id", s->boot_id);
	jw_kstr(&w, "stage", s->stage);
	jw_kstr(&w, "container", s->container);
	jw_ku64(&w, "created", s->created);
	jw_key(&w, "owner");
	pod_process_print(&w, &s->owner);
	if (s->cgroup)
		jw_kstr(&w, "cgroup", s->cgroup);
	if (s->netns)
		jw_kstr(&w, "netns", s->netns);
	print_list(&w, "containers", &s->containers);
	if (s->creations > 0)
		jw_ku64(&w, "creations", s->creations);
	print_list(&w, "files", &s->files);
	jw_key(&w, "processes");
	jw_array(&w);
	for (size_t i = 0; i < s->processes.n; i++)
		pod_process_print(&w, &p[i]);
	jw_array_end(&w);
	jw_object_end(&w);
	return buf_end(out, "pod state");
}

RESULT pod_state_add_process(struct pod_state *s, const char *name, pid_t pid)
{
	AUTO(auto_free) char *copy = NULL;
	uint64_t start = 0;
	struct pod_process *more;

	if (s->processes.n == POD_PROCESSES_MAX)
		return err_new(ERR_LIMIT, "pod state: more than %d processes", POD_PROCESSES_MAX);
	TRY(pod_process_start_time((uint64_t)pid, &start));
	TRY(str_dup(name, &copy));
	more = reallocarray(s->processes.items, s->processes.n + 1, sizeof(*more));
	if (!more)
		return err_new(ERR_NOMEM, "pod state");
	s->processes.items = more;
	more[s->processes.n++] =
		(struct pod_process){ .name = TAKE(copy), .pid = (uint64_t)pid, .start = start };
	return OK;
}

static bool is_name_character(char c, bool first)
{
	bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

	return plain || (!first && (c == '-' || c == '.' || c == '_'));
}

RESULT pod_name_check(const char *name)
{
	size_t n = strnlen(name, POD_NAME_MAX + 1);

	if (n == 0 || n > POD_NAME_MAX)
		return err_new(ERR_USAGE, "pod name '%.*s': 1 to %d characters", POD_NAME_MAX, name,
			POD_NAME_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!is_name_character(name[i], i == 0))
			return err_new(ERR_USAGE,
				"pod name '%s': letters and digits, inside also '-', '.' and '_'",
				name);
	}
	return OK;
}

static void list_containers(const struct pod_state *s, struct buf *out)
{
	for (size_t i = 0; i < s->containers.n; i++)
		buf_printf(out, "%s%s", i ? ", " : "", s->containers.v[i]);
}

/* Those whose name begins so; NULL: those that are not the placeholder. */
static size_t matching(const struct pod_state *s, const char *name, const char **ret_id)
{
	size_t n = 0;

	for (size_t i = 0; i < s->containers.n; i++) {
		const char *id = s->containers.v[i];
		if (name && str_equal(id, name)) {
			*ret_id = id;
			return 1;
		}
		if (name ? !str_starts(id, name) : str_equal(id, s->container))
			continue;
		*ret_id = id;
		n++;
	}
	return n;
}

RESULT pod_container_find(const struct pod_state *s, const char *name, const char **ret_id)
{
	AUTO(buf_done) struct buf list = BUF_INIT(POD_STATE_MAX);
	size_t n;

	if (s->containers.n == 0 && (!name || str_starts(s->container, name))) {
		*ret_id = s->container;
		return OK;
	}
	n = matching(s, name, ret_id);
	if (n == 0 && !name && s->containers.n == 1) {
		*ret_id = s->containers.v[0];
		return OK;
	}
	if (n == 1)
		return OK;
	list_containers(s, &list);
	TRY(buf_end(&list, "containers"));
	return err_new(n ? ERR_USAGE : ERR_NOT_FOUND, "pod %s: %s container%s%s: there are %s",
		s->id, n ? "more than one" : "no", name ? " " : "", name ? name : "",
		list.n ? buf_cstr(&list) : "none");
}
