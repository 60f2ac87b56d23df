/* The metadata: a tree whose numbers are strings, as the format has them. */
#include "luks2.h"

#include <base/encode.h>
#include <base/json.h>

enum {
	ITERATIONS_MIN = 1000,
	ITERATIONS_MAX = 100 * 1000 * 1000, /* what would take minutes is refused */
	STRIPES_MAX = 4000,
	AREA_MAX = 1024 * 1024,
	KEYSLOTS_SIZE = LUKS2_DATA_OFFSET - 32 * 1024,
	JSON_AREA = 12 * 1024
};

#define CIPHER "aes-xts-plain64"
#define HMAC   "hmac(sha256)"

static RESULT need(const struct json *j, const char *name, const char *value)
{
	const char *have = NULL;

	TRY(json_need_string(j, name, &have));
	if (!str_equal(have, value))
		return err_new(ERR_UNSUPPORTED, "%s: %.64s, not %s", name, have, value);
	return OK;
}

/* "32768" */
static RESULT size_of(const struct json *j, const char *name, uint64_t max, uint64_t *ret)
{
	const char *text = NULL;

	TRY(json_need_string(j, name, &text));
	return str_to_u64(text, max, name, ret);
}

static RESULT number_of(const struct json *j, const char *name, uint64_t max, unsigned *ret)
{
	uint64_t v = 0;

	if (!json_u64(json_get(j, name), &v) || v > max)
		return err_new(
			ERR_FORMAT, "%s: no number up to %llu", name, (unsigned long long)max);
	*ret = (unsigned)v;
	return OK;
}

static RESULT hash_of(const struct json *j, bool *ret_sha512)
{
	const char *name = NULL;

	TRY(json_need_string(j, "hash", &name));
	*ret_sha512 = str_equal(name, "sha512");
	if (!*ret_sha512 && !str_equal(name, "sha256"))
		return err_new(ERR_UNSUPPORTED, "hash: %.64s", name);
	return OK;
}

static RESULT bytes_in(const struct json *j, const char *name, struct buf *out)
{
	const char *text = NULL;

	TRY(json_need_string(j, name, &text));
	return base64_decode(BASE64_STD, bytes_str(text), name, out);
}

static RESULT kdf_parse(const struct json *j, struct luks2_kdf *ret_kdf)
{
	AUTO(buf_done) struct buf salt = BUF_INIT(LUKS2_SALT_MAX);
	const char *type = NULL;

	TRY(json_need_string(j, "type", &type));
	if (!str_equal(type, "pbkdf2"))
		return err_new(ERR_UNSUPPORTED,
			"kdf: %.32s; `cryptsetup luksConvertKey --pbkdf pbkdf2` makes it one that "
			"is known",
			type);
	TRY(hash_of(j, &ret_kdf->sha512));
	TRY(number_of(j, "iterations", ITERATIONS_MAX, &ret_kdf->iterations));
	if (ret_kdf->iterations < ITERATIONS_MIN)
		return err_new(ERR_FORMAT, "iterations: %u are too few", ret_kdf->iterations);
	TRY(bytes_in(j, "salt", &salt));
	ret_kdf->salt_n = salt.n;
	memcpy(ret_kdf->salt, salt.p, salt.n);
	return OK;
}

/* ---- key slots ---- */

static RESULT af_parse(const struct json *af, struct luks2_slot *s)
{
	TRY(need(af, "type", "luks1"));
	TRY(number_of(af, "stripes", STRIPES_MAX, &s->stripes));
	if (s->stripes == 0)
		return err_new(ERR_FORMAT, "stripes: 0");
	return hash_of(af, &s->sha512);
}

static RESULT area_parse(const struct json *area, struct luks2_slot *s)
{
	unsigned key_size = 0;

	TRY(need(area, "type", "raw"));
	/* A null cipher here would let whoever wrote the header choose the volume's key. */
	TRY(need(area, "encryption", CIPHER));
	TRY(number_of(area, "key_size", LUKS2_KEY_XTS, &key_size));
	if (key_size != LUKS2_KEY_XTS)
		return err_new(ERR_UNSUPPORTED, "key_size: %u", key_size);
	TRY(size_of(area, "offset", INT64_MAX - AREA_MAX, &s->offset));
	return size_of(area, "size", AREA_MAX, &s->size);
}

static RESULT slot_parse(const struct json *j, size_t key_n, struct luks2_slot *s)
{
	unsigned key_size = 0;

	TRY(need(j, "type", "luks2"));
	TRY(number_of(j, "key_size", LUKS2_KEY_XTS + LUKS2_KEY_MAC, &key_size));
	if (key_size != key_n)
		return err_new(ERR_FORMAT, "key_size: %u, not %zu", key_size, key_n);
	TRY(af_parse(json_get(j, "af"), s));
	TRY(area_parse(json_get(j, "area"), s));
	if (s->size < (uint64_t)s->stripes * key_n)
		return err_new(ERR_FORMAT, "area: smaller than the key's stripes");
	return kdf_parse(json_get(j, "kdf"), &s->kdf);
}

static bool lists(const struct json *list, const char *name)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const char *have = json_string(json_at(list, i));

		if (have && str_equal(have, name))
			return true;
	}
	return false;
}

/* Those of the digest; one that is of another kind does not hide the others. */
static RESULT slots_parse(const struct json *tree, const struct json *digest, struct luks2 *l)
{
	const struct json *slots = json_get(tree, "keyslots");
	struct err e = OK;

	if (json_members(slots) > LUKS2_SLOTS_MAX)
		return err_new(ERR_LIMIT, "keyslots: more than %d", LUKS2_SLOTS_MAX);
	for (size_t i = 0; i < json_members(slots); i++) {
		const char *name = json_name_at(slots, i);
		struct err bad;

		if (!lists(json_get(digest, "keyslots"), name))
			continue;
		bad = slot_parse(json_at(slots, i), l->key_n, &l->slots[l->n_slots]);
		if (failed(bad))
			e = err_add(bad, "keyslots: %.8s", name);
		else
			l->n_slots++;
	}
	if (l->n_slots > 0)
		return OK;
	return failed(e) ? e : err_new(ERR_FORMAT, "keyslots: none opens the volume");
}

/* ---- the rest ---- */

static RESULT integrity_check(const struct json *segment, bool authentic)
{
	const struct json *integrity = json_get(segment, "integrity");

	if (authentic != (integrity != NULL))
		return err_new(ERR_UNVERIFIED, "integrity: expected %s, the volume has %s",
			authentic ? HMAC : "none", integrity ? "some" : "none");
	if (!authentic)
		return OK;
	TRY(need(integrity, "type", HMAC));
	TRY(need(integrity, "journal_encryption", "none"));
	return need(integrity, "journal_integrity", "none");
}

static RESULT segment_parse(const struct json *tree, bool authentic, struct luks2 *l)
{
	const struct json *segments = json_get(tree, "segments");
	const struct json *s = json_get(segments, "0");

	if (json_members(segments) != 1 || !s || json_count(json_get(s, "flags")) > 0)
		return err_new(ERR_UNSUPPORTED, "segments: not one of number 0 without flags");
	TRY(need(s, "type", "crypt"));
	TRY(need(s, "size", "dynamic"));
	TRY(need(s, "iv_tweak", "0"));
	TRY(need(s, "encryption", CIPHER));
	TRY(integrity_check(s, authentic));
	TRY(size_of(s, "offset", INT64_MAX, &l->data_offset));
	TRY(number_of(s, "sector_size", LUKS2_SECTOR, &l->sector_size));
	if (l->sector_size < 512 || (l->sector_size & (l->sector_size - 1)) != 0 ||
		l->data_offset % LUKS2_SECTOR != 0)
		return err_new(ERR_FORMAT, "segments: sector_size or offset");
	l->key_n = authentic ? LUKS2_KEY_XTS + LUKS2_KEY_MAC : LUKS2_KEY_XTS;
	return OK;
}

static RESULT digest_parse(const struct json *digest, struct luks2 *l)
{
	AUTO(buf_done) struct buf value = BUF_INIT(sizeof(l->digest));

	TRY(kdf_parse(digest, &l->digest_kdf));
	TRY(bytes_in(digest, "digest", &value));
	if (value.n < 20)
		return err_new(ERR_FORMAT, "digest: %zu bytes", value.n);
	l->digest_n = value.n;
	memcpy(l->digest, value.p, value.n);
	return OK;
}

static const struct json *find_digest(const struct json *tree)
{
	const struct json *digests = json_get(tree, "digests");

	for (size_t i = 0; i < json_members(digests); i++)
		if (lists(json_get(json_at(digests, i), "segments"), "0"))
			return json_at(digests, i);
	return NULL;
}

static RESULT parse(const struct json *tree, bool authentic, struct luks2 *l)
{
	const struct json *digest = find_digest(tree);
	struct err e;

	if (json_members(json_pointer(tree, "/config/requirements")) > 0)
		return err_new(ERR_UNSUPPORTED, "config: requirements");
	TRY(segment_parse(tree, authentic, l));
	if (!digest)
		return err_new(ERR_FORMAT, "digests: none of segment 0");
	if (failed(e = digest_parse(digest, l)))
		return err_add(e, "digests");
	return slots_parse(tree, digest, l);
}

RESULT luks2_parse(struct bytes text, bool authentic, struct luks2 *ret_luks2)
{
	AUTO(json_freep) struct json *tree = NULL;
	struct luks2 l = { 0 };
	struct err e = json_parse(text, &tree);

	if (!failed(e))
		e = parse(tree, authentic, &l);
	if (failed(e))
		return err_add(e, "LUKS2");
	*ret_luks2 = l;
	return OK;
}

/* ---- writing ---- */

static void put_size(struct json_writer *w, const char *name, uint64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	jw_kstr(w, name, text);
}

static void put_kdf(struct json_writer *w, const struct luks2_kdf *k)
{
	jw_kstr(w, "type", "pbkdf2");
	jw_kstr(w, "hash", k->sha512 ? "sha512" : "sha256");
	jw_ku64(w, "iterations", k->iterations);
	jw_kbase64(w, "salt", bytes_of(k->salt, k->salt_n));
}

static void put_slot(struct json_writer *w, const struct luks2 *l, const struct luks2_slot *s)
{
	jw_object(w);
	jw_kstr(w, "type", "luks2");
	jw_ku64(w, "key_size", l->key_n);
	jw_key(w, "af");
	jw_object(w);
	jw_kstr(w, "type", "luks1");
	jw_ku64(w, "stripes", s->stripes);
	jw_kstr(w, "hash", s->sha512 ? "sha512" : "sha256");
	jw_object_end(w);
	jw_key(w, "area");
	jw_object(w);
	jw_kstr(w, "type", "raw");
	put_size(w, "offset", s->offset);
	put_size(w, "size", s->size);
	jw_kstr(w, "encryption", CIPHER);
	jw_ku64(w, "key_size", LUKS2_KEY_XTS);
	jw_object_end(w);
	jw_key(w, "kdf");
	jw_object(w);
	put_kdf(w, &s->kdf);
	jw_object_end(w);
	jw_object_end(w);
}

static void put_segment(struct json_writer *w, const struct luks2 *l)
{
	jw_object(w);
	jw_kstr(w, "type", "crypt");
	put_size(w, "offset", l->data_offset);
	jw_kstr(w, "size", "dynamic");
	jw_kstr(w, "iv_tweak", "0");
	jw_kstr(w, "encryption", CIPHER);
	jw_ku64(w, "sector_size", l->sector_size);
	if (l->key_n > LUKS2_KEY_XTS) {
		jw_key(w, "integrity");
		jw_object(w);
		jw_kstr(w, "type", HMAC);
		jw_kstr(w, "journal_encryption", "none");
		jw_kstr(w, "journal_integrity", "none");
		jw_object_end(w);
	}
	jw_object_end(w);
}

static void put_zero(struct json_writer *w, const char *name)
{
	jw_key(w, name);
	jw_array(w);
	jw_str(w, "0");
	jw_array_end(w);
}

static void put_digest(struct json_writer *w, const struct luks2 *l)
{
	jw_object(w);
	put_kdf(w, &l->digest_kdf);
	put_zero(w, "keyslots");
	put_zero(w, "segments");
	jw_kbase64(w, "digest", bytes_of(l->digest, l->digest_n));
	jw_object_end(w);
}

static void open_zero(struct json_writer *w, const char *name)
{
	jw_key(w, name);
	jw_object(w);
	jw_key(w, "0");
}

RESULT luks2_write(const struct luks2 *l, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	open_zero(&w, "keyslots");
	put_slot(&w, l, &l->slots[0]);
	jw_object_end(&w);
	jw_key(&w, "tokens");
	jw_object(&w);
	jw_object_end(&w);
	open_zero(&w, "segments");
	put_segment(&w, l);
	jw_object_end(&w);
	open_zero(&w, "digests");
	put_digest(&w, l);
	jw_object_end(&w);
	jw_key(&w, "config");
	jw_object(&w);
	put_size(&w, "json_size", JSON_AREA);
	put_size(&w, "keyslots_size", KEYSLOTS_SIZE);
	jw_object_end(&w);
	jw_object_end(&w);
	return buf_end(out, "LUKS2 metadata");
}
