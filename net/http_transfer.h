/* One request and its answer, without redirects: what libcurl's callbacks fill. */
#pragma once

#include <curl/curl.h>

#include <net/http_client.h>

enum {
	HTTP_HEADERS_MAX = 128,
	HTTP_HEADER_BYTES_MAX = 64 * 1024,
	HTTP_BODY_DEFAULT = 4 * 1024 * 1024
};

struct transfer {
	CURL *easy;
	const struct http_request *req;
	bool follows;  /* a redirect will be followed: its body is not wanted */
	uint64_t skip; /* bytes of the body to pass over */
	size_t header_bytes;
	struct http_response *ret;
	bool aborted; /* by us, for this reason */
	struct err_saved why;
};

void transfer_init(
	struct transfer *t, CURL *easy, const struct http_request *req, struct http_response *ret);
/* CURLOPT_HEADERFUNCTION and CURLOPT_WRITEFUNCTION; the argument is the transfer. */
size_t transfer_on_header(char *data, size_t size, size_t n, void *arg);
size_t transfer_on_body(char *data, size_t size, size_t n, void *arg);
bool http_is_redirect(int status);
