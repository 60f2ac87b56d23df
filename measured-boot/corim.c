/* Manifest -> CoRIM. Keys of maps are put in the order of their encodings. */
#include "corim.h"

#include <base/cbor.h>
#include <measured-boot/manifest.h>

static int64_t algorithm_of_size(size_t n)
{
	switch (n) {
	case DIGEST_SHA256_SIZE:
		return NI_SHA256;
	case DIGEST_SHA384_SIZE:
		return NI_SHA384;
	case DIGEST_SHA512_SIZE:
		return NI_SHA512;
	default:
		return 0;
	}
}

static void put_digest(int64_t alg, struct bytes v, struct buf *out)
{
	cbor_put_int(out, VALUES_DIGESTS);
	cbor_put_head(out, CBOR_ARRAY, 1);
	cbor_put_head(out, CBOR_ARRAY, 2);
	cbor_put_int(out, alg);
	cbor_put_bytes(out, v);
}

/* A value that is no digest (the tag of a Secure Execution header) is raw. */
static void put_measurement(const struct manifest_item *v, struct buf *out)
{
	int64_t alg = algorithm_of_size(v->n);

	cbor_put_head(out, CBOR_MAP, 2);
	cbor_put_int(out, MEASUREMENT_KEY);
	cbor_put_text(out, v->id);
	cbor_put_int(out, MEASUREMENT_VALUE);
	cbor_put_head(out, CBOR_MAP, 1U + v->debug + (v->text != NULL));
	if (alg)
		put_digest(alg, manifest_bytes(v), out);
	if (v->debug) {
		cbor_put_int(out, VALUES_FLAGS);
		cbor_put_head(out, CBOR_MAP, 1);
		cbor_put_int(out, FLAG_DEBUG);
		cbor_put_bool(out, true);
	}
	if (!alg) {
		cbor_put_int(out, VALUES_RAW);
		cbor_put_head(out, CBOR_TAG, CORIM_TAG_BYTES);
		cbor_put_bytes(out, manifest_bytes(v));
	}
	if (v->text) {
		cbor_put_int(out, VALUES_NAME);
		cbor_put_text(out, v->text);
	}
}

static void put_environment(const char *model, struct buf *out)
{
	cbor_put_head(out, CBOR_ARRAY, 2);
	cbor_put_head(out, CBOR_MAP, 1);
	cbor_put_int(out, ENVIRONMENT_CLASS);
	cbor_put_head(out, CBOR_MAP, 2);
	cbor_put_int(out, CLASS_VENDOR);
	cbor_put_text(out, CORIM_VENDOR);
	cbor_put_int(out, CLASS_MODEL);
	cbor_put_text(out, model);
}

struct comid {
	const struct manifest *m;
	bool debug;
};

static bool is_of(const struct comid *c, size_t i, const char *platform)
{
	const struct manifest_item *v = &c->m->values.v[i];

	return v->debug == c->debug && str_equal(manifest_platform(v->id), platform);
}

static bool is_first_of_platform(const struct comid *c, size_t i)
{
	const char *platform = manifest_platform(c->m->values.v[i].id);

	for (size_t k = 0; k < i; k++)
		if (is_of(c, k, platform))
			return false;
	return is_of(c, i, platform);
}

static size_t count_platforms(const struct comid *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->m->values.n; i++)
		n += is_first_of_platform(c, i);
	return n;
}

static size_t count_inputs(const struct comid *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->m->inputs.n; i++)
		n += c->m->inputs.v[i].debug == c->debug;
	return n;
}

static void put_platform(const struct comid *c, size_t first, struct buf *out)
{
	const char *platform = manifest_platform(c->m->values.v[first].id);
	size_t n = 0;

	for (size_t i = first; i < c->m->values.n; i++)
		n += is_of(c, i, platform);
	put_environment(platform, out);
	cbor_put_head(out, CBOR_ARRAY, n);
	for (size_t i = first; i < c->m->values.n; i++) {
		const struct manifest_item *v = &c->m->values.v[i];
		if (!is_of(c, i, platform))
			continue;
		put_measurement(v, out);
	}
}

static void put_inputs(const struct comid *c, struct buf *out)
{
	size_t n = count_inputs(c);

	if (n == 0)
		return;
	put_environment(CORIM_INPUTS, out);
	cbor_put_head(out, CBOR_ARRAY, n);
	for (size_t i = 0; i < c->m->inputs.n; i++) {
		const struct manifest_item *in = &c->m->inputs.v[i];
		if (in->debug != c->debug)
			continue;
		put_measurement(in, out);
	}
}

static size_t count_triples(const struct comid *c)
{
	return count_platforms(c) + (count_inputs(c) > 0);
}

static RESULT put_comid(const struct comid *c, struct buf *out)
{
	AUTO(buf_done) struct buf b = BUF_INIT(MANIFEST_FILE_MAX);
	AUTO(buf_done) struct buf id = BUF_INIT(2 * MANIFEST_NAME_LIMIT);
	const char *text;

	buf_printf(&id, "%s/%s", c->m->name, c->debug ? CORIM_DEBUG : CORIM_NORMAL);
	text = buf_cstr(&id);
	cbor_put_head(&b, CBOR_MAP, 2);
	cbor_put_int(&b, COMID_IDENTITY);
	cbor_put_head(&b, CBOR_MAP, 2);
	cbor_put_int(&b, IDENTITY_ID);
	cbor_put_text(&b, text ? text : "");
	cbor_put_int(&b, IDENTITY_VERSION);
	cbor_put_head(&b, CBOR_UINT, c->m->version);
	cbor_put_int(&b, COMID_TRIPLES);
	cbor_put_head(&b, CBOR_MAP, 1);
	cbor_put_int(&b, TRIPLES_REFERENCE);
	cbor_put_head(&b, CBOR_ARRAY, count_triples(c));
	for (size_t i = 0; i < c->m->values.n; i++)
		if (is_first_of_platform(c, i))
			put_platform(c, i, &b);
	put_inputs(c, &b);
	TRY(buf_end(&id, "CoMID"));
	TRY(buf_end(&b, "CoMID"));
	cbor_put_head(out, CBOR_TAG, CORIM_TAG_COMID);
	cbor_put_bytes(out, buf_bytes(&b));
	return OK;
}

RESULT manifest_to_corim(const struct manifest *m, struct buf *cbor)
{
	struct comid normal = { m, false }, debug = { m, true };
	bool has_normal = count_triples(&normal) > 0, has_debug = count_triples(&debug) > 0;

	TRY(manifest_check(m));
	cbor_put_head(cbor, CBOR_TAG, CORIM_TAG_UNSIGNED);
	cbor_put_head(cbor, CBOR_MAP, 3);
	cbor_put_int(cbor, CORIM_ID);
	cbor_put_text(cbor, m->name);
	cbor_put_int(cbor, CORIM_TAGS);
	cbor_put_head(cbor, CBOR_ARRAY, 0U + has_normal + has_debug);
	if (has_normal)
		TRY(put_comid(&normal, cbor));
	if (has_debug)
		TRY(put_comid(&debug, cbor));
	cbor_put_int(cbor, CORIM_PROFILE_KEY);
	cbor_put_head(cbor, CBOR_TAG, CORIM_TAG_URI);
	cbor_put_text(cbor, CORIM_PROFILE);
	return buf_end(cbor, "CoRIM");
}
