#include "runtime/host_hooks.h"

#include <base/file.h>
#include <base/process.h>
#include <sys/mman.h>

enum {
	HOOKS_MAX = 64,		 /* of a kind */
	WORDS_MAX = 256,	 /* arguments or variables of one */
	STATE_MAX = 1024 * 1024, /* annotations are the most of it */
	OUTPUT_MAX = 4096,	 /* of what a hook says, the part that errors are made of */
	TIMEOUT_MAX = 86400	 /* seconds */
};

struct hook {
	const char *path;
	const char *argv[WORDS_MAX + 2], *envp[WORDS_MAX + 1];
	bool has_env;
	int timeout_ms; /* -1: none */
};

static RESULT take_words(const struct json *list, const char *what, const char **to, size_t *ret_n)
{
	size_t n = json_count(list);

	if (n > WORDS_MAX)
		return err_new(ERR_LIMIT, "%s: more than %d", what, WORDS_MAX);
	for (size_t i = 0; i < n; i++) {
		to[i] = json_string(json_at(list, i));
		if (!to[i])
			return err_new(ERR_FORMAT, "%s[%zu] is no string", what, i);
	}
	*ret_n = n;
	return OK;
}

static RESULT parse(const struct json *j, struct hook *ret_hook)
{
	struct hook h = { .timeout_ms = -1 };
	const char *path = json_string(json_get(j, "path"));
	const struct json *timeout = json_get(j, "timeout");
	uint64_t seconds = 0;
	size_t n = 0;

	if (!path || path[0] != '/')
		return err_new(ERR_FORMAT, "path '%.80s' is no absolute path", path ? path : "");
	TRY(take_words(json_get(j, "args"), "args", h.argv, &n));
	/* The first argument is what the program takes for its name: Docker's hooks are dockerd. */
	h.path = path;
	if (n == 0)
		h.argv[0] = path;
	TRY(take_words(json_get(j, "env"), "env", h.envp, &n));
	h.has_env = json_get(j, "env") != NULL;
	if (timeout) {
		if (!json_u64(timeout, &seconds) || seconds == 0 || seconds > TIMEOUT_MAX)
			return err_new(
				ERR_FORMAT, "timeout: 1 to %d seconds are possible", TIMEOUT_MAX);
		h.timeout_ms = (int)seconds * 1000;
	}
	*ret_hook = h;
	return OK;
}

static RESULT memory_file(const char *name, struct bytes text, int *ret_fd)
{
	AUTO(auto_close) int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		return err_new(ERR_SYS, "%s", name);
	TRY(fd_write_all(fd, text));
	if (lseek(fd, 0, SEEK_SET) != 0)
		return err_new(ERR_SYS, "%s", name);
	*ret_fd = TAKE_FD(fd);
	return OK;
}

static void first_line(int fd, char *to, size_t size)
{
	ssize_t n = pread(fd, to, size - 1, 0);

	to[n > 0 ? n : 0] = '\0';
	to[strcspn(to, "\n")] = '\0';
}

static RESULT run(const struct hook *h, struct bytes state)
{
	AUTO(process_end) struct process p = PROCESS_NONE;
	AUTO(auto_close) int in = -1, out = -1;
	struct process_spec spec = PROCESS_SPEC(h->argv);
	char said[OUTPUT_MAX];
	int status = 0;

	TRY(memory_file("state", state, &in));
	TRY(memory_file("output", BYTES_NONE, &out));
	spec.program = h->path;
	spec.envp = h->has_env ? h->envp : NULL;
	spec.stdin_fd = in;
	spec.stdout_fd = spec.stderr_fd = out;
	TRY(process_start(&spec, &p));
	struct err e = process_wait(&p, h->timeout_ms, &status);
	if (e.code == ERR_TIMEOUT)
		return err_new(
			ERR_TIMEOUT, "%s: not done within %d s", h->path, h->timeout_ms / 1000);
	TRY(e);
	if (status == 0)
		return OK;
	first_line(out, said, sizeof(said));
	return err_new(ERR_PEER, "%s: exit status %d: %.200s", h->path, status, said);
}

#define OCI_VERSION "1.0.2"

void hook_state_json(const struct hook_state *s, struct json_writer *w)
{
	jw_kstr(w, "ociVersion", OCI_VERSION);
	jw_kstr(w, "id", s->id);
	jw_kstr(w, "status", s->status);
	jw_ku64(w, "pid", s->pid);
	jw_kstr(w, "bundle", s->bundle);
	jw_key(w, "annotations");
	jw_object(w);
	for (size_t i = 0; s->annotations && i < s->annotations->n; i++)
		jw_kstr(w, s->annotations->v[i].name, s->annotations->v[i].value);
	jw_object_end(w);
}

RESULT host_hooks_run(const struct json *hooks, const char *kind, const struct hook_state *s)
{
	AUTO(buf_done) struct buf text = BUF_INIT(STATE_MAX);
	const struct json *list = json_get(hooks, kind);
	struct json_writer w = jw_of(&text);
	size_t n = json_count(list);

	if (n == 0)
		return OK;
	if (n > HOOKS_MAX)
		return err_new(ERR_LIMIT, "hooks.%s: more than %d", kind, HOOKS_MAX);
	jw_object(&w);
	hook_state_json(s, &w);
	jw_object_end(&w);
	TRY(buf_end(&text, "container state"));
	for (size_t i = 0; i < n; i++) {
		struct hook h;
		struct err e = parse(json_at(list, i), &h);

		if (!failed(e))
			e = run(&h, buf_bytes(&text));
		if (failed(e))
			return err_add(e, "hooks.%s[%zu]", kind, i);
	}
	return OK;
}
