#include "api.h"

#include <stdio.h>
#include <string.h>

#include <base/clock.h>
#include <base/random.h>

#define PREFIX	    "/kbs/v0/"
#define ERROR_TYPES "https://github.com/confidential-containers/kbs/errors/"

enum {
	BODY_MAX = 16 * 1024,
	SUBJECT_DIGITS = 8
};

struct endpoint {
	const char *name;
	RESULT (*handle)(struct request *r, const char **ret_variant);
};

static const struct endpoint endpoints[] = {
	{ "auth", api_auth },
	{ "attest", api_attest },
	{ "resource", api_resource },
	{ "resource-policy", api_policy },
	{ "reference-value", api_reference },
	{ "reference-manifest", api_manifest },
};

static RESULT record(const struct request *r, int status, const struct denial *d)
{
	struct audit_record a = {
		.request_id = r->id,
		.peer = http_x_peer(r->x),
		.method = http_x_method(r->x),
		.path = http_x_path(r->x),
		.status = status,
		.subject = r->subject[0] ? r->subject : NULL,
		.denial = d,
		.claims = d ? NULL : r->claims,
		.durable = r->durable,
	};

	return audit_write(r->b->audit, &a);
}

static void send(struct request *r, int status, const char *content_type, struct bytes body)
{
	r->b->answers[status / 100 % 6]++;
	http_x_add_header(r->x, "X-Request-Id", r->id);
	http_x_answer(r->x, status, content_type, body);
}

void api_answer(struct request *r, const char *content_type, struct bytes body)
{
	/* No record, no answer: a secret that leaves without a trace cannot be accounted for. */
	struct err e = record(r, 200, NULL);

	if (failed(e)) {
		api_refuse(r, KBS_RESOURCE, e);
		return;
	}
	send(r, 200, content_type, body);
}

static void write_refusal(struct buf *out, const char *variant, const struct denial *d,
	const char *detail, const char *id)
{
	struct json_writer w = jw_of(out);
	char type[160];

	(void)snprintf(type, sizeof(type), "%s%s", ERROR_TYPES, variant);
	jw_object(&w);
	jw_kstr(&w, "type", type);
	jw_kstr(&w, "detail", detail);
	jw_key(&w, "sealpod");
	jw_object(&w);
	jw_kstr(&w, "code", d->code);
	jw_kstr(&w, "field", d->field);
	jw_kstr(&w, "expected", d->expected);
	jw_kstr(&w, "actual", d->actual);
	jw_kstr(&w, "request_id", id);
	jw_object_end(&w);
	jw_object_end(&w);
}

/* Trouble on our side is told to the log, not to the peer. */
static bool is_ours(enum err_code code)
{
	return err_http_status(code) >= 500;
}

void api_refuse(struct request *r, const char *variant, struct err e)
{
	AUTO(buf_done) struct buf body = BUF_INIT(BODY_MAX);
	const struct denial *reason = err_denial();
	struct denial d = { 0 };
	char detail[ERR_TEXT_MAX];
	int status = err_http_status(e.code);

	(void)snprintf(
		detail, sizeof(detail), "%s", is_ours(e.code) ? "internal error" : err_text());
	if (reason)
		d = *reason;
	else
		(void)snprintf(d.code, sizeof(d.code), "kbs.%s", err_code_name(e.code));
	if (!reason && !is_ours(e.code))
		(void)snprintf(d.actual, sizeof(d.actual), "%s", err_text());
	r->b->refusals++;
	err_ignore(record(r, status, &d)); /* the answer is a refusal already */
	write_refusal(&body, variant, &d, detail, r->id);
	send(r, status, "application/json", buf_bytes(&body));
}

void api_set_subject(struct request *r, const char *subject)
{
	/* A whole session id would let the log's readers speak for the guest. */
	(void)snprintf(r->subject, sizeof(r->subject), "%.*s", SUBJECT_DIGITS, subject);
}

struct session *api_session(struct request *r)
{
	const char *id = http_x_cookie(r->x, "kbs-session-id");

	return id ? sessions_find(r->b->sessions, id, r->now) : NULL;
}

static void dispatch(struct request *r)
{
	const char *variant = KBS_PLUGIN;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
		const struct endpoint *p = &endpoints[i];
		size_t n = strlen(p->name);
		if (!str_starts(r->endpoint, p->name) ||
			(r->endpoint[n] != '\0' && r->endpoint[n] != '/'))
			continue;
		r->rest = r->endpoint + n + (r->endpoint[n] == '/');
		e = broker_refresh_references(r->b, r->now);
		if (!failed(e))
			e = p->handle(r, &variant);
		if (failed(e))
			api_refuse(r, variant, e);
		return;
	}
	e = err_new(ERR_NOT_FOUND, "there is no endpoint %.64s", r->endpoint);
	api_refuse(r, variant, e);
}

static void answer_metrics(struct request *r)
{
	AUTO(buf_done) struct buf text = BUF_INIT(BODY_MAX);

	buf_puts(&text, "# TYPE sealpod_kbs_answers_total counter\n");
	for (unsigned class = 2; class < ARRAY_LEN(r->b->answers); class ++)
		buf_printf(&text, "sealpod_kbs_answers_total{status=\"%uxx\"} %llu\n", class,
			(unsigned long long)r->b->answers[class]);
	buf_printf(&text,
		"# TYPE sealpod_kbs_refusals_total counter\nsealpod_kbs_refusals_total %llu\n",
		(unsigned long long)r->b->refusals);
	http_x_answer(r->x, 200, "text/plain; version=0.0.4", buf_bytes(&text));
}

void api_handle(void *broker, struct http_exchange *x)
{
	struct request r = { .b = broker, .x = x, .now = clock_now(), .rest = "" };
	const char *path = http_x_path(x);
	struct err e;

	memcpy(r.id, "req-", 4);
	e = random_hex(r.id + 4, 12);
	if (failed(e)) {
		api_refuse(&r, KBS_RESOURCE, e);
	} else if (str_equal(path, "/healthz")) {
		http_x_answer(x, 200, NULL, BYTES_NONE);
	} else if (str_equal(path, "/metrics")) {
		answer_metrics(&r);
	} else if (str_starts(path, PREFIX) && path[strlen(PREFIX)] != '\0') {
		r.endpoint = path + strlen(PREFIX);
		dispatch(&r);
	} else {
		e = err_new(ERR_NOT_FOUND, "the API is below " PREFIX);
		api_refuse(&r, KBS_PATH, e);
	}
}
