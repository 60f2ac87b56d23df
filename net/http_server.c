#include "deadline.h"
#include "http_exchange.h"

#include <stdio.h>

#include <arpa/inet.h>
#include <base/clock.h>
#include <base/secret.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum {
	MAX_BODY = 2 * 1024 * 1024,
	MAX_CONNECTIONS = 256,
	TIMEOUT_S = 30,
	BACKLOG = 128,
	HEADER_MEMORY = 64 * 1024,	/* of a connection; tokens are long */
	DISCARD_MAX = 16 * 1024 * 1024, /* of a body that is refused */
	ROUNDS_MAX = 16
};

TAILQ_HEAD(ready_queue, http_exchange);
LIST_HEAD(open_list, http_exchange);

struct http_server {
	struct http_server_config c;
	struct MHD_Daemon *daemon;
	struct loop_source *source; /* of libmicrohttpd's epoll descriptor */
	struct deadline deadline;
	bool running; /* within run() */
	struct ready_queue ready;
	struct open_list open;
	uint16_t port;
	struct secret *key; /* with NUL */
	char *cert;
};

/* ---- requests, inside MHD_run() ---- */

static enum MHD_Result send_at_once(struct http_exchange *x, int status)
{
	if (!x->response && !http_exchange_respond(x, status, NULL, BYTES_NONE))
		return MHD_NO;
	enum MHD_Result r = MHD_queue_response(x->connection, (unsigned)x->status, x->response);

	MHD_destroy_response(x->response);
	x->response = NULL;
	return r;
}

static bool announces_too_much(const struct http_exchange *x)
{
	const char *length = http_x_header(x, MHD_HTTP_HEADER_CONTENT_LENGTH);

	/* A number that is none is libmicrohttpd's to refuse. */
	return length && strtoull(length, NULL, 10) > x->body.max;
}

static enum MHD_Result begin_request(struct http_server *s, struct MHD_Connection *connection,
	const char *method, const char *path, void **con_cls)
{
	struct http_exchange *x = http_exchange_new(connection, method, path, s->c.max_body);

	if (!x)
		return MHD_NO;
	x->server = s;
	LIST_INSERT_HEAD(&s->open, x, open);
	*con_cls = x;
	return announces_too_much(x) ? send_at_once(x, MHD_HTTP_CONTENT_TOO_LARGE) : MHD_YES;
}

static enum MHD_Result take_body(struct http_exchange *x, const char *data, size_t *n)
{
	if (x->discarded > 0 || *n > x->body.max - x->body.n)
		x->discarded += *n;
	else
		buf_put(&x->body, bytes_of(data, *n));
	*n = 0;
	/* libmicrohttpd cannot answer before the end of a body; this one may have none. */
	return x->discarded > DISCARD_MAX || x->body.bad ? MHD_NO : MHD_YES;
}

/* The handler runs outside of MHD_run(), so that it may pump the loop. */
static enum MHD_Result end_request(struct http_exchange *x)
{
	if (x->answered)
		return x->response ? send_at_once(x, x->status) : MHD_NO;
	if (x->discarded > 0)
		return send_at_once(x, MHD_HTTP_CONTENT_TOO_LARGE);
	MHD_suspend_connection(x->connection);
	x->suspended = true;
	x->queued = true;
	TAILQ_INSERT_TAIL(&x->server->ready, x, link);
	return MHD_YES;
}

/* The signature is libmicrohttpd's. NOLINTNEXTLINE(readability-function-size) */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size,
	void **con_cls)
{
	(void)version;
	if (!*con_cls)
		return begin_request(arg, connection, method, url, con_cls);
	if (*upload_size > 0)
		return take_body(*con_cls, upload, upload_size);
	return end_request(*con_cls);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **con_cls,
	enum MHD_RequestTerminationCode code)
{
	struct http_exchange *x = *con_cls;

	(void)arg;
	(void)connection;
	(void)code;
	*con_cls = NULL;
	if (!x)
		return;
	if (x->queued)
		TAILQ_REMOVE(&x->server->ready, x, link);
	LIST_REMOVE(x, open);
	x->connection = NULL;
	x->server = NULL;
	/* What the program has not answered yet is the program's to release. */
	if (!x->handed)
		http_exchange_free(x);
}

/* ---- driving libmicrohttpd ---- */

/* libmicrohttpd looks at a resumed connection when it runs next, and asks for no time to do so. */
static void resume(struct http_exchange *x)
{
	if (!x->suspended)
		return;
	x->suspended = false;
	MHD_resume_connection(x->connection);
	if (!x->server->running)
		err_ignore(deadline_need(&x->server->deadline, clock_monotonic_ms()));
}

void http_x_answer(struct http_exchange *x, int status, const char *content_type, struct bytes body)
{
	if (!x->connection) {
		http_exchange_free(x);
		return;
	}
	x->handed = false;
	x->answered = true;
	/* Without memory for this answer there may be some for an empty one; else libmicrohttpd
	 * closes the connection. */
	if (!http_exchange_respond(x, status, content_type, body))
		(void)http_exchange_respond(x, 500, NULL, BYTES_NONE);
	resume(x);
}

/* True when there was something to handle. */
static bool handle_ready(struct http_server *s)
{
	struct http_exchange *x;
	bool any = false;

	while ((x = TAILQ_FIRST(&s->ready)) != NULL) {
		TAILQ_REMOVE(&s->ready, x, link);
		x->queued = false;
		x->handed = true;
		any = true;
		s->c.handle(s->c.arg, x);
	}
	return any;
}

static bool must_run_again(const struct http_server *s, MHD_UNSIGNED_LONG_LONG *ret_ms)
{
	*ret_ms = UINT64_MAX;
	return MHD_get_timeout(s->daemon, ret_ms) == MHD_YES && *ret_ms == 0;
}

static uint64_t run(struct http_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms = 0;
	bool again = true;

	s->running = true;
	for (unsigned i = 0; again && i < ROUNDS_MAX; i++) {
		(void)MHD_run(s->daemon);
		again = handle_ready(s) || must_run_again(s, &ms);
	}
	s->running = false;
	if (again)
		return clock_monotonic_ms() + 1;
	return ms == UINT64_MAX ? 0 : clock_monotonic_ms() + ms;
}

static void on_event(void *arg, int fd, unsigned events)
{
	struct http_server *s = arg;
	uint64_t next = run(s);

	(void)fd;
	(void)events;
	/* Without a timer idle connections stay until the next event. */
	if (next > 0)
		err_ignore(deadline_need(&s->deadline, next));
}

static uint64_t on_deadline(void *arg, uint64_t now)
{
	(void)now;
	return run(arg);
}

/* ---- start and end ---- */

static RESULT bind_socket(const struct http_server_config *c, int *ret_fd)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(c->port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(c->port) };
	bool is_v4 = inet_pton(AF_INET, c->address, &v4.sin_addr) == 1;
	const int on = 1;

	if (!is_v4 && inet_pton(AF_INET6, c->address, &v6.sin6_addr) != 1)
		return err_new(ERR_FORMAT, "not an IP address");
	AUTO(auto_close)
	int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		return err_new(ERR_SYS, "socket");
	if (bind(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
		    is_v4 ? sizeof(v4) : sizeof(v6)) != 0)
		return err_new(ERR_SYS, "bind");
	if (listen(fd, BACKLOG) != 0)
		return err_new(ERR_SYS, "listen");
	*ret_fd = TAKE_FD(fd);
	return OK;
}

static RESULT socket_port(int fd, uint16_t *ret_port)
{
	struct sockaddr_storage a = { 0 };
	socklen_t n = sizeof(a);
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (getsockname(fd, (struct sockaddr *)&a, &n) != 0)
		return err_new(ERR_SYS, "socket");
	memcpy(&v4, &a, sizeof(v4));
	memcpy(&v6, &a, sizeof(v6));
	*ret_port = ntohs(a.ss_family == AF_INET ? v4.sin_port : v6.sin6_port);
	return OK;
}

static RESULT load_identity(struct http_server *s)
{
	if (s->c.cert_pem.n == 0)
		return OK;
	if (s->c.key_pem.n == 0)
		return err_new(ERR_USAGE, "certificate without key");
	TRY(bytes_to_str(s->c.cert_pem, &s->cert));
	TRY(secret_new(s->c.key_pem.n + 1, &s->key));
	memcpy(secret_data(s->key), s->c.key_pem.p, s->c.key_pem.n);
	return OK;
}

static RESULT start(struct http_server *s, int fd)
{
	static const char priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, s->cert },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, s->key ? secret_data(s->key) : NULL },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)priorities },
		{ MHD_OPTION_END, 0, NULL },
	};
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;

	if (s->cert)
		flags |= MHD_USE_TLS;
	else
		tls[0].option = MHD_OPTION_END;
	s->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET,
		fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_CONNECTION_LIMIT,
		s->c.max_connections, MHD_OPTION_CONNECTION_TIMEOUT, s->c.timeout_s,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_MEMORY,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
	if (!s->daemon)
		return err_new(ERR_FORMAT, "%s",
			s->cert ? "certificate or key refused" : "libmicrohttpd does not start");
	return OK;
}

static RESULT watch(struct http_server *s)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	if (!info)
		return err_new(ERR_UNSUPPORTED, "libmicrohttpd without epoll");
	return loop_add_fd(s->deadline.loop, info->epoll_fd, EPOLLIN, on_event, s, &s->source);
}

static RESULT set_up(struct http_server *s)
{
	AUTO(auto_close) int fd = -1;

	TRY(load_identity(s));
	TRY(bind_socket(&s->c, &fd));
	TRY(socket_port(fd, &s->port));
	TRY(start(s, fd));
	fd = -1; /* the daemon closes it */
	return watch(s);
}

static void apply_defaults(struct http_server_config *c)
{
	if (c->max_body == 0)
		c->max_body = MAX_BODY;
	if (c->max_connections == 0)
		c->max_connections = MAX_CONNECTIONS;
	if (c->timeout_s == 0)
		c->timeout_s = TIMEOUT_S;
}

RESULT http_server_new(
	struct loop *l, const struct http_server_config *c, struct http_server **ret_server)
{
	AUTO(http_server_freep) struct http_server *s = calloc(1, sizeof(*s));
	struct err e;

	if (!s)
		return err_new(ERR_NOMEM, "HTTP server");
	s->c = *c;
	apply_defaults(&s->c);
	TAILQ_INIT(&s->ready);
	LIST_INIT(&s->open);
	s->deadline = (struct deadline){ .loop = l, .fn = on_deadline, .arg = s };
	e = set_up(s);
	if (failed(e))
		return err_add(e, "HTTP server on %s port %u", c->address, c->port);
	/* Only needed to start. */
	s->c.cert_pem = s->c.key_pem = BYTES_NONE;
	s->c.address = NULL;
	*ret_server = TAKE(s);
	return OK;
}

void http_server_free(struct http_server *s)
{
	struct http_exchange *x;

	if (!s)
		return;
	deadline_done(&s->deadline);
	s->running = true; /* below, and no more after it */
	loop_remove(s->source);
	/* libmicrohttpd cannot stop with suspended connections. */
	LIST_FOREACH(x, &s->open, open)
	{
		if (!x->suspended)
			continue;
		x->answered = true;
		(void)http_exchange_respond(x, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, BYTES_NONE);
		resume(x);
	}
	if (s->daemon) {
		(void)MHD_run(s->daemon);
		MHD_stop_daemon(s->daemon);
	}
	secret_free(s->key);
	free(s->cert);
	free(s);
}

void http_server_freep(struct http_server **s)
{
	http_server_free(*s);
}

uint16_t http_server_port(const struct http_server *s)
{
	return s->port;
}
