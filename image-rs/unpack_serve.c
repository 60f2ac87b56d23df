#include "failure.h"

#include <base/ipc.h>
#include <image-rs/unpack_ipc.h>

enum {
	RESOURCE_MAX = 1024 * 1024,
	PROGRESS_BYTES = 32
};

static int hub_of(void *arg)
{
	return *(const int *)arg;
}

static RESULT wrong_answer(const struct ipc_message *m)
{
	if (m->type == UNPACK_REFUSED)
		return failure_read(buf_bytes(&m->body));
	return err_new(ERR_PEER, "hub: message %u", m->type);
}

static RESULT ask_key(void *arg, struct bytes packet, struct secret **ret_options)
{
	AUTO(ipc_message_done) struct ipc_message m = { 0 };

	TRY(ipc_send(hub_of(arg), UNPACK_UNWRAP, packet));
	TRY(ipc_recv(hub_of(arg), -1, &m));
	if (m.type != UNPACK_KEY)
		return wrong_answer(&m);
	struct err e = secret_of(buf_bytes(&m.body), ret_options);
	bytes_wipe(m.body.p, m.body.n);
	return e;
}

static RESULT ask_resource(void *arg, const char *uri, struct buf *ret)
{
	AUTO(buf_done) struct buf value = BUF_INIT(RESOURCE_MAX);
	bool more = true;

	TRY(ipc_send(hub_of(arg), UNPACK_RESOURCE, bytes_str(uri)));
	while (more) {
		AUTO(ipc_message_done) struct ipc_message m = { 0 };
		TRY(ipc_recv(hub_of(arg), -1, &m));
		if (m.type != UNPACK_DATA)
			return wrong_answer(&m);
		TRY(unpack_take_part(buf_bytes(&m.body), &value, &more));
	}
	buf_put(ret, buf_bytes(&value));
	return buf_end(ret, uri);
}

static void tell_progress(void *arg, size_t layer, size_t layers, uint64_t done, uint64_t total)
{
	AUTO(buf_done) struct buf b = BUF_INIT(PROGRESS_BYTES);

	buf_le16(&b, layer);
	buf_le16(&b, layers);
	buf_le64(&b, done);
	buf_le64(&b, total);
	err_ignore(ipc_send(hub_of(arg), UNPACK_PROGRESS, buf_bytes(&b))); /* only for people */
}

static RESULT receive_request(int fd, struct unpack_request *r)
{
	for (;;) {
		AUTO(ipc_message_done) struct ipc_message m = { 0 };
		TRY(ipc_recv(fd, -1, &m));
		if (m.type == UNPACK_GO)
			return OK;
		if (m.type != UNPACK_FIELD)
			return err_new(ERR_PEER, "message %u", m.type);
		TRY(unpack_request_add(r, buf_bytes(&m.body)));
	}
}

static RESULT serve(int fd, struct img_pulled *pulled)
{
	struct img_callbacks callbacks = {
		.unwrap_key = ask_key,
		.resource = ask_resource,
		.progress = tell_progress,
		.arg = &fd,
	};
	AUTO(unpack_request_done) struct unpack_request r = { 0 };
	struct img_pull_request view;

	unpack_request_init(&r);
	TRY(receive_request(fd, &r));
	TRY(unpack_request_view(&r, &view));
	view.callbacks = &callbacks;
	return img_pull(&view, pulled);
}

static RESULT report(int fd, struct err e, const struct img_pulled *pulled)
{
	AUTO(buf_done) struct buf text = BUF_INIT(IPC_MESSAGE_MAX);

	if (failed(e)) {
		failure_write(e, &text);
		err_ignore(ipc_send(fd, UNPACK_FAILED, buf_bytes(&text))); /* nobody listens */
		return failure_read(buf_bytes(&text));
	}
	TRY(unpack_send_parts(fd, UNPACK_CONFIG, BYTES_NONE, buf_bytes(&pulled->config)));
	return ipc_send(fd, UNPACK_DONE, bytes_str(pulled->manifest_digest));
}

RESULT unpack_serve(int fd)
{
	AUTO(img_pulled_done) struct img_pulled pulled = { 0 };
	struct err e = serve(fd, &pulled);

	return report(fd, e, &pulled);
}
