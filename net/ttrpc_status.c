#include "ttrpc_status.h"

#include "pb_check.h"

#include <stdio.h>
#include <ttrpc.pb-c.h>

#include <base/json.h>
#include <net/pb.h>

#define DENIAL_TYPE_URL "sealpod.denial"

enum {
	DENIAL_JSON_MAX = 4096,
	DETAILS_MAX = 8
};

static const struct {
	enum err_code error;
	enum ttrpc_code status;
} codes[] = {
	{ ERR_OK, TTRPC_OK },
	{ ERR_NOMEM, TTRPC_RESOURCE_EXHAUSTED },
	{ ERR_SYS, TTRPC_INTERNAL },
	{ ERR_FORMAT, TTRPC_INVALID_ARGUMENT },
	{ ERR_LIMIT, TTRPC_RESOURCE_EXHAUSTED },
	{ ERR_CRYPTO, TTRPC_INTERNAL },
	{ ERR_UNVERIFIED, TTRPC_UNAUTHENTICATED },
	{ ERR_DENIED, TTRPC_PERMISSION_DENIED },
	{ ERR_NOT_FOUND, TTRPC_NOT_FOUND },
	{ ERR_UNSUPPORTED, TTRPC_UNIMPLEMENTED },
	{ ERR_PEER, TTRPC_UNAVAILABLE },
	{ ERR_TIMEOUT, TTRPC_DEADLINE_EXCEEDED },
	{ ERR_STATE, TTRPC_FAILED_PRECONDITION },
	{ ERR_USAGE, TTRPC_INVALID_ARGUMENT },
};

enum ttrpc_code ttrpc_code_of(struct err e)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (codes[i].error == e.code)
			return codes[i].status;
	}
	return TTRPC_UNKNOWN;
}

enum err_code err_code_of_ttrpc(enum ttrpc_code code)
{
	switch (code) {
	case TTRPC_OK:
		return ERR_OK;
	case TTRPC_INVALID_ARGUMENT:
		return ERR_FORMAT;
	case TTRPC_DEADLINE_EXCEEDED:
		return ERR_TIMEOUT;
	case TTRPC_NOT_FOUND:
		return ERR_NOT_FOUND;
	case TTRPC_PERMISSION_DENIED:
		return ERR_DENIED;
	case TTRPC_RESOURCE_EXHAUSTED:
		return ERR_LIMIT;
	case TTRPC_ALREADY_EXISTS:
	case TTRPC_FAILED_PRECONDITION:
		return ERR_STATE;
	case TTRPC_UNIMPLEMENTED:
		return ERR_UNSUPPORTED;
	case TTRPC_UNAUTHENTICATED:
		return ERR_UNVERIFIED;
	case TTRPC_CANCELLED:
	case TTRPC_UNKNOWN:
	case TTRPC_INTERNAL:
	case TTRPC_UNAVAILABLE:
	default:
		return ERR_PEER;
	}
}

RESULT ttrpc_response_ok(struct bytes payload, struct buf *out)
{
	Ttrpc__Response r = TTRPC__RESPONSE__INIT;

	r.payload.len = payload.n;
	r.payload.data = (uint8_t *)(uintptr_t)payload.p; /* only read */
	return pb_pack(&r.base, out);
}

static void write_denial(const struct denial *d, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_kstr(&w, "code", d->code);
	jw_kstr(&w, "field", d->field);
	jw_kstr(&w, "expected", d->expected);
	jw_kstr(&w, "actual", d->actual);
	jw_kstr(&w, "request_id", d->id);
	jw_object_end(&w);
}

/* Error texts may quote bytes from outside; a message that is not UTF-8 is refused by peers. */
static void make_utf8(char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0, step; i < n; i += step) {
		step = pb_utf8_length((const uint8_t *)text + i, n - i);
		if (step > 0)
			continue;
		text[i] = '?';
		step = 1;
	}
}

RESULT ttrpc_response_failure(
	enum ttrpc_code code, const char *message, const struct denial *denial, struct buf *out)
{
	AUTO(buf_done) struct buf json = BUF_INIT(DENIAL_JSON_MAX);
	Ttrpc__Response r = TTRPC__RESPONSE__INIT;
	Ttrpc__Status status = TTRPC__STATUS__INIT;
	Pb__Any detail = PB__ANY__INIT;
	Pb__Any *details[] = { &detail };
	char text[ERR_TEXT_MAX], type_url[] = DENIAL_TYPE_URL;

	(void)snprintf(text, sizeof(text), "%s", message);
	make_utf8(text);
	status.code = (int32_t)code;
	status.message = text;
	r.status = &status;
	if (denial) {
		write_denial(denial, &json);
		TRY(buf_end(&json, "denial"));
		detail.type_url = type_url;
		detail.value.data = json.p;
		detail.value.len = json.n;
		status.details = details;
		status.n_details = 1;
	}
	return pb_pack(&r.base, out);
}

struct denial_text {
	char *code, *field, *expected, *actual, *request_id;
};

#define TEXT(member, flags, size)                                                                  \
	JSON_FIELD(struct denial_text, member, FIELD_STR, (flags), (size)-1)
static const struct json_field denial_fields[] = {
	TEXT(code, FIELD_REQUIRED, DENIAL_CODE_MAX),
	TEXT(field, FIELD_REQUIRED, DENIAL_FIELD_MAX),
	TEXT(expected, FIELD_NULLABLE, DENIAL_VALUE_MAX),
	TEXT(actual, FIELD_NULLABLE, DENIAL_VALUE_MAX),
	TEXT(request_id, FIELD_NULLABLE, DENIAL_ID_MAX),
};
#undef TEXT
static const struct json_table denial_table = {
	.what = "denial",
	.size = sizeof(struct denial_text),
	.fields = denial_fields,
	.n = ARRAY_LEN(denial_fields),
	.open = true,
};

static void copy(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from ? from : "");
}

/* A detail that does not parse leaves the message alone: the call failed in any case. */
static void parse_denial(const Ttrpc__Status *status, struct err_saved *to)
{
	struct denial_text t = { 0 };
	struct denial *d = &to->denial;

	for (size_t i = 0; i < status->n_details && i < DETAILS_MAX; i++) {
		const Pb__Any *any = status->details[i];

		if (strcmp(any->type_url, DENIAL_TYPE_URL) != 0 ||
			failed(json_decode_text(
				bytes_of(any->value.data, any->value.len), &denial_table, &t)))
			continue;
		copy(d->code, sizeof(d->code), t.code);
		copy(d->field, sizeof(d->field), t.field);
		copy(d->expected, sizeof(d->expected), t.expected);
		copy(d->actual, sizeof(d->actual), t.actual);
		copy(d->id, sizeof(d->id), t.request_id);
		to->denied = true;
		json_release(&denial_table, &t);
		return;
	}
}

RESULT ttrpc_response_parse(struct bytes response, struct buf *out)
{
	AUTO(pb_free_any) Ttrpc__Response *r = NULL;
	struct err_saved saved = { 0 };

	struct err e = PB_UNPACK(ttrpc__response, response, &r);

	if (failed(e))
		return err_add(e, "answer of the peer");
	if (!r->status || r->status->code == TTRPC_OK) {
		buf_put(out, bytes_of(r->payload.data, r->payload.len));
		return buf_end(out, "answer of the peer");
	}
	saved.code = err_code_of_ttrpc((enum ttrpc_code)r->status->code);
	copy(saved.text, sizeof(saved.text), r->status->message);
	if (saved.text[0] == '\0')
		(void)snprintf(saved.text, sizeof(saved.text), "status %d without a message",
			r->status->code);
	parse_denial(r->status, &saved);
	return err_restore(&saved);
}
