#include <base/ipc.h>
#include <base/reader.h>
#include <image-rs/unpack_ipc.h>

enum {
	NUMBER_SIZE = 8
};

RESULT unpack_send_parts(int fd, enum unpack_message type, struct bytes head, struct bytes value)
{
	AUTO(buf_done) struct buf part = BUF_INIT(IPC_MESSAGE_MAX);
	size_t at = 0;

	do {
		size_t n = value.n - at < UNPACK_PART_MAX ? value.n - at : UNPACK_PART_MAX;
		buf_clear(&part);
		buf_put(&part, head);
		buf_u8(&part, at + n < value.n);
		buf_put(&part, bytes_of(value.p + at, n));
		TRY(buf_end(&part, "message"));
		TRY(ipc_send(fd, (uint16_t)type, buf_bytes(&part)));
		at += n;
	} while (at < value.n);
	return OK;
}

RESULT unpack_take_part(struct bytes body, struct buf *out, bool *ret_more)
{
	struct reader r = rd_of(body);
	uint8_t more = rd_u8(&r);

	if (!rd_ok(&r) || more > 1)
		return err_new(ERR_PEER, "a part without its mark");
	buf_put(out, rd_rest(&r));
	TRY(buf_end(out, "value"));
	*ret_more = more;
	return OK;
}

void unpack_request_init(struct unpack_request *r)
{
	for (size_t i = 0; i < UNPACK_FIELDS; i++)
		r->fields[i] = BUF_INIT(UNPACK_FIELD_MAX);
}

void unpack_request_done(struct unpack_request *r)
{
	for (size_t i = 0; i < UNPACK_FIELDS; i++)
		buf_done(&r->fields[i]);
}

RESULT unpack_request_add(struct unpack_request *r, struct bytes body)
{
	uint8_t field = body.n ? body.p[0] : UNPACK_FIELDS;
	bool more;

	if (field >= UNPACK_FIELDS)
		return err_new(ERR_PEER, "field %u", field);
	return unpack_take_part(bytes_of(body.p + 1, body.n - 1), &r->fields[field], &more);
}

static RESULT text_field(struct unpack_request *r, enum unpack_field field, const char **ret)
{
	struct buf *b = &r->fields[field];

	if (b->n == 0) {
		*ret = NULL;
		return OK;
	}
	if (memchr(b->p, '\0', b->n))
		return err_new(ERR_PEER, "field %d holds a NUL", (int)field);
	*ret = buf_cstr(b);
	return *ret ? OK : err_new(ERR_LIMIT, "field %d", (int)field);
}

static RESULT text_fields(struct unpack_request *r, struct img_pull_request *v)
{
	TRY(text_field(r, UNPACK_REFERENCE, &v->reference));
	TRY(text_field(r, UNPACK_WORK_DIR, &v->work_dir));
	TRY(text_field(r, UNPACK_BUNDLE, &v->bundle));
	TRY(text_field(r, UNPACK_ARCHITECTURE, &v->architecture));
	TRY(text_field(r, UNPACK_HTTPS_PROXY, &v->https_proxy));
	TRY(text_field(r, UNPACK_HTTP_PROXY, &v->http_proxy));
	TRY(text_field(r, UNPACK_NO_PROXY, &v->no_proxy));
	if (!v->reference || !v->work_dir || !v->bundle)
		return err_new(ERR_PEER, "needs a reference, a work directory and a bundle");
	if (v->work_dir[0] != '/' || v->bundle[0] != '/')
		return err_new(ERR_PEER, "directories must be absolute");
	return OK;
}

RESULT unpack_request_view(struct unpack_request *r, struct img_pull_request *ret)
{
	struct reader number = rd_of(buf_bytes(&r->fields[UNPACK_MAX_UNPACKED]));
	struct img_pull_request v = {
		.policy_json = buf_bytes(&r->fields[UNPACK_POLICY]),
		.auth_json = buf_bytes(&r->fields[UNPACK_AUTH]),
		.ca_pem = buf_bytes(&r->fields[UNPACK_CA]),
		.sigstore_config = buf_bytes(&r->fields[UNPACK_SIGSTORE]),
		.registry_config = buf_bytes(&r->fields[UNPACK_REGISTRIES]),
	};

	if (rd_more(&number)) {
		v.max_unpacked = rd_le64(&number);
		TRY(rd_end(&number, "max_unpacked"));
	}
	TRY(text_fields(r, &v));
	*ret = v;
	return OK;
}

static struct bytes text_or_none(const char *s)
{
	return s ? bytes_str(s) : BYTES_NONE;
}

RESULT unpack_request_send(int fd, const struct img_pull_request *r)
{
	uint8_t number[NUMBER_SIZE];
	const struct bytes fields[UNPACK_FIELDS] = {
		[UNPACK_REFERENCE] = text_or_none(r->reference),
		[UNPACK_WORK_DIR] = text_or_none(r->work_dir),
		[UNPACK_BUNDLE] = text_or_none(r->bundle),
		[UNPACK_POLICY] = r->policy_json,
		[UNPACK_AUTH] = r->auth_json,
		[UNPACK_CA] = r->ca_pem,
		[UNPACK_SIGSTORE] = r->sigstore_config,
		[UNPACK_REGISTRIES] = r->registry_config,
		[UNPACK_ARCHITECTURE] = text_or_none(r->architecture),
		[UNPACK_HTTPS_PROXY] = text_or_none(r->https_proxy),
		[UNPACK_HTTP_PROXY] = text_or_none(r->http_proxy),
		[UNPACK_NO_PROXY] = text_or_none(r->no_proxy),
		[UNPACK_MAX_UNPACKED] = BYTES_OF(number),
	};

	for (size_t i = 0; i < NUMBER_SIZE; i++)
		number[i] = (uint8_t)(r->max_unpacked >> (8 * i));
	for (size_t i = 0; i < UNPACK_FIELDS; i++) {
		uint8_t name = (uint8_t)i;

		if (fields[i].n > UNPACK_FIELD_MAX)
			return err_new(ERR_LIMIT, "pull request: %zu bytes", fields[i].n);
		if (fields[i].n > 0)
			TRY(unpack_send_parts(fd, UNPACK_FIELD, bytes_of(&name, 1), fields[i]));
	}
	return ipc_send(fd, UNPACK_GO, BYTES_NONE);
}

RESULT unpack_progress_read(struct bytes body, struct unpack_progress *ret)
{
	struct reader r = rd_of(body);
	struct unpack_progress p = { 0 };

	p.layer = rd_le16(&r);
	p.layers = rd_le16(&r);
	p.done = rd_le64(&r);
	p.total = rd_le64(&r);
	TRY(rd_end(&r, "progress"));
	*ret = p;
	return OK;
}
