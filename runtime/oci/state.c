#include "state.h"

#include <errno.h>
#include <fcntl.h>

#include <base/clock.h>
#include <base/file.h>
#include <sys/file.h>
#include <sys/stat.h>

enum {
	STATE_VERSION = 1,
	WORD_MAX = 64,
	ADDRESS_MAX = 256,
	ANNOTATIONS_MAX = 512,
	STAT_MAX = 4096
};

const char *oci_status_name(enum oci_status s)
{
	static const char *const names[] = { "creating", "created", "running", "paused",
		"stopped" };

	return names[s];
}

static const struct json_field state_fields[] = {
	JSON_FIELD(struct oci_state, version, FIELD_U64, FIELD_REQUIRED, STATE_VERSION),
	JSON_FIELD(struct oci_state, id, FIELD_STR, FIELD_REQUIRED, OCI_ID_MAX),
	JSON_FIELD(struct oci_state, bundle, FIELD_STR, FIELD_REQUIRED, PATH_MAX),
	JSON_FIELD(struct oci_state, rootfs, FIELD_STR, FIELD_REQUIRED, PATH_MAX),
	JSON_FIELD(struct oci_state, stage, FIELD_STR, FIELD_REQUIRED, WORD_MAX),
	JSON_FIELD(struct oci_state, handler, FIELD_STR, FIELD_REQUIRED, WORD_MAX),
	JSON_FIELD(struct oci_state, address, FIELD_STR, FIELD_REQUIRED, ADDRESS_MAX),
	JSON_FIELD(struct oci_state, sandbox, FIELD_STR, FIELD_REQUIRED, OCI_ID_MAX),
	JSON_FIELD(struct oci_state, created, FIELD_STR, FIELD_REQUIRED, WORD_MAX),
	JSON_FIELD(struct oci_state, terminal, FIELD_BOOL, FIELD_REQUIRED, 0),
	JSON_FIELD(struct oci_state, deferred, FIELD_BOOL, FIELD_REQUIRED, 0),
	JSON_FIELD_SUB(struct oci_state, creator, "creator", FIELD_OBJECT, FIELD_REQUIRED, 0,
		&pod_process_table),
	JSON_FIELD_SUB(struct oci_state, holder, "holder", FIELD_OBJECT, FIELD_REQUIRED, 0,
		&pod_process_table),
	JSON_FIELD(struct oci_state, annotations, FIELD_MAP, FIELD_REQUIRED, ANNOTATIONS_MAX),
};
static const struct json_table state_table = {
	.what = "container state",
	.size = sizeof(struct oci_state),
	.fields = state_fields,
	.n = ARRAY_LEN(state_fields),
};

void oci_state_done(struct oci_state *s)
{
	json_release(&state_table, s);
}

static RESULT check_state(const struct oci_state *s)
{
	if (s->version != STATE_VERSION)
		return err_new(ERR_UNSUPPORTED, "container state: version %llu",
			(unsigned long long)s->version);
	if (failed(oci_id_check(s->id)) || failed(oci_id_check(s->sandbox)))
		return err_new(ERR_FORMAT, "container state: id or sandbox is no container id");
	/* Signals go to these numbers: 1 would be init. 0 is none. */
	if (s->creator.pid == 1 || s->holder.pid == 1)
		return err_new(ERR_FORMAT, "container state: a process of number 1");
	return OK;
}

RESULT oci_state_parse(struct bytes text, struct oci_state *ret_state)
{
	AUTO(oci_state_done) struct oci_state s = { 0 };

	TRY(json_decode_text(text, &state_table, &s));
	TRY(check_state(&s));
	*ret_state = s;
	s = (struct oci_state){ 0 };
	return OK;
}

static const char *text_of(const char *s)
{
	return s ? s : "";
}

RESULT oci_state_print(const struct oci_state *s, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_ku64(&w, "version", s->version);
	jw_kstr(&w, "id", text_of(s->id));
	jw_kstr(&w, "bundle", text_of(s->bundle));
	jw_kstr(&w, "rootfs", text_of(s->rootfs));
	jw_kstr(&w, "stage", text_of(s->stage));
	jw_kstr(&w, "handler", text_of(s->handler));
	jw_kstr(&w, "address", text_of(s->address));
	jw_kstr(&w, "sandbox", text_of(s->sandbox));
	jw_kstr(&w, "created", text_of(s->created));
	jw_kbool(&w, "terminal", s->terminal);
	jw_kbool(&w, "deferred", s->deferred);
	jw_key(&w, "creator");
	pod_process_print(&w, &s->creator);
	jw_key(&w, "holder");
	pod_process_print(&w, &s->holder);
	jw_key(&w, "annotations");
	jw_object(&w);
	for (size_t i = 0; i < s->annotations.n; i++)
		jw_kstr(&w, s->annotations.v[i].name, s->annotations.v[i].value);
	jw_object_end(&w);
	jw_object_end(&w);
	return buf_end(out, "container state");
}

RESULT oci_state_set(char **member, const char *value)
{
	AUTO(auto_free) char *copy = NULL;

	TRY(str_dup(value, &copy));
	free(*member);
	*member = TAKE(copy);
	return OK;
}

RESULT oci_process_set(struct pod_process *p, const char *name, pid_t pid)
{
	uint64_t start = 0;

	TRY(pod_process_start_time((uint64_t)pid, &start));
	TRY(oci_state_set(&p->name, name));
	p->pid = (uint64_t)pid;
	p->start = start;
	return OK;
}

bool oci_process_alive(const struct pod_process *p)
{
	AUTO(buf_done) struct buf line = BUF_INIT(STAT_MAX);
	char path[64];
	const char *text, *close;

	if (p->pid == 0 || !pod_process_alive(p))
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%llu/stat", (unsigned long long)p->pid);
	if (failed(file_read(path, &line)))
		return false;
	/* proc(5): the state follows the name, which may hold anything */
	text = buf_cstr(&line);
	close = text ? strrchr(text, ')') : NULL;
	return close && close[1] == ' ' && close[2] != 'Z' && close[2] != 'X';
}

RESULT oci_id_check(const char *id)
{
	size_t n = strlen(id);

	for (size_t i = 0; i < n; i++) {
		char c = id[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '_';

		if (!plain && ((c != '-' && c != '.') || i == 0))
			return err_new(ERR_USAGE,
				"container id '%.80s': letters, digits, '_', and '.' and '-' "
				"inside",
				id);
	}
	if (n == 0 || n > OCI_ID_MAX)
		return err_new(
			ERR_USAGE, "container id '%.80s': 1 to %d characters", id, OCI_ID_MAX);
	return OK;
}

/* ---- directories ---- */

void oci_container_done(struct oci_container *c)
{
	oci_state_done(&c->s);
	free(c->dir);
	auto_close(&c->lock);
	*c = OCI_CONTAINER_NONE;
}

/* The lock is on the directory itself and goes with its descriptor, however we end. */
static RESULT lock(struct oci_container *c, bool wait)
{
	AUTO(auto_close) int fd = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_new(errno == ENOENT ? ERR_NOT_FOUND : ERR_SYS,
			"container '%s' does not exist", strrchr(c->dir, '/') + 1);
	while (flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB) != 0) {
		if (errno != EINTR)
			return err_new(
				errno == EWOULDBLOCK ? ERR_STATE : ERR_SYS, "%s: locking", c->dir);
	}
	c->lock = TAKE_FD(fd);
	return OK;
}

static RESULT first_state(struct oci_container *c, const char *id)
{
	char now[RFC3339_SIZE];

	clock_format(clock_now(), now);
	c->s.version = STATE_VERSION;
	TRY(str_dup(id, &c->s.id));
	TRY(str_dup(id, &c->s.sandbox));
	TRY(str_dup("", &c->s.bundle));
	TRY(str_dup("", &c->s.rootfs));
	TRY(str_dup("", &c->s.address));
	TRY(str_dup("", &c->s.handler));
	TRY(str_dup("creating", &c->s.stage));
	TRY(str_dup(now, &c->s.created));
	return oci_process_set(&c->s.creator, "creator", getpid());
}

RESULT oci_container_new(const char *root, const char *id, struct oci_container *ret_container)
{
	AUTO(oci_container_done) struct oci_container c = OCI_CONTAINER_NONE;

	TRY(oci_id_check(id));
	TRY(dir_make(root, 0711));
	TRY(path_join(root, id, &c.dir));
	TRY(first_state(&c, id));
	if (mkdir(c.dir, 0700) != 0) {
		if (errno == EEXIST)
			return err_new(
				ERR_STATE, "container with id '%s' exists already in %s", id, root);
		return err_new(ERR_SYS, "%s: making it", c.dir);
	}
	struct err e = lock(&c, true);
	if (!failed(e))
		e = oci_container_save(&c);
	if (failed(e)) {
		err_ignore(dir_remove_tree(c.dir)); /* the first failure is what matters */
		return e;
	}
	*ret_container = c;
	c = OCI_CONTAINER_NONE;
	return OK;
}

RESULT oci_container_save(const struct oci_container *c)
{
	AUTO(buf_done) struct buf text = BUF_INIT(OCI_STATE_MAX);
	AUTO(auto_free) char *path = NULL;

	TRY(oci_state_print(&c->s, &text));
	TRY(path_join(c->dir, POD_STATE, &path));
	return file_write_atomic(path, buf_bytes(&text), 0600);
}

static RESULT read_state(struct oci_container *c, const char *id)
{
	AUTO(buf_done) struct buf text = BUF_INIT(OCI_STATE_MAX);
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(c->dir, POD_STATE, &path));
	struct err e = file_read(path, &text);
	if (failed(e) && !file_exists(path))
		return err_new(ERR_NOT_FOUND, "container '%s' does not exist", id);
	TRY(e);
	TRY(oci_state_parse(buf_bytes(&text), &c->s));
	if (!str_equal(c->s.id, id))
		return err_new(ERR_FORMAT, "%s: the state is of '%s'", path, c->s.id);
	return OK;
}

static RESULT open_container(
	const char *root, const char *id, bool locked, struct oci_container *ret_container)
{
	AUTO(oci_container_done) struct oci_container c = OCI_CONTAINER_NONE;

	TRY(oci_id_check(id));
	TRY(path_join(root, id, &c.dir));
	if (locked)
		TRY(lock(&c, true));
	TRY(read_state(&c, id)); /* after the lock: whoever had it may have changed or removed it */
	*ret_container = c;
	c = OCI_CONTAINER_NONE;
	return OK;
}

RESULT oci_container_peek(const char *root, const char *id, struct oci_container *ret_container)
{
	return open_container(root, id, false, ret_container);
}

RESULT oci_container_load(const char *root, const char *id, struct oci_container *ret_container)
{
	return open_container(root, id, true, ret_container);
}

RESULT oci_container_try(const char *root, const char *id, struct oci_container *ret_container)
{
	AUTO(oci_container_done) struct oci_container c = OCI_CONTAINER_NONE;

	TRY(path_join(root, id, &c.dir));
	struct err e = lock(&c, false);
	if (e.code == ERR_STATE || e.code == ERR_NOT_FOUND)
		return OK;
	TRY(e);
	e = read_state(&c, id);
	if (e.code == ERR_NOT_FOUND) {
		/* Without FIFOs and machine yet: only rmdir(), never more than is known. */
		(void)rmdir(c.dir);
		return OK;
	}
	TRY(e);
	*ret_container = c;
	c = OCI_CONTAINER_NONE;
	return OK;
}

void oci_container_remove(struct oci_container *c)
{
	if (c->dir)
		err_ignore(dir_remove_tree(c->dir)); /* what stays is found by the next command */
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

RESULT oci_container_list(const char *root, struct strv *ret_ids)
{
	AUTO(strv_done) struct strv ids = { 0 };
	AUTO(auto_closedir) DIR *d = opendir(root);
	const struct dirent *entry;

	if (!d && errno != ENOENT)
		return err_new(ERR_SYS, "%s: reading", root);
	/* One thread, one stream: NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (d && (entry = readdir(d)))
		if (!failed(oci_id_check(entry->d_name)))
			TRY(strv_add(&ids, entry->d_name));
	if (ids.n > 1)
		qsort(ids.v, ids.n, sizeof(*ids.v), by_name);
	*ret_ids = ids;
	ids = (struct strv){ 0 };
	return OK;
}
