/* HTTP(S) server on libmicrohttpd, driven by the loop. TLS 1.2 at least. */
#pragma once

#include <base/json.h>
#include <base/loop.h>

struct http_server;
struct http_exchange; /* one request and its answer */

struct http_server_config {
	const char *address;		     /* "127.0.0.1", "::" */
	uint16_t port;			     /* 0: any; see http_server_port() */
	struct bytes cert_pem, key_pem;	     /* both or none */
	size_t max_body;		     /* 0: 2 MiB; 413 beyond */
	unsigned max_connections, timeout_s; /* 0: 256, 30 */
	/* Called from the loop with the whole request. Must answer once, now or later, also when
	 * the server was freed meanwhile; it may pump the loop. */
	void (*handle)(void *arg, struct http_exchange *x);
	void *arg;
};
RESULT http_server_new(
	struct loop *l, const struct http_server_config *c, struct http_server **ret_server);
/* Requests that wait for their answer get 503. Not from within `handle`. */
void http_server_free(struct http_server *s);
void http_server_freep(struct http_server **s);
uint16_t http_server_port(const struct http_server *s);

const char *http_x_method(const struct http_exchange *x);
const char *http_x_path(const struct http_exchange *x); /* decoded, without query */
const char *http_x_query(const struct http_exchange *x, const char *name);  /* NULL when absent */
const char *http_x_header(const struct http_exchange *x, const char *name); /* NULL when absent */
const char *http_x_cookie(const struct http_exchange *x, const char *name);
struct bytes http_x_body(const struct http_exchange *x);
/* "" when the peer is gone. */
const char *http_x_peer(const struct http_exchange *x); /* "127.0.0.1:4711" */
/* For the answer to come; more than 32 are dropped. */
void http_x_add_header(struct http_exchange *x, const char *name, const char *value);
/* content_type NULL: none. The body is copied. Releases the exchange; harmless when the peer is
 * gone. */
void http_x_answer(
	struct http_exchange *x, int status, const char *content_type, struct bytes body);
