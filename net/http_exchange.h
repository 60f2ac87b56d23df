/* One request: what libmicrohttpd and the program share. */
#pragma once

#include <microhttpd.h>

#include <net/http_server.h>
#include <sys/queue.h>

enum {
	HTTP_ANSWER_HEADERS_MAX = 32,
	HTTP_PEER_TEXT_MAX = 64
};

struct http_exchange {
	TAILQ_ENTRY(http_exchange) link; /* in the server's list of requests to handle */
	LIST_ENTRY(http_exchange) open;	 /* in its list of all */
	struct http_server *server;
	struct MHD_Connection *connection; /* NULL: gone */
	char *method, *path;
	struct buf body;
	size_t discarded; /* bytes beyond the maximum, read to be able to answer */
	bool queued;	  /* waits to be handled */
	bool handed;	  /* the program has it and will answer */
	bool suspended, answered;
	struct MHD_Response *response; /* answered, not yet taken by libmicrohttpd */
	int status;
	struct http_header_pair {
		char *name, *value;
	} headers[HTTP_ANSWER_HEADERS_MAX];
	size_t n_headers;
	char peer[HTTP_PEER_TEXT_MAX];
};

/* NULL: out of memory. */
struct http_exchange *http_exchange_new(
	struct MHD_Connection *connection, const char *method, const char *path, size_t max_body);
void http_exchange_free(struct http_exchange *x);
/* Makes the response; false: out of memory. */
bool http_exchange_respond(
	struct http_exchange *x, int status, const char *content_type, struct bytes body);
