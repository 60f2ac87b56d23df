#include <base/encode.h>
#include <tee/tee.h>

enum {
	EVIDENCE_MAX = 4 * 1024 * 1024
};

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Text without its white space; false when a byte is no printable ASCII. */
static bool squeeze(struct bytes file, struct buf *out)
{
	for (size_t i = 0; i < file.n; i++) {
		if (is_space(file.p[i]))
			continue;
		if (file.p[i] < '!' || file.p[i] > '~')
			return false;
		buf_u8(out, file.p[i]);
	}
	return out->n > 0 && !failed(buf_end(out, "text"));
}

/* Also the URL alphabet with padding, as Azure's evidence and some tools write. */
static bool from_base64(struct buf *text, struct buf *out)
{
	struct bytes in = buf_bytes(text);

	if (!failed(base64_decode(BASE64_STD, in, "base64", out)))
		return true;
	buf_clear(out);
	while (in.n > 0 && in.p[in.n - 1] == '=')
		in.n--;
	if (!failed(base64_decode(BASE64_URL_NO_PAD, in, "base64url", out)))
		return true;
	buf_clear(out);
	return false;
}

static const char *from_text(struct buf *text, struct buf *out)
{
	struct bytes in = buf_bytes(text);

	if (in.n > 2 && in.p[0] == '0' && (in.p[1] == 'x' || in.p[1] == 'X'))
		in = bytes_of(in.p + 2, in.n - 2);
	if (!failed(hex_decode(in, "hex", out)))
		return "hex text";
	buf_clear(out);
	return from_base64(text, out) ? "base64 text" : NULL;
}

static bool starts_json(struct bytes file)
{
	size_t i = 0;

	while (i < file.n && is_space(file.p[i]))
		i++;
	return i < file.n && (file.p[i] == '{' || file.p[i] == '[');
}

RESULT evidence_decode(
	struct bytes file, struct buf *ret_raw, struct json **ret_json, const char **ret_form)
{
	AUTO(buf_done) struct buf text = BUF_INIT(EVIDENCE_MAX);

	buf_clear(ret_raw);
	*ret_form = "binary";
	if (starts_json(file)) {
		*ret_form = "JSON";
		return json_parse(file, ret_json);
	}
	if (squeeze(file, &text)) {
		const char *form = from_text(&text, ret_raw);
		if (form) {
			*ret_form = form;
			return buf_end(ret_raw, "evidence");
		}
	}
	buf_put(ret_raw, file);
	return buf_end(ret_raw, "evidence");
}
