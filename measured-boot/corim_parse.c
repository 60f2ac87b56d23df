/* CoRIM -> manifest. Strict: keys that the writer does not make are refused, so that nothing stands
 * in a signed file that nobody looks at. */
#include "corim.h"

#include <stdlib.h>
#include <string.h>

#include <base/cbor.h>
#include <measured-boot/manifest.h>

struct key_rule {
	int64_t key;
	enum cbor_type type;
	bool optional;
};

/* The values of a map in the order of the rules; one that is absent is zero (count 0, no bytes).
 * Every key must be in the rules. */
static RESULT read_map(const struct cbor *map, const char *what, const struct key_rule *rules,
	size_t n, struct cbor *ret_values)
{
	uint64_t found = 0;

	if (map->type != CBOR_MAP)
		return err_new(ERR_FORMAT, "CoRIM: %s is no map", what);
	for (size_t i = 0; i < n; i++) {
		struct cbor v = { 0 };
		if (cbor_get(map, rules[i].key, &v)) {
			found++;
			if (v.type != rules[i].type)
				return err_new(ERR_FORMAT, "CoRIM: %s: key %lld has another type",
					what, (long long)rules[i].key);
		} else if (!rules[i].optional) {
			return err_new(ERR_FORMAT, "CoRIM: %s: no key %lld", what,
				(long long)rules[i].key);
		}
		ret_values[i] = v;
	}
	if (map->v != found)
		return err_new(ERR_FORMAT, "CoRIM: %s: a key that is not known here", what);
	return OK;
}

static RESULT next_of(struct reader *r, enum cbor_type type, const char *what, struct cbor *ret)
{
	cbor_next(r, ret);
	if (!rd_ok(r) || ret->type != type)
		return err_new(ERR_FORMAT, "CoRIM: %s: missing or of another type", what);
	return OK;
}

/* The only item of a tag. */
static RESULT untag(const struct cbor *tag, uint64_t number, enum cbor_type type, const char *what,
	struct cbor *ret)
{
	struct reader r = rd_of(tag->s);

	if (tag->type != CBOR_TAG || tag->v != number)
		return err_new(
			ERR_FORMAT, "CoRIM: %s: not tagged %llu", what, (unsigned long long)number);
	return next_of(&r, type, what, ret);
}

static RESULT text_of(const struct cbor *item, size_t max, const char *what, char **ret_text)
{
	if (item->s.n > max || memchr(item->s.p ? (const char *)item->s.p : "", 0, item->s.n))
		return err_new(ERR_FORMAT, "CoRIM: %s is too long or holds a NUL", what);
	return bytes_to_str(item->s, ret_text);
}

/* ---- measurements ---- */

struct measured {
	struct bytes v;
	bool debug;
	char *name; /* may be NULL */
};

static void measured_done(struct measured *m)
{
	free(m->name);
}

static RESULT read_digest(const struct cbor *digests, struct bytes *ret_v)
{
	static const struct {
		uint64_t alg;
		size_t n;
	} algs[] = { { NI_SHA256, DIGEST_SHA256_SIZE }, { NI_SHA384, DIGEST_SHA384_SIZE },
		{ NI_SHA512, DIGEST_SHA512_SIZE } };
	struct cbor pair, alg, v;
	struct reader r = rd_of(digests->s);

	TRY(next_of(&r, CBOR_ARRAY, "digest", &pair));
	if (digests->v != 1 || pair.v != 2)
		return err_new(ERR_FORMAT, "CoRIM: a measurement has one digest of two parts");
	r = rd_of(pair.s);
	TRY(next_of(&r, CBOR_UINT, "digest algorithm", &alg));
	TRY(next_of(&r, CBOR_BYTES, "digest value", &v));
	for (size_t i = 0; i < ARRAY_LEN(algs); i++)
		if (algs[i].alg == alg.v && algs[i].n == v.s.n) {
			*ret_v = v.s;
			return OK;
		}
	return err_new(ERR_UNSUPPORTED, "CoRIM: digest of algorithm %llu with %zu bytes",
		(unsigned long long)alg.v, v.s.n);
}

static RESULT read_flags(const struct cbor *flags, bool *ret_debug)
{
	static const struct key_rule rules[] = { { FLAG_DEBUG, CBOR_SIMPLE, false } };
	struct cbor v[ARRAY_LEN(rules)];
	bool debug = false;

	TRY(read_map(flags, "flags", rules, ARRAY_LEN(rules), v));
	if (!cbor_bool(&v[0], &debug) || !debug)
		return err_new(ERR_FORMAT, "CoRIM: the debug flag is not true");
	*ret_debug = true;
	return OK;
}

static RESULT read_measured(const struct cbor *values, struct measured *ret)
{
	static const struct key_rule rules[] = {
		{ VALUES_DIGESTS, CBOR_ARRAY, true },
		{ VALUES_FLAGS, CBOR_MAP, true },
		{ VALUES_RAW, CBOR_TAG, true },
		{ VALUES_NAME, CBOR_TEXT, true },
	};
	struct cbor v[ARRAY_LEN(rules)], raw;
	struct measured m = { 0 };

	TRY(read_map(values, "measured values", rules, ARRAY_LEN(rules), v));
	if ((v[0].type == CBOR_ARRAY) == (v[2].type == CBOR_TAG))
		return err_new(ERR_FORMAT, "CoRIM: a measurement is a digest or a raw value");
	if (v[0].type == CBOR_ARRAY) {
		TRY(read_digest(&v[0], &m.v));
	} else {
		TRY(untag(&v[2], CORIM_TAG_BYTES, CBOR_BYTES, "raw value", &raw));
		m.v = raw.s;
	}
	if (v[1].type == CBOR_MAP)
		TRY(read_flags(&v[1], &m.debug));
	if (v[3].type == CBOR_TEXT)
		TRY(text_of(&v[3], MANIFEST_TEXT_LIMIT, "name", &m.name));
	*ret = m;
	return OK;
}

/* Where a measurement stands. */
struct place {
	const char *name; /* of the image */
	uint64_t version;
	bool debug;  /* of the CoMID */
	bool inputs; /* of the environment */
	struct manifest *m;
};

static RESULT read_measurement(const struct cbor *measurement, const struct place *p)
{
	static const struct key_rule rules[] = {
		{ MEASUREMENT_KEY, CBOR_TEXT, false },
		{ MEASUREMENT_VALUE, CBOR_MAP, false },
	};
	struct cbor v[ARRAY_LEN(rules)];
	AUTO(auto_free) char *id = NULL;
	AUTO(measured_done) struct measured measured = { 0 };

	TRY(read_map(measurement, "measurement", rules, ARRAY_LEN(rules), v));
	TRY(text_of(&v[0], MANIFEST_ID_LIMIT, "measurement key", &id));
	TRY(read_measured(&v[1], &measured));
	if (measured.debug != p->debug)
		return err_new(ERR_FORMAT, "CoRIM: '%.64s' of the %s variant is marked %s", id,
			p->debug ? CORIM_DEBUG : CORIM_NORMAL,
			measured.debug ? CORIM_DEBUG : CORIM_NORMAL);
	const struct manifest_entry e = {
		.id = id, .text = measured.name, .debug = p->debug, .v = measured.v
	};
	return p->inputs ? manifest_add_input(p->m, &e) : manifest_add_value(p->m, &e);
}

/* The vendor is ours; the model tells inputs from values, whose ids name their platform already. */
static RESULT read_environment(const struct cbor *environment, struct place *p)
{
	static const struct key_rule rules[] = { { ENVIRONMENT_CLASS, CBOR_MAP, false } };
	static const struct key_rule class_rules[] = {
		{ CLASS_VENDOR, CBOR_TEXT, false },
		{ CLASS_MODEL, CBOR_TEXT, false },
	};
	struct cbor class[ARRAY_LEN(rules)], v[ARRAY_LEN(class_rules)];

	TRY(read_map(environment, "environment", rules, ARRAY_LEN(rules), class));
	TRY(read_map(&class[0], "class", class_rules, ARRAY_LEN(class_rules), v));
	if (!cbor_is_text(&v[0], CORIM_VENDOR))
		return err_new(ERR_UNSUPPORTED, "CoRIM: environment of another vendor than %s",
			CORIM_VENDOR);
	p->inputs = cbor_is_text(&v[1], CORIM_INPUTS);
	return OK;
}

static RESULT read_triple(const struct cbor *triple, struct place *p)
{
	struct cbor environment, measurements, m;
	struct reader r = rd_of(triple->s);

	if (triple->v != 2)
		return err_new(ERR_FORMAT, "CoRIM: a reference triple has two parts");
	TRY(next_of(&r, CBOR_MAP, "environment", &environment));
	TRY(next_of(&r, CBOR_ARRAY, "measurements", &measurements));
	TRY(read_environment(&environment, p));
	r = rd_of(measurements.s);
	while (rd_more(&r)) {
		TRY(next_of(&r, CBOR_MAP, "measurement", &m));
		TRY(read_measurement(&m, p));
	}
	return OK;
}

static RESULT read_triples(const struct cbor *triples, struct place *p)
{
	static const struct key_rule rules[] = { { TRIPLES_REFERENCE, CBOR_ARRAY, false } };
	struct cbor list[ARRAY_LEN(rules)], triple;

	TRY(read_map(triples, "triples", rules, ARRAY_LEN(rules), list));
	struct reader r = rd_of(list[0].s);
	while (rd_more(&r)) {
		TRY(next_of(&r, CBOR_ARRAY, "reference triple", &triple));
		TRY(read_triple(&triple, p));
	}
	return OK;
}

/* ---- tags ---- */

/* "NAME/normal" or "NAME/debug"; all tags of one image and version. */
static RESULT read_identity(const struct cbor *identity, struct place *p)
{
	static const struct key_rule rules[] = {
		{ IDENTITY_ID, CBOR_TEXT, false },
		{ IDENTITY_VERSION, CBOR_UINT, false },
	};
	AUTO(auto_free) char *normal = NULL;
	AUTO(auto_free) char *debug = NULL;
	struct cbor v[ARRAY_LEN(rules)];

	TRY(read_map(identity, "tag identity", rules, ARRAY_LEN(rules), v));
	TRY(str_format(&normal, "%s/%s", p->name, CORIM_NORMAL));
	TRY(str_format(&debug, "%s/%s", p->name, CORIM_DEBUG));
	p->debug = cbor_is_text(&v[0], debug);
	p->version = v[1].v;
	if (!p->debug && !cbor_is_text(&v[0], normal))
		return err_new(ERR_FORMAT, "CoRIM: a tag of another image than %s", p->name);
	return OK;
}

static RESULT read_comid(struct bytes in, struct place *p)
{
	static const struct key_rule rules[] = {
		{ COMID_IDENTITY, CBOR_MAP, false },
		{ COMID_TRIPLES, CBOR_MAP, false },
	};
	struct cbor map, v[ARRAY_LEN(rules)];

	TRY(cbor_parse(in, "CoMID", &map));
	TRY(read_map(&map, "CoMID", rules, ARRAY_LEN(rules), v));
	TRY(read_identity(&v[0], p));
	return read_triples(&v[1], p);
}

static RESULT read_tags(const struct cbor *tags, struct manifest *m)
{
	struct reader r = rd_of(tags->s);

	for (bool first = true; rd_more(&r); first = false) {
		struct place p = { .name = m->name, .m = m };
		struct cbor tag, comid;
		TRY(next_of(&r, CBOR_TAG, "tag", &tag));
		TRY(untag(&tag, CORIM_TAG_COMID, CBOR_BYTES, "CoMID", &comid));
		TRY(read_comid(comid.s, &p));
		if (!first && p.version != m->version)
			return err_new(ERR_FORMAT, "CoRIM: tags of two versions");
		m->version = p.version;
	}
	return OK;
}

static RESULT read_corim(const struct cbor *corim, struct manifest *m)
{
	static const struct key_rule rules[] = {
		{ CORIM_ID, CBOR_TEXT, false },
		{ CORIM_TAGS, CBOR_ARRAY, false },
		{ CORIM_PROFILE_KEY, CBOR_TAG, false },
	};
	struct cbor v[ARRAY_LEN(rules)], profile;

	TRY(read_map(corim, "CoRIM", rules, ARRAY_LEN(rules), v));
	TRY(untag(&v[2], CORIM_TAG_URI, CBOR_TEXT, "profile", &profile));
	if (!cbor_is_text(&profile, CORIM_PROFILE))
		return err_new(ERR_UNSUPPORTED, "CoRIM: profile '%.*s', not %s",
			(int)(profile.s.n < 64 ? profile.s.n : 64), (const char *)profile.s.p,
			CORIM_PROFILE);
	TRY(text_of(&v[0], MANIFEST_NAME_LIMIT, "id", &m->name));
	TRY(read_tags(&v[1], m));
	return manifest_check(m);
}

RESULT manifest_from_corim(struct bytes cbor, struct manifest *ret_manifest)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	struct cbor tag, corim;

	TRY(cbor_parse(cbor, "CoRIM", &tag));
	TRY(untag(&tag, CORIM_TAG_UNSIGNED, CBOR_MAP, "CoRIM", &corim));
	TRY(read_corim(&corim, &m));
	*ret_manifest = m;
	m = (struct manifest){ 0 };
	return OK;
}
