#include "gzip.h"

#include <base/encode.h>
#include <base/reader.h>
#include <measured-boot/initdata.h>

enum {
	SECTOR = 512,
	ENTRIES_MAX = 64
};

static const char image_magic[8] = "initdata";

struct document {
	char *version;
	char *algorithm;
	struct json_map data;
};

static const struct json_field document_fields[] = {
	JSON_FIELD(struct document, version, FIELD_STR, FIELD_REQUIRED, 16),
	JSON_FIELD(struct document, algorithm, FIELD_STR, FIELD_REQUIRED, 16),
	JSON_FIELD(struct document, data, FIELD_MAP, FIELD_REQUIRED, ENTRIES_MAX),
};

static const struct json_table document_table = {
	.what = "initdata",
	.size = sizeof(struct document),
	.fields = document_fields,
	.n = ARRAY_LEN(document_fields),
};

static void document_done(struct document *d)
{
	json_release(&document_table, d);
}

/* The digests that launches bind; SHA-1 and SM3 are not among them. */
static RESULT algorithm_parse(const char *name, enum digest_alg *ret_alg)
{
	static const enum digest_alg known[] = { DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (str_equal(name, digest_name(known[i]))) {
			*ret_alg = known[i];
			return OK;
		}
	}
	return err_new(ERR_UNSUPPORTED, "initdata: algorithm '%s'", name);
}

static RESULT document_read(struct bytes toml, struct document *d)
{
	AUTO(json_freep) struct json *root = NULL;

	if (toml.n > INITDATA_MAX)
		return err_new(ERR_LIMIT, "initdata: more than %d bytes", INITDATA_MAX);
	struct err e = toml_parse(toml, &root);
	if (failed(e))
		return err_add(e, "initdata");
	return json_decode(root, &document_table, d);
}

RESULT initdata_parse(struct bytes toml, struct initdata *ret)
{
	AUTO(document_done) struct document d = { 0 };
	enum digest_alg alg = DIGEST_SHA256;

	TRY(document_read(toml, &d));
	if (!str_equal(d.version, INITDATA_VERSION))
		return err_new(ERR_UNSUPPORTED, "initdata: version '%s'", d.version);
	TRY(algorithm_parse(d.algorithm, &alg));
	*ret = (struct initdata){ .version = TAKE(d.version), .algorithm = alg, .data = d.data };
	d.data = (struct json_map){ 0 };
	return OK;
}

void initdata_done(struct initdata *d)
{
	struct document taken = { .version = d->version, .data = d->data };

	document_done(&taken);
	*d = (struct initdata){ 0 };
}

RESULT initdata_digest(struct bytes toml, struct digest_value *ret_digest)
{
	AUTO(initdata_done) struct initdata d = { 0 };

	TRY(initdata_parse(toml, &d));
	return digest(d.algorithm, toml, ret_digest);
}

/* ---- writing ---- */

static int compare_names(const void *a, const void *b)
{
	const struct json_pair *const *x = a, *const *y = b;

	return bytes_compare(bytes_str((*x)->name), bytes_str((*y)->name));
}

static void put_escaped(struct buf *toml, const char *s, bool lines)
{
	for (const char *c = s; *c; c++) {
		unsigned char u = (unsigned char)*c;
		if (u == '"' || u == '\\')
			buf_printf(toml, "\\%c", u);
		else if (u == 0x7f || (u < 0x20 && !(lines && (u == '\t' || u == '\n'))))
			buf_printf(toml, "\\u%04x", u);
		else
			buf_u8(toml, u);
	}
}

/* Can the text stand between ''' and ''' as it is? A carriage return could not be told from one
 * that an editor added. */
static bool is_literal(const char *text)
{
	if (strstr(text, "'''") || str_ends(text, "'"))
		return false;
	for (const char *c = text; *c; c++) {
		unsigned char u = (unsigned char)*c;
		if ((u < 0x20 && u != '\t' && u != '\n') || u == 0x7f)
			return false;
	}
	return true;
}

static void put_entry(struct buf *toml, const struct json_pair *p)
{
	buf_puts(toml, "\"");
	put_escaped(toml, p->name, false);
	if (is_literal(p->value)) {
		buf_puts(toml, "\" = '''\n");
		buf_puts(toml, p->value);
		buf_puts(toml, "'''\n");
		return;
	}
	buf_puts(toml, "\" = \"\"\"\n");
	put_escaped(toml, p->value, true);
	buf_puts(toml, "\"\"\"\n");
}

RESULT initdata_make(enum digest_alg alg, const struct json_map *data, struct buf *toml)
{
	AUTO(auto_free) const struct json_pair **sorted = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(INITDATA_MAX);

	if (data->n > ENTRIES_MAX)
		return err_new(ERR_LIMIT, "initdata: more than %d entries", ENTRIES_MAX);
	sorted = calloc(data->n + 1, sizeof(struct json_pair *));
	if (!sorted)
		return err_new(ERR_NOMEM, "initdata: out of memory");
	for (size_t i = 0; i < data->n; i++)
		sorted[i] = &data->v[i];
	qsort(sorted, data->n, sizeof(struct json_pair *), compare_names);

	buf_printf(&out, "version = \"%s\"\nalgorithm = \"%s\"\n\n[data]\n", INITDATA_VERSION,
		digest_name(alg));
	for (size_t i = 0; i < data->n; i++)
		put_entry(&out, sorted[i]);
	TRY(buf_end(&out, "initdata"));

	/* What is bound must be what the guest will read: no duplicate, no invalid UTF-8. */
	AUTO(initdata_done) struct initdata check = { 0 };
	TRY(initdata_parse(buf_bytes(&out), &check));
	buf_put(toml, buf_bytes(&out));
	return buf_end(toml, "initdata");
}

/* ---- carriers ---- */

static RESULT unpack(struct bytes compressed, const char *what, struct buf *toml)
{
	AUTO(buf_done) struct buf out = BUF_INIT(INITDATA_MAX);

	TRY(gzip_unpack(compressed, what, &out));
	buf_put(toml, buf_bytes(&out));
	return buf_end(toml, what);
}

RESULT initdata_image_make(struct bytes toml, struct buf *image)
{
	AUTO(buf_done) struct buf packed = BUF_INIT(INITDATA_IMAGE_MAX);
	size_t header = sizeof(image_magic) + sizeof(uint64_t);

	TRY(gzip_pack(toml, &packed));
	buf_put(image, BYTES_OF(image_magic));
	buf_le64(image, packed.n);
	buf_put(image, buf_bytes(&packed));
	buf_zero(image, (SECTOR - (header + packed.n) % SECTOR) % SECTOR);
	return buf_end(image, "initdata image");
}

bool initdata_image_is(struct bytes start)
{
	return start.n >= sizeof(image_magic) &&
	       bytes_compare(bytes_of(start.p, sizeof(image_magic)), BYTES_OF(image_magic)) == 0;
}

RESULT initdata_image_parse(struct bytes image, struct buf *toml)
{
	struct reader r = rd_of(image);

	if (!initdata_image_is(image))
		return err_new(ERR_FORMAT, "initdata image: does not begin with 'initdata'");
	rd_skip(&r, sizeof(image_magic));
	uint64_t n = rd_le64(&r);
	if (n > INITDATA_IMAGE_MAX)
		return err_new(ERR_LIMIT, "initdata image: more than %d bytes", INITDATA_IMAGE_MAX);
	struct bytes packed = rd_take(&r, (size_t)n);
	if (rd_ok(&r))
		rd_skip_zero(&r, r.left);
	TRY(rd_end(&r, "initdata image"));
	return unpack(packed, "initdata image", toml);
}

RESULT initdata_annotation_make(struct bytes toml, struct buf *text)
{
	AUTO(buf_done) struct buf packed = BUF_INIT(INITDATA_IMAGE_MAX);

	TRY(gzip_pack(toml, &packed));
	base64_encode(BASE64_STD, buf_bytes(&packed), text);
	return buf_end(text, "initdata annotation");
}

RESULT initdata_annotation_parse(struct bytes text, struct buf *toml)
{
	AUTO(buf_done) struct buf packed = BUF_INIT(INITDATA_IMAGE_MAX);

	TRY(base64_decode(BASE64_STD, text, "initdata annotation", &packed));
	return unpack(buf_bytes(&packed), "initdata annotation", toml);
}

RESULT initdata_any_parse(struct bytes in, struct buf *toml)
{
	static const char gzip_in_base64[] = "H4sI";

	if (initdata_image_is(in))
		return initdata_image_parse(in, toml);
	if (in.n < 4 || bytes_compare(bytes_of(in.p, 4), bytes_str(gzip_in_base64)) != 0) {
		buf_put(toml, in);
		return buf_end(toml, "initdata");
	}
	while (in.n > 0 && in.p[in.n - 1] <= ' ')
		in.n--;
	return initdata_annotation_parse(in, toml);
}
