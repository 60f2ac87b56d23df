/* JSON evidence, tokens, initdata, reference values: what is no platform's binary form. */
#include "verify_internal.h"

#include <stdio.h>

#include <base/encode.h>
#include <crypto/jose.h>
#include <measured-boot/initdata.h>

enum {
	BYTES_LIST_MIN = 16,	/* shorter arrays of numbers are shown as they are */
	NESTED_MIN = 32,	/* bytes that may hold a format of their own */
	VALUE_SHOWN_MAX = 4096, /* characters of one JSON value */
	NESTING_MAX = 3,
	NESTED_MAX = 1024 * 1024
};

/* ---- JSON of any kind: members, and what hides in their text ---- */

static bool list_bytes(const struct json *j, struct buf *out)
{
	uint64_t v;

	if (json_type(j) != JSON_ARRAY || json_count(j) < BYTES_LIST_MIN)
		return false;
	for (size_t i = 0; i < json_count(j); i++) {
		if (!json_u64(json_at(j, i), &v) || v > UINT8_MAX)
			return false;
		buf_u8(out, v);
	}
	return !failed(buf_end(out, "bytes"));
}

/* The member's bytes when it stands for some: text in hex or base64, or a list of octets. */
static bool member_bytes(const struct json *j, struct buf *out)
{
	AUTO(json_freep) struct json *json = NULL;
	const char *s = json_string(j), *form;

	if (list_bytes(j, out))
		return true;
	buf_clear(out);
	if (!s || strlen(s) < NESTED_MIN ||
		failed(evidence_decode(bytes_str(s), out, &json, &form)))
		return false;
	return !json;
}

static void show_value(const char *name, const struct json *j, struct fields *out)
{
	AUTO(buf_done) struct buf text = BUF_INIT(JSON_SIZE_MAX);

	json_print(j, &text);
	if (text.n > VALUE_SHOWN_MAX) {
		text.n = VALUE_SHOWN_MAX;
		buf_puts(&text, "...");
	}
	const char *s = buf_cstr(&text);
	fields_str(out, FIELDS_NO_OFFSET, 0, name, s ? s : "", NULL);
}

static RESULT show_members(const struct json *j, unsigned depth, struct fields *out);

/* Fields of a nested format, or nothing. */
static bool show_nested(const char *name, const struct json *j, unsigned depth, struct fields *out)
{
	AUTO(buf_done) struct buf raw = BUF_INIT(NESTED_MAX);
	size_t before = out->n;
	unsigned level = out->depth;

	if (depth >= NESTING_MAX || !member_bytes(j, &raw))
		return false;
	fields_group(out, FIELDS_NO_OFFSET, 0, name);
	if (!failed(inspect_any(buf_bytes(&raw), depth + 1, out))) {
		fields_end(out);
		return true;
	}
	fields_cut(out, before);
	out->depth = level;
	return false;
}

static RESULT show_member(
	const char *name, const struct json *j, unsigned depth, struct fields *out)
{
	if (show_nested(name, j, depth, out))
		return OK;
	if (json_type(j) == JSON_OBJECT && depth < NESTING_MAX) {
		fields_group(out, FIELDS_NO_OFFSET, 0, name);
		TRY(show_members(j, depth + 1, out));
		fields_end(out);
		return OK;
	}
	show_value(name, j, out);
	return OK;
}

static RESULT show_members(const struct json *j, unsigned depth, struct fields *out)
{
	for (size_t i = 0; i < json_count(j); i++)
		TRY(show_member(json_name_at(j, i), json_at(j, i), depth, out));
	return OK;
}

static bool is_json(struct bytes file)
{
	AUTO(json_freep) struct json *json = NULL;

	while (file.n > 0 &&
		(file.p[0] == ' ' || file.p[0] == '\n' || file.p[0] == '\r' || file.p[0] == '\t'))
		file = bytes_of(file.p + 1, file.n - 1);
	return file.n > 0 && file.p[0] == '{' && !failed(json_parse(file, &json));
}

static RESULT describe_json(struct bytes file, struct fields *out)
{
	AUTO(json_freep) struct json *json = NULL;

	TRY(json_parse(file, &json));
	const struct tee_verify_input in = { .evidence = json };
	const struct tee *t = tee_recognise(&in);
	if (t)
		fields_str(out, FIELDS_NO_OFFSET, 0, "evidence of platform", t->platform, NULL);
	return show_members(json, 0, out);
}

/* ---- JSON Web Tokens ---- */

static bool token_part(struct bytes token, size_t i, struct buf *out)
{
	struct bytes rest = token;

	for (size_t n = 0;; n++) {
		const uint8_t *dot = rest.n > 0 ? memchr(rest.p, '.', rest.n) : NULL;
		size_t len = dot ? (size_t)(dot - rest.p) : rest.n;
		if (n == i)
			return !failed(base64_decode(
				BASE64_URL_NO_PAD, bytes_of(rest.p, len), "token", out));
		if (!dot)
			return false;
		rest = bytes_of(dot + 1, rest.n - len - 1);
	}
}

static bool is_token(struct bytes file)
{
	AUTO(buf_done) struct buf header = BUF_INIT(NESTED_MAX);

	while (file.n > 0 && file.p[file.n - 1] == '\n')
		file.n--;
	return file.n > 2 && file.p[0] == 'e' && memchr(file.p, '.', file.n) &&
	       token_part(file, 0, &header) && is_json(buf_bytes(&header));
}

static RESULT describe_token(struct bytes file, struct fields *out)
{
	static const char *const parts[] = { "header", "claims" };

	while (file.n > 0 && file.p[file.n - 1] == '\n')
		file.n--;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(NESTED_MAX);
		AUTO(json_freep) struct json *json = NULL;
		if (!token_part(file, i, &text))
			return err_new(ERR_FORMAT, "token: %s", parts[i]);
		TRY(json_parse(buf_bytes(&text), &json));
		fields_group(out, FIELDS_NO_OFFSET, 0, parts[i]);
		TRY(show_members(json, 1, out));
		fields_end(out);
	}
	fields_str(out, FIELDS_NO_OFFSET, 0, "signature", "not checked", NULL);
	return OK;
}

/* ---- initdata ---- */

static bool is_initdata(struct bytes file)
{
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);
	AUTO(initdata_done) struct initdata d = { 0 };

	return !failed(initdata_any_parse(file, &toml)) &&
	       !failed(initdata_parse(buf_bytes(&toml), &d));
}

static RESULT describe_initdata(struct bytes file, struct fields *out)
{
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);
	AUTO(initdata_done) struct initdata d = { 0 };
	struct digest_value digest;

	TRY(initdata_any_parse(file, &toml));
	TRY(initdata_parse(buf_bytes(&toml), &d));
	TRY(initdata_digest(buf_bytes(&toml), &digest));
	fields_str(out, FIELDS_NO_OFFSET, 0, "version", d.version, NULL);
	fields_str(out, FIELDS_NO_OFFSET, 0, "algorithm", digest_name(d.algorithm), NULL);
	fields_hex(out, FIELDS_NO_OFFSET, digest_bytes(&digest), "digest", "what a launch binds");
	for (size_t i = 0; i < d.data.n; i++)
		fields_str(out, FIELDS_NO_OFFSET, 0, d.data.v[i].name, d.data.v[i].value, NULL);
	return OK;
}

const struct tee_format verify_formats[] = {
	{ "CoRIM", verify_is_corim, verify_describe_corim },
	{ "manifest of a guest image", verify_is_manifest, verify_describe_manifest },
	{ "JSON Web Token", is_token, describe_token },
	{ "JSON", is_json, describe_json },
	{ "initdata", is_initdata, describe_initdata },
	{ 0 },
};
