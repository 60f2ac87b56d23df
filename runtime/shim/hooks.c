/*
 * Hooks of config.json that run on the host. They may take long, so they run in a process of their
 * own; the pod goes on meanwhile. It says by its exit status and a line of text how they went.
 */
#include "shim.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <base/file.h>
#include <runtime/host_hooks.h>
#include <runtime/oci_json.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum {
	REASON_MAX = 1024,
	KINDS_MAX = 2
};

static const struct {
	const char *status;
	const char *kinds[KINDS_MAX + 1];
} moments[] = {
	[HOOKS_CREATE] = { "creating", { "prestart", "createRuntime" } },
	[HOOKS_STARTED] = { "running", { "poststart" } },
	[HOOKS_DELETED] = { "stopped", { "poststop" } },
};

struct hooked {			  /* of config.json */
	const struct json *hooks; /* of the tree */
	struct json_map annotations;
};
static const struct json_field hooked_fields[] = {
	JSON_FIELD(struct hooked, annotations, FIELD_MAP, FIELD_NULLABLE, OCI_SPEC_MAX),
};
static const struct json_table hooked_table = {
	.what = "config.json",
	.size = sizeof(struct hooked),
	.fields = hooked_fields,
	.n = ARRAY_LEN(hooked_fields),
};
static void hooked_done(struct hooked *h)
{
	json_release(&hooked_table, h);
}

/* Tables take whole objects, and config.json has more than these two members. */
static RESULT pick(const struct json *config, struct hooked *ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT(OCI_SPEC_MAX);
	const struct json *annotations = json_get(config, "annotations");

	buf_put(&text, bytes_str("{"));
	if (annotations) {
		buf_put(&text, bytes_str("\"annotations\":"));
		json_print(annotations, &text);
	}
	buf_put(&text, bytes_str("}"));
	TRY(buf_end(&text, "annotations"));
	TRY(json_decode_text(buf_bytes(&text), &hooked_table, ret));
	ret->hooks = json_get(config, "hooks");
	return OK;
}

struct run { /* between the start of that process and its end */
	struct task *task;
	hooks_fn *fn;
	int reason_fd;
};

static void on_end(void *arg, pid_t pid, int status)
{
	AUTO(auto_free) struct run *r = arg;
	AUTO(auto_close) int fd = r->reason_fd;
	AUTO(task_unrefp) struct task *p = r->task;
	char reason[REASON_MAX];
	ssize_t n = status == 0 ? 0 : read(fd, reason, sizeof(reason) - 1);

	(void)pid;
	reason[n > 0 ? n : 0] = '\0';
	r->fn(p, status == 0 ? OK : err_new(ERR_PEER, "%s", n > 0 ? reason : "hooks: killed"));
}

static struct err run_kinds(const struct task *p, const struct hooked *h, enum hooks_moment moment)
{
	const struct hook_state state = {
		.id = p->id,
		.status = moments[moment].status,
		.bundle = p->bundle,
		.pid = moment == HOOKS_DELETED ? 0 : p->shim->pid,
		.annotations = &h->annotations,
	};

	for (const char *const *kind = moments[moment].kinds; *kind; kind++)
		TRY(host_hooks_run(h->hooks, *kind, &state));
	return OK;
}

/* In the process of the hooks; what they leave running is not ours. */
static _Noreturn void child(
	const struct task *p, const struct hooked *h, enum hooks_moment moment, int reason_fd)
{
	struct err e;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	e = run_kinds(p, h, moment);
	if (failed(e))
		err_ignore(fd_write_all(reason_fd, bytes_str(err_text())));
	_exit(failed(e) ? 1 : 0);
}

static RESULT begin(struct task *p, const struct hooked *h, enum hooks_moment moment, hooks_fn *fn)
{
	AUTO(auto_free) struct run *r = malloc(sizeof(*r));
	AUTO(auto_close) int out = -1;
	AUTO(auto_close) int in = -1;
	int ends[2];

	if (!r)
		return err_new(ERR_NOMEM, "hooks");
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return err_new(ERR_SYS, "hooks");
	out = ends[0];
	in = ends[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_new(ERR_SYS, "hooks");
	if (pid == 0)
		child(p, h, moment, in);
	*r = (struct run){ .task = task_ref(p), .fn = fn, .reason_fd = TAKE_FD(out) };
	struct err e = loop_add_child(p->shim->c.loop, pid, on_end, r);
	if (failed(e)) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		task_unref(p);
		(void)close(r->reason_fd);
		return e;
	}
	r = NULL;
	return OK;
}

static bool any(const struct hooked *h, enum hooks_moment moment)
{
	for (const char *const *kind = moments[moment].kinds; *kind; kind++)
		if (json_count(json_get(h->hooks, *kind)) > 0)
			return true;
	return false;
}

RESULT hooks_start(struct task *p, enum hooks_moment moment, hooks_fn *fn, bool *ret_any)
{
	AUTO(buf_done) struct buf text = BUF_INIT(OCI_SPEC_MAX);
	AUTO(json_freep) struct json *tree = NULL;
	AUTO(hooked_done) struct hooked h = { 0 };
	AUTO(auto_free) char *path = NULL;

	*ret_any = false;
	TRY(path_join(p->bundle, "config.json", &path));
	TRY(file_read(path, &text));
	TRY(json_parse(buf_bytes(&text), &tree));
	TRY(pick(tree, &h));
	if (!any(&h, moment))
		return OK;
	TRY(begin(p, &h, moment, fn));
	*ret_any = true;
	return OK;
}
