/*
 * ttrpc: 10-byte header (u32 BE length, u32 BE stream, u8 type, u8 flags), protobuf payload.
 * Client and server on one connected stream (socket or virtio-serial port), many calls at a time.
 * Payloads are protobuf-c messages packed by the caller (see net/pb.h).
 */
#pragma once

#include <base/buf.h>
#include <base/loop.h>

enum {
	TTRPC_MESSAGE_MAX = 4 * 1024 * 1024,
	TTRPC_STREAMS_MAX = 256,    /* unanswered calls of one connection, either side */
	TTRPC_CALLS_MAX = 1024,	    /* unanswered calls of a server, left peers included */
	TTRPC_CONNECTIONS_MAX = 128 /* of a server or proxy; more are closed at once */
};

/* gRPC status numbers */
enum ttrpc_code {
	TTRPC_OK = 0,
	TTRPC_CANCELLED = 1,
	TTRPC_UNKNOWN = 2,
	TTRPC_INVALID_ARGUMENT = 3,
	TTRPC_DEADLINE_EXCEEDED = 4,
	TTRPC_NOT_FOUND = 5,
	TTRPC_ALREADY_EXISTS = 6,
	TTRPC_PERMISSION_DENIED = 7,
	TTRPC_RESOURCE_EXHAUSTED = 8,
	TTRPC_FAILED_PRECONDITION = 9,
	TTRPC_UNIMPLEMENTED = 12,
	TTRPC_INTERNAL = 13,
	TTRPC_UNAVAILABLE = 14,
	TTRPC_UNAUTHENTICATED = 16
};
enum ttrpc_code ttrpc_code_of(struct err e);
enum err_code err_code_of_ttrpc(enum ttrpc_code code);

/* ---- server ---- */
struct ttrpc_server;
struct ttrpc_call; /* lives until answered; answering after the peer left is harmless */

/* Answers now or later with ttrpc_answer() or ttrpc_fail(). `payload` is valid during the call. */
typedef void ttrpc_handle_fn(void *arg, struct ttrpc_call *call, struct bytes payload);

struct ttrpc_method {
	const char *service; /* "grpc.AgentService" */
	const char *method;
	ttrpc_handle_fn *handle;
};

struct ttrpc_server_config {
	const struct ttrpc_method *methods;
	size_t n_methods;
	void *arg;
	/* Answer to an unknown method. 0: TTRPC_NOT_FOUND "/<service>/<Method> is not supported",
	 * as Rust's servers say; containerd expects TTRPC_UNIMPLEMENTED. */
	enum ttrpc_code unknown_method;
	/* Before every handler: a failure is the answer. May be NULL. */
	struct err (*check)(void *arg, const struct ttrpc_method *m, struct bytes payload);
	/* Peer gone (stream transports only); may be NULL. */
	void (*closed)(void *arg);
};
RESULT ttrpc_server_new(
	struct loop *l, const struct ttrpc_server_config *c, struct ttrpc_server **ret_server);
/* Unanswered calls stay valid: answering them then does nothing but release them. */
void ttrpc_server_free(struct ttrpc_server *s);
void ttrpc_server_freep(struct ttrpc_server **s);
/* Accepts on a listening socket; the fd becomes the server's, also on failure. */
RESULT ttrpc_server_listen(struct ttrpc_server *s, int listen_fd);
/* Serves one connected stream; the fd becomes the server's, also on failure. A virtio-serial port
 * that its host side left (EOF/HUP) is kept open and served again when the host returns; `closed`
 * is called each time. */
RESULT ttrpc_server_add(struct ttrpc_server *s, int fd, bool virtio_port);

void ttrpc_answer(struct ttrpc_call *call, struct bytes payload);
/* With a message that has one field, of type bytes and with this number (at most 15). Large ones
 * are handed to the peer without being copied. */
void ttrpc_answer_field(struct ttrpc_call *call, unsigned field, struct bytes data);
/* Status from the error's code, message from err_text(), the denial (if any) in its details. */
void ttrpc_fail(struct ttrpc_call *call, struct err e);
/* A status of the caller's choice. */
void ttrpc_fail_as(struct ttrpc_call *call, enum ttrpc_code code, const char *message);
/* Remaining time the caller grants, in ms; -1: no limit. At 0 the server has answered in the
 * handler's place (TTRPC_DEADLINE_EXCEEDED); the handler still releases the call by answering. */
int64_t ttrpc_call_timeout_ms(const struct ttrpc_call *call);

/* ---- client ---- */
struct ttrpc_client;
/* e: failed(e) with the peer's message as err_text(), or OK and the payload. */
typedef void ttrpc_reply_fn(void *arg, struct err e, struct bytes payload);

/* The fd becomes the client's, also on failure. All pending calls fail with ERR_PEER when the peer
 * goes and also when the client is freed, so every started call is reported once. */
RESULT ttrpc_client_new(struct loop *l, int fd, struct ttrpc_client **ret_client);
void ttrpc_client_free(struct ttrpc_client *c);
void ttrpc_client_freep(struct ttrpc_client **c);
/* The peer left; every call has been or is being reported. */
bool ttrpc_client_is_gone(const struct ttrpc_client *c);
struct ttrpc_request {
	const char *service, *method;
	struct bytes payload;
	uint64_t timeout_ms; /* 0: none */
};
/* ERR_PEER when the peer is gone, ERR_LIMIT when it does not read or TTRPC_STREAMS_MAX calls are
 * pending; then fn is not called. Otherwise it is called once, never from within ttrpc_start(). */
RESULT ttrpc_start(
	struct ttrpc_client *c, const struct ttrpc_request *r, ttrpc_reply_fn *fn, void *arg);
/* Pumps the loop until the answer is here, so other callbacks run meanwhile. */
RESULT ttrpc_call_sync(struct ttrpc_client *c, const struct ttrpc_request *r, struct buf *out);

/* ---- proxy: many clients on one upstream stream, stream ids remapped ---- */
struct ttrpc_proxy;
/* Frames of every connection accepted on listen_fd go through the client's stream. The fd becomes
 * the proxy's, also on failure. The proxy is freed before its upstream. */
RESULT ttrpc_proxy_new(struct loop *l, struct ttrpc_client *upstream, int listen_fd,
	struct ttrpc_proxy **ret_proxy);
void ttrpc_proxy_freep(struct ttrpc_proxy **p);
