/* api-server-rest (spec: guest-components 4): for workloads in this guest only. */
#include "hub.h"

#include <string.h>

#include <base/encode.h>
#include <net/http_server.h>

enum {
	REST_PORT = 8006
};

#define OCTETS	 "application/octet-stream"
#define RESOURCE "/cdh/resource/"

static void answer_text(struct http_exchange *x, int status, const char *text)
{
	http_x_answer(x, status, "text/plain", bytes_str(text));
}

static void answer(struct http_exchange *x, struct err e, struct bytes body)
{
	if (failed(e))
		answer_text(x, 500, err_text());
	else
		http_x_answer(x, 200, OCTETS, body);
}

static void get_token(struct hub *h, struct http_exchange *x)
{
	AUTO(buf_done) struct buf json = BUF_INIT(HUB_ANSWER_MAX);
	const char *type = http_x_query(x, "token_type");

	if (!type) {
		answer_text(x, 400, "BAD REQUEST");
		return;
	}
	struct err e = str_equal(type, "kbs") ? hub_token(h, &json)
					      : err_new(ERR_UNSUPPORTED, "token_type %.32s", type);
	answer(x, e, buf_bytes(&json));
	bytes_wipe(json.p, json.n);
}

static RESULT runtime_data(const struct http_exchange *x, struct buf *out)
{
	const char *text = http_x_query(x, "runtime_data");
	const char *encoding = http_x_query(x, "encoding");

	if (!text)
		return err_new(ERR_FORMAT, "runtime_data is missing");
	if (encoding && str_equal(encoding, "base64"))
		return base64_decode(BASE64_URL_NO_PAD, bytes_str(text), "runtime_data", out);
	buf_puts(out, text);
	return buf_end(out, "runtime_data");
}

static void get_evidence(struct hub *h, struct http_exchange *x)
{
	AUTO(buf_done) struct buf json = BUF_INIT(HUB_ANSWER_MAX);
	AUTO(buf_done) struct buf data = BUF_INIT(DIGEST_MAX);

	if (failed(runtime_data(x, &data))) {
		answer_text(x, 400, err_text());
		return;
	}
	struct err e = hub_evidence(h, buf_bytes(&data), &json);
	answer(x, e, buf_bytes(&json));
}

static void get_resource(struct hub *h, struct http_exchange *x)
{
	AUTO(secret_freep) struct secret *value = NULL;
	AUTO(auto_free) char *uri = NULL;
	struct err e = str_format(&uri, "kbs:///%s", http_x_path(x) + strlen(RESOURCE));

	if (!failed(e))
		e = hub_resource(h, uri, &value);
	answer(x, e, value ? secret_bytes(value) : BYTES_NONE);
}

static void get_info(struct hub *h, struct http_exchange *x)
{
	AUTO(buf_done) struct buf json = BUF_INIT(HUB_ANSWER_MAX);
	struct json_writer w = jw_of(&json);

	jw_object(&w);
	jw_kstr(&w, "version", "0.1.0");
	jw_kstr(&w, "tee", hub_tee_name(h));
	jw_kstr(&w, "feature", "all");
	jw_object_end(&w);
	http_x_answer(x, 200, "application/json", buf_bytes(&json));
}

static void handle(void *arg, struct http_exchange *x)
{
	const char *path = http_x_path(x);
	bool get = str_equal(http_x_method(x), "GET");

	if (!str_starts(http_x_peer(x), "127."))
		answer_text(x, 403, "Forbidden");
	else if (str_starts(path, RESOURCE))
		get_resource(arg, x);
	else if (get && str_equal(path, "/aa/token"))
		get_token(arg, x);
	else if (get && str_equal(path, "/aa/evidence"))
		get_evidence(arg, x);
	else if (get && str_equal(path, "/aa/additional-evidence"))
		http_x_answer(x, 200, OCTETS, BYTES_NONE);
	else if (str_equal(path, "/info") && get)
		get_info(arg, x);
	else if (str_equal(path, "/info"))
		answer_text(x, 405, "Method Not Allowed");
	else
		answer_text(x, 404, "URL NOT FOUND");
}

RESULT rest_open(struct hub *h, struct http_server **ret_server)
{
	struct http_server_config c = {
		.address = "127.0.0.1",
		.port = REST_PORT,
		.handle = handle,
		.arg = h,
	};

	return http_server_new(h->loop, &c, ret_server);
}
