#include "http_transfer.h"

bool http_is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

void transfer_init(
	struct transfer *t, CURL *easy, const struct http_request *req, struct http_response *ret)
{
	*t = (struct transfer){ .easy = easy, .req = req, .ret = ret };
	ret->body = BUF_INIT(req->max_body ? req->max_body : HTTP_BODY_DEFAULT);
}

static size_t abort_with(struct transfer *t, struct err e)
{
	t->aborted = true;
	err_save(e, &t->why);
	return 0; /* fewer bytes than offered: libcurl gives up */
}

static void drop_headers(struct json_map *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].name);
		free(m->v[i].value);
	}
	free(m->v);
	*m = (struct json_map){ 0 };
}

void http_response_done(struct http_response *r)
{
	buf_done(&r->body);
	drop_headers(&r->headers);
	free(r->effective_url);
	*r = (struct http_response){ 0 };
}

static RESULT new_slot(struct json_map *m, const char *name, char ***ret_value)
{
	struct json_pair *v;

	for (size_t i = 0; i < m->n; i++) {
		if (strcmp(m->v[i].name, name) == 0) {
			*ret_value = &m->v[i].value;
			return OK;
		}
	}
	if (m->n == HTTP_HEADERS_MAX)
		return err_new(ERR_LIMIT, "answer has more than %d headers", HTTP_HEADERS_MAX);
	v = realloc(m->v, (m->n + 1) * sizeof(*v));
	if (!v)
		return err_new(ERR_NOMEM, "headers");
	m->v = v;
	v[m->n] = (struct json_pair){ 0 };
	TRY(str_dup(name, &v[m->n].name));
	*ret_value = &v[m->n].value;
	m->n++;
	return OK;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static RESULT add_header(struct json_map *m, struct bytes line)
{
	AUTO(auto_free) char *text = NULL;
	char *colon, *value, **slot = NULL;

	TRY(bytes_to_str(line, &text));
	colon = strchr(text, ':');
	if (!colon || colon == text)
		return OK; /* the empty line at the end */
	*colon = '\0';
	for (char *p = text; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	}
	value = colon + 1;
	while (is_blank(*value))
		value++;
	for (size_t n = strlen(value); n > 0 && is_blank(value[n - 1]); n--)
		value[n - 1] = '\0';
	TRY(new_slot(m, text, &slot));
	free(*slot);
	*slot = NULL;
	return str_dup(value, slot);
}

size_t transfer_on_header(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	struct err e;

	n *= size;
	/* A status line: what came before belonged to "100 Continue" or to the proxy. */
	if (n >= 5 && strncmp(data, "HTTP/", 5) == 0) {
		drop_headers(&t->ret->headers);
		return n;
	}
	t->header_bytes += n;
	if (t->header_bytes > HTTP_HEADER_BYTES_MAX)
		return abort_with(t, err_new(ERR_LIMIT, "answer's headers have more than %d bytes",
					     HTTP_HEADER_BYTES_MAX));
	e = add_header(&t->ret->headers, bytes_of(data, n));
	return failed(e) ? abort_with(t, err_add(e, "header")) : n;
}

static RESULT take_body(struct transfer *t, struct bytes data)
{
	long status = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (t->follows && http_is_redirect((int)status))
		return OK;
	if (!t->req->sink || status < 200 || status > 299) {
		buf_put(&t->ret->body, data);
		return buf_end(&t->ret->body, "answer");
	}
	if (status == 200 && t->skip > 0) {
		size_t n = data.n < t->skip ? data.n : (size_t)t->skip;

		t->skip -= n;
		data = bytes_of(data.p + n, data.n - n);
	}
	return data.n > 0 ? t->req->sink(t->req->sink_arg, data) : OK;
}

size_t transfer_on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	struct err e = take_body(t, bytes_of(data, n * size));

	return failed(e) ? abort_with(t, e) : n * size;
}
