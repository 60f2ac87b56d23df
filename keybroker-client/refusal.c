#include <base/json.h>
#include <keybroker-client/refusal.h>

static enum err_code code_of(int status)
{
	switch (status) {
	case 400:
		return ERR_FORMAT;
	case 401:
		return ERR_UNVERIFIED;
	case 403:
		return ERR_DENIED;
	case 404:
		return ERR_NOT_FOUND;
	default:
		return ERR_PEER;
	}
}

static const char *text_of(const struct json *j, const char *name)
{
	return json_string(json_get(j, name));
}

struct err kbs_refusal(int status, struct bytes body)
{
	AUTO(json_freep) struct json *tree = NULL;
	const struct json *reason;
	const char *code, *detail, *id;

	if (failed(json_parse(body, &tree)))
		return err_new(code_of(status), "the broker answered %d without a reason", status);
	reason = json_get(tree, "sealpod");
	code = text_of(reason, "code");
	if (code) {
		const char *field = text_of(reason, "field");
		struct err e = err_deny(code_of(status), code, field ? field : "request",
			text_of(reason, "expected"), text_of(reason, "actual"));
		id = text_of(reason, "request_id");
		if (id)
			err_set_denial_id(id);
		return e;
	}
	detail = text_of(tree, "detail");
	return err_new(code_of(status), "the broker answered %d: %.200s", status,
		detail ? detail : "no detail");
}
