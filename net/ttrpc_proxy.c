#include "acceptor.h"
#include "ttrpc_client.h"
#include "ttrpc_status.h"
#include "ttrpc_stream.h"

#include <sys/queue.h>

LIST_HEAD(forward_list, forward);
LIST_HEAD(peer_list, peer);

/* One request on its way; its address names it to the upstream client. */
struct forward {
	LIST_ENTRY(forward) link;
	struct peer *peer;
	uint32_t stream; /* as the peer numbered it */
};

struct peer {
	LIST_ENTRY(peer) link;
	struct ttrpc_proxy *proxy;
	struct ttrpc_stream *stream;
	struct forward_list forwards;
};

struct ttrpc_proxy {
	struct loop *loop;
	struct ttrpc_client *upstream;
	struct acceptor *acceptor;
	struct peer_list peers;
	size_t n_peers;
};

static void forward_free(struct forward *f)
{
	LIST_REMOVE(f, link);
	free(f);
}

static void peer_free(struct peer *p)
{
	struct forward *f;

	while ((f = LIST_FIRST(&p->forwards)) != NULL) {
		ttrpc_client_forget(p->proxy->upstream, f);
		forward_free(f);
	}
	ttrpc_stream_free(p->stream);
	LIST_REMOVE(p, link);
	p->proxy->n_peers--;
	free(p);
}

static void send_response(struct peer *p, uint32_t stream, struct bytes response)
{
	const struct ttrpc_header h = { .stream = stream, .type = TTRPC_TYPE_RESPONSE };

	if (failed(ttrpc_stream_send(p->stream, h, response)))
		ttrpc_stream_break(p->stream);
}

static void send_failure(struct peer *p, uint32_t stream, enum ttrpc_code code, const char *message)
{
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);

	if (!failed(ttrpc_response_failure(code, message, NULL, &out)))
		send_response(p, stream, buf_bytes(&out));
}

static void on_reply(void *arg, struct err e, struct bytes response)
{
	struct forward *f = arg;
	struct peer *p = f->peer;
	uint32_t stream = f->stream;

	forward_free(f);
	if (failed(e))
		send_failure(p, stream, ttrpc_code_of(e), err_text());
	else
		send_response(p, stream, response);
}

static void on_frame(void *arg, const struct ttrpc_frame *frame)
{
	struct peer *p = arg;
	struct forward *f;
	struct err e;

	if (frame->type == TTRPC_TYPE_RESPONSE)
		return;
	if (frame->type != TTRPC_TYPE_REQUEST || frame->oversize) {
		send_failure(p, frame->stream, TTRPC_INVALID_ARGUMENT,
			frame->oversize ? "message of more than 4194304 bytes" : "not a request");
		return;
	}
	f = calloc(1, sizeof(*f));
	if (!f) {
		send_failure(p, frame->stream, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	*f = (struct forward){ .peer = p, .stream = frame->stream };
	LIST_INSERT_HEAD(&p->forwards, f, link);
	e = ttrpc_client_forward(p->proxy->upstream, frame->data, on_reply, f);
	if (failed(e)) {
		forward_free(f);
		send_failure(p, frame->stream, ttrpc_code_of(e), err_text());
	}
}

static void on_closed(void *arg)
{
	peer_free(arg);
}

static void on_congestion(void *arg, bool is_congested)
{
	struct ttrpc_proxy *proxy = arg;
	struct peer *p;

	LIST_FOREACH(p, &proxy->peers, link)
	ttrpc_stream_pause(p->stream, is_congested);
}

static void on_accept(void *arg, int fd)
{
	struct ttrpc_proxy *proxy = arg;
	struct peer *p = proxy->n_peers < TTRPC_CONNECTIONS_MAX ? calloc(1, sizeof(*p)) : NULL;

	if (!p) {
		auto_close(&fd);
		return;
	}
	p->proxy = proxy;
	LIST_INIT(&p->forwards);
	struct err e = ttrpc_stream_new(
		&(struct ttrpc_stream_config){
			.loop = proxy->loop,
			.fd = fd,
			.frame = on_frame,
			.closed = on_closed,
			.arg = p,
		},
		&p->stream);

	if (failed(e)) {
		free(p);
		return;
	}
	LIST_INSERT_HEAD(&proxy->peers, p, link);
	proxy->n_peers++;
	ttrpc_stream_pause(p->stream, ttrpc_client_is_congested(proxy->upstream));
}

RESULT ttrpc_proxy_new(struct loop *l, struct ttrpc_client *upstream, int listen_fd,
	struct ttrpc_proxy **ret_proxy)
{
	AUTO(ttrpc_proxy_freep) struct ttrpc_proxy *proxy = calloc(1, sizeof(*proxy));

	if (!proxy) {
		auto_close(&listen_fd);
		return err_new(ERR_NOMEM, "ttrpc proxy");
	}
	proxy->loop = l;
	proxy->upstream = upstream;
	LIST_INIT(&proxy->peers);
	TRY(acceptor_new(l, listen_fd, on_accept, proxy, &proxy->acceptor));
	ttrpc_client_on_congestion(upstream, on_congestion, proxy);
	*ret_proxy = TAKE(proxy);
	return OK;
}

void ttrpc_proxy_freep(struct ttrpc_proxy **p)
{
	struct ttrpc_proxy *proxy = *p;
	struct peer *peer;

	if (!proxy)
		return;
	ttrpc_client_on_congestion(proxy->upstream, NULL, NULL);
	acceptor_free(proxy->acceptor);
	while ((peer = LIST_FIRST(&proxy->peers)) != NULL)
		peer_free(peer);
	free(proxy);
}
