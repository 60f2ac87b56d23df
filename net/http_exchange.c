#include "http_exchange.h"

#include <stdio.h>

#include <arpa/inet.h>
#include <netinet/in.h>

static void format_peer(struct http_exchange *x)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	char text[INET6_ADDRSTRLEN] = "";

	if (!info || !info->client_addr)
		return;
	if (info->client_addr->sa_family == AF_INET) {
		struct sockaddr_in a;

		memcpy(&a, info->client_addr, sizeof(a));
		(void)inet_ntop(AF_INET, &a.sin_addr, text, sizeof(text));
		(void)snprintf(x->peer, sizeof(x->peer), "%s:%u", text, ntohs(a.sin_port));
	} else if (info->client_addr->sa_family == AF_INET6) {
		struct sockaddr_in6 a;

		memcpy(&a, info->client_addr, sizeof(a));
		(void)inet_ntop(AF_INET6, &a.sin6_addr, text, sizeof(text));
		(void)snprintf(x->peer, sizeof(x->peer), "[%s]:%u", text, ntohs(a.sin6_port));
	}
}

struct http_exchange *http_exchange_new(
	struct MHD_Connection *connection, const char *method, const char *path, size_t max_body)
{
	struct http_exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->connection = connection;
	x->method = strdup(method);
	x->path = strdup(path);
	x->body = BUF_INIT(max_body);
	if (!x->method || !x->path) {
		http_exchange_free(x);
		return NULL;
	}
	format_peer(x);
	return x;
}

void http_exchange_free(struct http_exchange *x)
{
	for (size_t i = 0; i < x->n_headers; i++) {
		free(x->headers[i].name);
		free(x->headers[i].value);
	}
	if (x->response)
		MHD_destroy_response(x->response);
	free(x->method);
	free(x->path);
	buf_done(&x->body);
	free(x);
}

bool http_exchange_respond(
	struct http_exchange *x, int status, const char *content_type, struct bytes body)
{
	/* The copying mode only reads; its parameter lost the const. */
	struct MHD_Response *r = MHD_create_response_from_buffer(
		body.n, (void *)(uintptr_t)body.p, MHD_RESPMEM_MUST_COPY);

	if (!r)
		return false;
	if (content_type)
		(void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	for (size_t i = 0; i < x->n_headers; i++)
		(void)MHD_add_response_header(r, x->headers[i].name, x->headers[i].value);
	x->response = r;
	x->status = status;
	return true;
}

const char *http_x_method(const struct http_exchange *x)
{
	return x->method;
}

const char *http_x_path(const struct http_exchange *x)
{
	return x->path;
}

struct bytes http_x_body(const struct http_exchange *x)
{
	return buf_bytes(&x->body);
}

const char *http_x_peer(const struct http_exchange *x)
{
	return x->peer;
}

static const char *lookup(const struct http_exchange *x, enum MHD_ValueKind kind, const char *name)
{
	const char *value = NULL;
	size_t n = 0;

	if (!x->connection || MHD_lookup_connection_value_n(x->connection, kind, name, strlen(name),
				      &value, &n) != MHD_YES)
		return NULL;
	return value ? value : "";
}

const char *http_x_query(const struct http_exchange *x, const char *name)
{
	return lookup(x, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_x_header(const struct http_exchange *x, const char *name)
{
	return lookup(x, MHD_HEADER_KIND, name);
}

const char *http_x_cookie(const struct http_exchange *x, const char *name)
{
	return lookup(x, MHD_COOKIE_KIND, name);
}

void http_x_add_header(struct http_exchange *x, const char *name, const char *value)
{
	struct http_header_pair pair;

	if (x->n_headers == HTTP_ANSWER_HEADERS_MAX)
		return;
	pair = (struct http_header_pair){ strdup(name), strdup(value) };
	if (!pair.name || !pair.value) {
		free(pair.name);
		free(pair.value);
		return;
	}
	x->headers[x->n_headers++] = pair;
}
