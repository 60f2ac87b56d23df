/* HTTP/1.1 client on libcurl; blocking, bounded. TLS: system roots unless told, TLS 1.2 at least.
 */
#pragma once

#include <base/json.h>

struct http_client; /* one connection pool and one cookie jar */

struct http_client_config {
	struct bytes ca_pem; /* extra roots, may be none */
	bool only_ca_pem;    /* ca_pem instead of the system's roots: pinning */
	const char *user_agent;
	const char *https_proxy, *http_proxy,
		*no_proxy;		     /* NULL: none; the environment is ignored */
	long connect_timeout_ms, timeout_ms; /* 0: 10 s, 60 s. Streams: timeout is for silence. */
	bool cookies;
};
RESULT http_client_new(const struct http_client_config *config, struct http_client **ret_client);
void http_client_free(struct http_client *c);
void http_client_freep(struct http_client **c);

/* Called with body bytes as they arrive; a failure aborts the transfer and is what is returned. */
typedef struct err http_sink_fn(void *arg, struct bytes data);

struct http_request {
	const char *method; /* "GET" */
	const char *url;
	struct bytes body;
	const char *const *headers; /* "Name: value", NULL-ended; may be NULL */
	size_t max_body;	    /* of the response; ERR_LIMIT beyond. 0: 4 MiB */
	unsigned max_redirects;	    /* Authorization is dropped when the origin changes; never
				       from https to http */
	http_sink_fn *sink;	    /* only for a 2xx answer; otherwise the body is kept */
	void *sink_arg;
	/* Range: bytes=N- when > 0. The sink gets what follows byte N also from a server that
	 * answers 200 with everything. */
	uint64_t range_from;
};

struct http_response {
	int status;
	struct buf body;
	struct json_map headers; /* names in lower case; the last of equal ones wins */
	char *effective_url;
};
/* ERR_PEER: no connection, no TLS, redirected too often (the text says why); ERR_TIMEOUT;
 * ERR_UNVERIFIED with denial "tls.certificate" when the server's certificate is refused. A status
 * is not an error. */
RESULT http_do(struct http_client *c, const struct http_request *req, struct http_response *ret);
void http_response_done(struct http_response *r);
const char *http_header(const struct http_response *r, const char *lower_name);
