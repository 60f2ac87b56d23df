#include "failure.h"

#include <stdlib.h>

#include <base/ipc.h>
#include <base/process.h>
#include <image-rs/reference.h>
#include <image-rs/unpack_client.h>
#include <image-rs/unpack_ipc.h>

enum {
	RESOURCE_MAX = 1024 * 1024,
	URI_MAX = 2048,
	END_TIMEOUT_MS = 2000
};

struct unpack {
	struct loop *loop;
	struct loop_source *source;
	struct process process;
	int fd;
	const struct img_callbacks *callbacks;
	unpack_done_fn *done;
	void *arg;
	struct img_pulled pulled;
	bool complete; /* CONFIG and DONE have come */
};

/* ---- answers ---- */

static RESULT refuse(const struct unpack *u, struct err e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(IPC_MESSAGE_MAX);

	failure_write(e, &text);
	return ipc_send(u->fd, UNPACK_REFUSED, buf_bytes(&text));
}

static RESULT on_unwrap(struct unpack *u, struct bytes packet)
{
	const struct img_callbacks *cb = u->callbacks;
	AUTO(secret_freep) struct secret *options = NULL;
	struct err e = cb && cb->unwrap_key ? cb->unwrap_key(cb->arg, packet, &options)
					    : err_new(ERR_DENIED, "no keys here");

	if (failed(e))
		return refuse(u, e);
	return ipc_send(u->fd, UNPACK_KEY, secret_bytes(options));
}

static RESULT on_resource(struct unpack *u, struct bytes text)
{
	const struct img_callbacks *cb = u->callbacks;
	AUTO(buf_done) struct buf value = BUF_INIT(RESOURCE_MAX);
	AUTO(auto_free) char *uri = NULL;

	if (text.n > URI_MAX)
		return err_new(ERR_PEER, "URI of %zu bytes", text.n);
	TRY(bytes_to_str(text, &uri));
	struct err e = cb && cb->resource ? cb->resource(cb->arg, uri, &value)
					  : err_new(ERR_DENIED, "no resources here");
	if (failed(e))
		return refuse(u, e);
	return unpack_send_parts(u->fd, UNPACK_DATA, BYTES_NONE, buf_bytes(&value));
}

static RESULT on_progress(struct unpack *u, struct bytes body)
{
	const struct img_callbacks *cb = u->callbacks;
	struct unpack_progress p;

	TRY(unpack_progress_read(body, &p));
	if (cb && cb->progress)
		cb->progress(cb->arg, p.layer, p.layers, p.done, p.total);
	return OK;
}

static RESULT on_config(struct unpack *u, struct bytes body)
{
	bool more;

	return unpack_take_part(body, &u->pulled.config, &more);
}

static RESULT on_done(struct unpack *u, struct bytes body)
{
	TRY(bytes_to_str(body, &u->pulled.manifest_digest));
	if (!img_is_digest(u->pulled.manifest_digest) || u->pulled.config.n == 0)
		return err_new(ERR_PEER, "an end without a digest or configuration");
	u->complete = true;
	return OK;
}

static RESULT on_failed(struct unpack *u, struct bytes body)
{
	(void)u;
	return failure_read(body);
}

typedef struct err handler_fn(struct unpack *u, struct bytes body);

struct handler {
	enum unpack_message type;
	handler_fn *handle;
};
static const struct handler handlers[] = {
	{ UNPACK_UNWRAP, on_unwrap },
	{ UNPACK_RESOURCE, on_resource },
	{ UNPACK_PROGRESS, on_progress },
	{ UNPACK_CONFIG, on_config },
	{ UNPACK_DONE, on_done },
	{ UNPACK_FAILED, on_failed },
};

static RESULT take_message(struct unpack *u)
{
	AUTO(ipc_message_done) struct ipc_message m = { 0 };
	struct err e = ipc_recv(u->fd, 0, &m);

	if (e.code == ERR_NOT_FOUND)
		return err_new(ERR_PEER, "sealpod-unpack ended without a result");
	TRY(e);
	for (size_t i = 0; i < ARRAY_LEN(handlers); i++)
		if (handlers[i].type == m.type)
			return handlers[i].handle(u, buf_bytes(&m.body));
	return err_new(ERR_PEER, "sealpod-unpack sent message %u", m.type);
}

/* ---- life ---- */

static void stop(struct unpack *u)
{
	loop_remove(TAKE(u->source));
	auto_close(&u->fd);
	u->fd = -1;
	process_end(&u->process);
}

static void on_readable(void *arg, int fd, unsigned events)
{
	struct unpack *u = arg;
	struct err_saved why;

	(void)fd;
	(void)events;
	struct err e = take_message(u);
	if (!failed(e) && !u->complete)
		return;
	err_save(e, &why);
	if (u->complete) {
		int status;
		err_ignore(process_wait(&u->process, END_TIMEOUT_MS, &status)); /* killed below */
	}
	stop(u);
	if (failed(e))
		e = err_restore(&why);
	u->done(u->arg, e, failed(e) ? NULL : &u->pulled); /* may free u */
}

static RESULT start_process(struct unpack *u, const char *program)
{
	const char *const argv[] = { program, NULL };
	struct process_spec spec = PROCESS_SPEC(argv);
	int fds[2];

	TRY(ipc_pair(fds));
	spec.stdin_fd = -1;
	spec.stdout_fd = -1;
	spec.keep_fds[0] = fds[1];
	spec.n_keep_fds = 1;
	spec.die_with_parent = true;
	spec.no_new_privs = true;
	struct err e = process_start(&spec, &u->process);
	(void)close(fds[1]);
	u->fd = fds[0];
	return e;
}

static void unpack_freep(struct unpack **u)
{
	unpack_free(*u);
}

RESULT unpack_start(struct loop *l, const struct unpack_start *s, struct unpack **ret_unpack)
{
	AUTO(unpack_freep) struct unpack *u = calloc(1, sizeof(*u));

	if (!u)
		return err_new(ERR_NOMEM, "sealpod-unpack");
	u->loop = l;
	u->fd = -1;
	u->process = PROCESS_NONE;
	u->callbacks = s->pull->callbacks;
	u->done = s->done;
	u->arg = s->arg;
	u->pulled.config = BUF_INIT(IMG_MANIFEST_MAX);
	TRY(start_process(u, s->program));
	TRY(unpack_request_send(u->fd, s->pull));
	TRY(loop_add_fd(l, u->fd, EPOLLIN, on_readable, u, &u->source));
	*ret_unpack = TAKE(u);
	return OK;
}

void unpack_free(struct unpack *u)
{
	if (!u)
		return;
	stop(u);
	img_pulled_done(&u->pulled);
	free(u);
}
