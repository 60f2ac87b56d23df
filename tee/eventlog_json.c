#include "eventlog_json.h"

#include <base/encode.h>
#include <base/reader.h>
#include <base/utf8.h>

enum {
	TEXT_MAX = 4 * EVENTLOG_MAX, /* a text of an event, also in hex */
	GUID_SIZE = 16,
	IMAGE_PATH_OFFSET = 24, /* UEFI_IMAGE_LOAD_EVENT.LengthOfDevicePath */
	NODE_HEADER = 4,
	END_NODE = 4,
	CONTENT_DEPTH = 4,
	CONFIG_SPACE = 0x10 /* stands for a space in td-shim's events */
};

/* Events of the attestation agent ("AAEL"): "<domain> <operation> <content>". */
#define AAEL_TAG 0x4141454cu

/* ---- details ---- */
/* Without NULs, which a string of our own JSON reader cannot hold. */
static void write_str(struct json_writer *w, const char *name, struct bytes text)
{
	AUTO(buf_done) struct buf clean = BUF_INIT(TEXT_MAX);

	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != 0)
			buf_u8(&clean, text.p[i]);
	if (clean.bad != ERR_OK && w->out->bad == ERR_OK)
		w->out->bad = clean.bad;
	if (name)
		jw_key(w, name);
	jw_bytes_str(w, buf_bytes(&clean));
}

static void write_text(struct json_writer *w, struct bytes text)
{
	write_str(w, "string", text);
}

static void write_utf8(struct json_writer *w, struct bytes data)
{
	if (utf8_is_valid(data))
		write_text(w, data);
}

/* A length, and a text that is one byte shorter. */
static void write_blob(struct json_writer *w, struct bytes data)
{
	struct reader r = rd_of(data);
	uint8_t n = rd_u8(&r);

	if (n == 0)
		return;
	struct bytes text = rd_take(&r, n - 1u);
	if (rd_ok(&r))
		write_utf8(w, text);
}

static bool is_control(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point < 0xa0);
}

static struct err write_config(struct json_writer *w, struct bytes data)
{
	AUTO(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
	size_t width;

	if (!utf8_is_valid(data))
		data = BYTES_NONE;
	for (size_t i = 0; i < data.n; i += width) {
		uint32_t point;

		width = utf8_next(data.p + i, data.n - i, &point);
		if (point == CONFIG_SPACE)
			buf_puts(&text, " ");
		else if (!is_control(point))
			buf_put(&text, bytes_of(data.p + i, width));
	}
	TRY(buf_end(&text, "event"));
	write_text(w, buf_bytes(&text));
	return OK;
}

/* GCE's boot loader writes UTF-16 behind ".", with a terminator; others text with a NUL. */
static struct err write_ipl(struct json_writer *w, struct bytes data)
{
	AUTO(buf_done) struct buf text = BUF_INIT(TEXT_MAX);

	if (data.n < 2)
		return OK;
	if (data.p[0] == '.' && data.p[1] == 0) {
		if (data.n < 4 || data.n % 2 != 0)
			return OK;
		utf16le_text(bytes_of(data.p + 2, data.n - 4), &text);
	} else {
		const uint8_t *end = memchr(data.p, 0, data.n);
		struct bytes start = bytes_of(data.p, end ? (size_t)(end - data.p) : data.n);

		if (utf8_is_valid(start))
			buf_put(&text, start);
		else
			hex_encode(data, &text);
	}
	TRY(buf_end(&text, "event"));
	write_text(w, buf_bytes(&text));
	return OK;
}

/* A token with the claim must still be JSON that our own reader takes. */
static bool nested_within(const struct json *j, unsigned depth)
{
	bool holds = json_type(j) == JSON_ARRAY || json_type(j) == JSON_OBJECT;

	if (holds && depth == 0)
		return false;
	for (size_t i = 0; i < json_count(j); i++)
		if (!nested_within(json_at(j, i), depth - 1))
			return false;
	return true;
}

/* Content that is JSON is kept as it is, other content becomes a string. */
static void write_content(struct json_writer *w, struct bytes content)
{
	AUTO(json_freep) struct json *j = NULL;

	if (failed(json_parse(content, &j)) || !nested_within(j, CONTENT_DEPTH)) {
		write_str(w, "content", content);
		return;
	}
	jw_key(w, "content");
	jw_json(w, j);
}

static void write_aael(struct json_writer *w, struct bytes text)
{
	const uint8_t *one = text.n > 0 ? memchr(text.p, ' ', text.n) : NULL;
	size_t at = one ? (size_t)(one - text.p) + 1 : text.n;
	const uint8_t *two = at < text.n ? memchr(text.p + at, ' ', text.n - at) : NULL;

	jw_kstr(w, "unicode_name", "AAEL");
	if (!two)
		return;
	size_t content = (size_t)(two - text.p) + 1;
	jw_key(w, "data");
	jw_object(w);
	write_str(w, "domain", bytes_of(text.p, at - 1));
	write_str(w, "operation", bytes_of(text.p + at, content - 1 - at));
	write_content(w, bytes_of(text.p + content, text.n - content));
	jw_object_end(w);
}

static struct err write_tag(struct json_writer *w, const struct event *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
	struct bytes data;
	uint32_t id;

	if (!event_tag(e, &id, &data))
		return OK;
	for (size_t i = 0; i < data.n; i++)
		if (data.p[i] != 0)
			buf_u8(&text, data.p[i]);
	TRY(buf_end(&text, "event"));
	write_text(w, buf_bytes(&text));
	if (id == AAEL_TAG)
		write_aael(w, buf_bytes(&text));
	return OK;
}

/* UEFI_VARIABLE_DATA. The GUID is shown in the order of its bytes, which is not how UEFI does. */
static struct err write_variable(struct json_writer *w, struct bytes data)
{
	static const unsigned groups[] = { 4, 2, 2, 2, 6 };
	AUTO(buf_done) struct buf guid = BUF_INIT(64), name = BUF_INIT(TEXT_MAX);
	struct reader r = rd_of(data);
	struct reader id = rd_sub(&r, GUID_SIZE);
	uint64_t name_n = rd_le64(&r);
	uint64_t n = rd_le64(&r);

	if (!rd_ok(&r) || name_n > r.left / 2 || n > r.left - 2 * name_n)
		return OK;
	struct bytes utf16 = rd_take(&r, (size_t)(2 * name_n));
	struct bytes value = rd_take(&r, (size_t)n);
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		if (i > 0)
			buf_puts(&guid, "-");
		hex_encode(rd_take(&id, groups[i]), &guid);
	}
	utf16le_text(utf16, &name);
	TRY(buf_end(&guid, "event"));
	TRY(buf_end(&name, "event"));
	write_str(w, "unicode_name", buf_bytes(&name));
	jw_ku64(w, "unicode_name_length", name_n);
	jw_kbase64(w, "variable_data", value);
	jw_ku64(w, "variable_data_length", n);
	jw_key(w, "variable_name");
	jw_bytes_str(w, buf_bytes(&guid));
	return OK;
}

/* The nodes before the end node; false when they do not fill it. */
static bool next_node(struct reader *path, uint8_t *type, uint8_t *subtype, struct bytes *data)
{
	*type = rd_u8(path);
	*subtype = rd_u8(path);
	uint16_t n = rd_le16(path);
	if (!rd_ok(path) || n < NODE_HEADER)
		return false;
	*data = rd_take(path, (size_t)n - NODE_HEADER);
	return rd_ok(path);
}

static bool path_is_whole(struct reader path)
{
	uint8_t type, subtype;
	struct bytes data;

	while (rd_more(&path))
		if (!next_node(&path, &type, &subtype, &data))
			return false;
	return true;
}

static struct err write_image(struct json_writer *w, struct bytes data)
{
	struct reader r = rd_of(data);
	uint8_t type, subtype;
	struct bytes node;

	rd_skip(&r, IMAGE_PATH_OFFSET);
	uint64_t n = rd_le64(&r);
	if (!rd_ok(&r) || n < END_NODE + NODE_HEADER || n > r.left)
		return OK;
	struct reader path = rd_sub(&r, (size_t)n - END_NODE);
	if (!path_is_whole(path))
		return OK;
	jw_key(w, "device_paths");
	jw_array(w);
	while (rd_more(&path)) {
		AUTO(buf_done) struct buf text = BUF_INIT(TEXT_MAX);

		if (!next_node(&path, &type, &subtype, &node))
			break;
		TRY(device_path_text(type, subtype, node, &text));
		write_str(w, NULL, buf_bytes(&text));
	}
	jw_array_end(w);
	return OK;
}

static bool is_text(uint32_t type)
{
	return type == EV_POST_CODE || type == EV_ACTION || type == EV_COMPACT_HASH ||
	       type == EV_OMIT_BOOT_DEVICE_EVENTS || type == EV_EFI_ACTION;
}

RESULT event_details_write(const struct event *e, struct json_writer *w)
{
	if (is_text(e->type)) {
		write_utf8(w, e->data);
		return OK;
	}
	switch (e->type) {
	case EV_EFI_PLATFORM_FIRMWARE_BLOB2:
	case EV_EFI_HANDOFF_TABLES2:
		write_blob(w, e->data);
		return OK;
	case EV_PLATFORM_CONFIG_FLAGS:
		return write_config(w, e->data);
	case EV_IPL:
		return write_ipl(w, e->data);
	case EV_EVENT_TAG:
		return write_tag(w, e);
	case EV_EFI_VARIABLE_DRIVER_CONFIG:
	case EV_EFI_VARIABLE_BOOT:
	case EV_EFI_VARIABLE_BOOT2:
	case EV_EFI_VARIABLE_AUTHORITY:
		return write_variable(w, e->data);
	case EV_EFI_BOOT_SERVICES_APPLICATION:
		return write_image(w, e->data);
	default:
		return OK;
	}
}

/* ---- events ---- */
static const char *alg_name(enum digest_alg alg)
{
	switch (alg) {
	case DIGEST_SHA1:
		return "SHA-1";
	case DIGEST_SHA256:
		return "SHA-256";
	case DIGEST_SHA384:
		return "SHA-384";
	case DIGEST_SHA512:
		return "SHA-512";
	case DIGEST_SM3:
		break;
	}
	return "SM3";
}

static struct err write_event(const struct event *e, enum digest_alg bank, struct json_writer *w)
{
	jw_object(w);
	jw_key(w, "details");
	jw_object(w);
	TRY(event_details_write(e, w));
	jw_object_end(w);
	jw_key(w, "digests");
	jw_array(w);
	jw_object(w);
	jw_kstr(w, "alg", alg_name(bank));
	jw_khex(w, "digest", event_digest(e, bank));
	jw_object_end(w);
	jw_array_end(w);
	jw_kbool(w, "digest_matches_event", event_digest_matches(e, bank));
	jw_kbase64(w, "event", e->data);
	jw_ku64(w, "index", e->pcr);
	jw_kstr(w, "type_name", event_type_name(e->type));
	jw_object_end(w);
	return OK;
}

RESULT eventlog_write_json(const struct eventlog *l, enum digest_alg bank, struct json_writer *w)
{
	jw_array(w);
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].type != EV_NO_ACTION)
			TRY(write_event(&l->v[i], bank, w));
	jw_array_end(w);
	return buf_end(w->out, "event log");
}

void claims_event_log(
	struct claims *c, const char *name, const struct eventlog *l, enum digest_alg bank)
{
	AUTO(buf_done) struct buf text = BUF_INIT(EVENTLOG_CLAIM_MAX);
	struct json_writer w = jw_of(&text);
	struct err e = eventlog_write_json(l, bank, &w);

	if (e.code == ERR_NOMEM)
		c->bad = ERR_NOMEM;
	else if (!failed(e))
		claims_json(c, name, buf_bytes(&text));
}
