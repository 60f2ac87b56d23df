#include <stdlib.h>

#include <base/encode.h>
#include <base/reader.h>
#include <image-rs/ocicrypt.h>

enum {
	SYMKEY_SIZE = 32
};

/*
 * Private options hold the layer's key, so they are not read into a JSON tree but looked at in
 * place: objects, at most one inside another, of strings without escapes.
 */
struct options {
	struct bytes symkey, digest, nonce; /* still base64 */
};

static uint8_t next_token(struct reader *r)
{
	uint8_t c;

	do {
		c = rd_u8(r);
	} while (rd_ok(r) && (c == ' ' || c == '\t' || c == '\n' || c == '\r'));
	return c;
}

static void expect(struct reader *r, uint8_t c)
{
	if (next_token(r) != c)
		r->bad = true;
}

/* After the opening quote. */
static struct bytes read_string(struct reader *r)
{
	const uint8_t *start = r->p;

	while (rd_ok(r)) {
		uint8_t c = rd_u8(r);
		if (c == '"')
			return bytes_of(start, (size_t)(r->p - start) - 1);
		if (c == '\\' || c < ' ')
			r->bad = true;
	}
	return BYTES_NONE;
}

typedef void member_fn(struct reader *r, struct bytes name, struct options *o);

/* Members of an object whose '{' is read, up to its '}'. */
static void read_members(struct reader *r, member_fn *member, struct options *o)
{
	uint8_t c = next_token(r);

	if (c == '}')
		return;
	while (rd_ok(r) && c == '"') {
		struct bytes name = read_string(r);
		expect(r, ':');
		member(r, name, o);
		c = next_token(r);
		if (c == '}')
			return;
		if (c != ',')
			break;
		c = next_token(r);
	}
	r->bad = true;
}

static bool is_name(struct bytes name, const char *want)
{
	return bytes_compare(name, bytes_str(want)) == 0;
}

/* Twice is once too often: two readers could take different ones. */
static void take_string(struct reader *r, struct bytes *to)
{
	expect(r, '"');
	struct bytes s = read_string(r);

	if (to && to->p)
		r->bad = true;
	if (to)
		*to = s;
}

static void cipher_option(struct reader *r, struct bytes name, struct options *o)
{
	take_string(r, is_name(name, "nonce") ? &o->nonce : NULL);
}

static void option(struct reader *r, struct bytes name, struct options *o)
{
	if (is_name(name, "cipheroptions")) {
		expect(r, '{');
		read_members(r, cipher_option, o);
		return;
	}
	take_string(r, is_name(name, "symkey")	 ? &o->symkey
		       : is_name(name, "digest") ? &o->digest
						 : NULL);
}

static RESULT decode_nonce(struct bytes text, uint8_t nonce[static CTR_NONCE])
{
	AUTO(buf_done) struct buf b = BUF_INIT(CTR_NONCE);

	TRY(base64_decode(BASE64_STD, text, "nonce", &b));
	if (b.n != CTR_NONCE)
		return err_new(ERR_FORMAT, "nonce of %zu bytes", b.n);
	memcpy(nonce, b.p, CTR_NONCE);
	return OK;
}

RESULT img_layer_key_parse(struct bytes in, struct img_layer_key *ret)
{
	AUTO(img_layer_key_done) struct img_layer_key k = { 0 };
	struct reader r = rd_of(in);
	struct options o = { 0 };

	expect(&r, '{');
	read_members(&r, option, &o);
	while (rd_more(&r) && strchr(" \t\r\n", *r.p))
		rd_skip(&r, 1);
	TRY(rd_end(&r, "private options"));
	if (!o.symkey.p || !o.digest.p || !o.nonce.p)
		return err_new(ERR_FORMAT, "private options: needs symkey, digest and a nonce");
	TRY(secret_from_base64(false, o.symkey, "symkey", &k.symkey));
	if (secret_size(k.symkey) != SYMKEY_SIZE)
		return err_new(ERR_FORMAT, "symkey of %zu bytes", secret_size(k.symkey));
	TRY(decode_nonce(o.nonce, k.nonce));
	*ret = k;
	k.symkey = NULL;
	return OK;
}

void img_layer_key_done(struct img_layer_key *k)
{
	secret_freep(&k->symkey);
}

RESULT img_layer_key_print(
	const struct img_layer_key *k, const char *digest, struct secret **ret_options)
{
	AUTO(buf_done) struct buf text = BUF_INIT(IMG_OPTIONS_MAX);

	/* Reserved at once, so that growing leaves no copy of the key behind. */
	(void)buf_grow(&text, IMG_OPTIONS_MAX / 2);
	buf_clear(&text);
	buf_puts(&text, "{\"symkey\":\"");
	base64_encode(BASE64_STD, secret_bytes(k->symkey), &text);
	buf_printf(&text, "\",\"digest\":\"%s\",\"cipheroptions\":{\"nonce\":\"", digest);
	base64_encode(BASE64_STD, BYTES_OF(k->nonce), &text);
	buf_puts(&text, "\"}}");
	struct err e = buf_end(&text, "private options");
	if (!failed(e))
		e = secret_of(buf_bytes(&text), ret_options);
	bytes_wipe(text.p, text.n);
	return e;
}

struct pubopts_json {
	char *cipher;
	struct buf hmac;
	struct json_map cipheroptions;
};
static const struct json_field pubopts_fields[] = {
	JSON_FIELD(struct pubopts_json, cipher, FIELD_STR, FIELD_REQUIRED, 64),
	JSON_FIELD(struct pubopts_json, hmac, FIELD_BASE64, FIELD_REQUIRED, DIGEST_SHA256_SIZE),
	JSON_FIELD(struct pubopts_json, cipheroptions, FIELD_MAP, FIELD_NULLABLE, 8),
};
static const struct json_table pubopts_table = {
	.what = "public options",
	.size = sizeof(struct pubopts_json),
	.fields = pubopts_fields,
	.n = ARRAY_LEN(pubopts_fields),
	.open = true,
};

static RESULT take_pubopts(const struct pubopts_json *j, struct img_pubopts *ret)
{
	const char *nonce = json_map_get(&j->cipheroptions, "nonce");
	struct img_pubopts p = { .has_nonce = nonce != NULL };

	if (!str_equal(j->cipher, IMG_ENC_CIPHER))
		return err_new(ERR_UNSUPPORTED, "public options: cipher \"%.60s\"", j->cipher);
	if (j->hmac.n != sizeof(p.hmac))
		return err_new(ERR_FORMAT, "public options: hmac of %zu bytes", j->hmac.n);
	memcpy(p.hmac, j->hmac.p, sizeof(p.hmac));
	if (nonce)
		TRY(decode_nonce(bytes_str(nonce), p.nonce));
	*ret = p;
	return OK;
}

RESULT img_pubopts_parse(const char *annotation, struct img_pubopts *ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT(IMG_OPTIONS_MAX);
	struct pubopts_json j = { 0 };

	TRY(base64_decode(BASE64_STD, bytes_str(annotation), "public options", &text));
	TRY(json_decode_text(buf_bytes(&text), &pubopts_table, &j));
	struct err e = take_pubopts(&j, ret);
	json_release(&pubopts_table, &j);
	return e;
}

RESULT img_pubopts_print(const uint8_t hmac[static DIGEST_SHA256_SIZE], struct buf *out)
{
	AUTO(buf_done) struct buf text = BUF_INIT(IMG_OPTIONS_MAX);
	struct json_writer w = jw_of(&text);

	jw_object(&w);
	jw_kstr(&w, "cipher", IMG_ENC_CIPHER);
	jw_kbase64(&w, "hmac", bytes_of(hmac, DIGEST_SHA256_SIZE));
	jw_key(&w, "cipheroptions");
	jw_object(&w);
	jw_object_end(&w);
	jw_object_end(&w);
	TRY(buf_end(&text, "public options"));
	base64_encode(BASE64_STD, buf_bytes(&text), out);
	return buf_end(out, "public options");
}

struct img_cipher {
	bool encrypt;
	struct ctr_ctx *ctr;
	struct hmac_ctx *mac;
};

RESULT img_cipher_new(const struct img_layer_key *key, bool encrypt, struct img_cipher **ret)
{
	AUTO(img_cipher_freep) struct img_cipher *c = calloc(1, sizeof(*c));

	if (!c)
		return err_new(ERR_NOMEM, "layer cipher");
	c->encrypt = encrypt;
	TRY(ctr_new(secret_bytes(key->symkey), BYTES_OF(key->nonce), &c->ctr));
	TRY(hmac_new(DIGEST_SHA256, secret_bytes(key->symkey), &c->mac));
	*ret = TAKE(c);
	return OK;
}

RESULT img_cipher_update(struct img_cipher *c, uint8_t *data, size_t n)
{
	struct bytes in = bytes_of(data, n);

	if (!c->encrypt)
		TRY(hmac_update(c->mac, in));
	TRY(ctr_update(c->ctr, in, data));
	return c->encrypt ? hmac_update(c->mac, in) : OK;
}

RESULT img_cipher_final(struct img_cipher *c, uint8_t ret_hmac[static DIGEST_SHA256_SIZE])
{
	struct digest_value mac;

	TRY(hmac_final(c->mac, &mac));
	memcpy(ret_hmac, mac.v, DIGEST_SHA256_SIZE);
	return OK;
}

void img_cipher_freep(struct img_cipher **c)
{
	if (!*c)
		return;
	ctr_freep(&(*c)->ctr);
	hmac_freep(&(*c)->mac);
	free(*c);
	*c = NULL;
}
