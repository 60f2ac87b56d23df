#include "cca.h"

enum {
	COLLECTION_TAG = 399,
	IMPLEMENTATION_ID_SIZE = 32,
	INSTANCE_ID_SIZE = 33,
	INSTANCE_ID_TYPE = 0x01, /* EAT UEID type RAND */
	CONFIG_MAX = 4096,
	TEXT_MAX = 256,
	RAK_MAX = 256
};

enum form {
	ANY_BYTES, /* up to `most` */
	EXACT_BYTES,
	HASH, /* 32, 48 or 64 bytes */
	TEXT
};

/* One claim of RMM A7.2.3.1 (realm) or A7.2.3.2 (platform). Only types and sizes are judged here;
 * what a value means is the verifier's business. */
struct claim_rule {
	int64_t key;
	const char *name;
	enum form form;
	size_t most;
	bool optional;
	size_t to; /* offset of a struct bytes */
};

static bool fits(const struct cbor *v, const struct claim_rule *rule)
{
	if (v->type != (rule->form == TEXT ? CBOR_TEXT : CBOR_BYTES))
		return false;
	switch (rule->form) {
	case EXACT_BYTES:
		return v->s.n == rule->most;
	case HASH:
		return v->s.n == 32 || v->s.n == 48 || v->s.n == 64;
	case ANY_BYTES:
	case TEXT:
		return v->s.n <= rule->most;
	}
	return false;
}

static struct err take(const struct cbor *map, const struct claim_rule *rules, size_t n,
	const char *what, void *to)
{
	for (size_t i = 0; i < n; i++) {
		struct cbor v;

		if (!cbor_get(map, rules[i].key, &v)) {
			if (rules[i].optional)
				continue;
			return err_new(ERR_FORMAT, "%s: no %s (%lld)", what, rules[i].name,
				(long long)rules[i].key);
		}
		if (!fits(&v, &rules[i]))
			return err_new(ERR_FORMAT, "%s: %s (%lld): type or size", what,
				rules[i].name, (long long)rules[i].key);
		*(struct bytes *)(void *)((uint8_t *)to + rules[i].to) = v.s;
	}
	return OK;
}

#define RULE(key, name, form, most, optional, type, member)                                        \
	{                                                                                          \
		(key), (name), (form), (most), (optional), offsetof(struct type, member)           \
	}

static const struct claim_rule component_rules[] = {
	RULE(CCA_COMPONENT_TYPE, "component type", TEXT, TEXT_MAX, true, cca_component, type),
	RULE(CCA_COMPONENT_MEASUREMENT, "measurement", HASH, 0, false, cca_component, measurement),
	RULE(CCA_COMPONENT_VERSION, "version", TEXT, TEXT_MAX, true, cca_component, version),
	RULE(CCA_COMPONENT_SIGNER, "signer id", HASH, 0, false, cca_component, signer),
	RULE(CCA_COMPONENT_HASH_ALG, "hash algorithm", TEXT, TEXT_MAX, true, cca_component,
		hash_alg),
};

static const struct claim_rule platform_rules[] = {
	RULE(CCA_PROFILE, "profile", TEXT, TEXT_MAX, false, cca_platform, profile),
	RULE(CCA_CHALLENGE, "challenge", HASH, 0, false, cca_platform, challenge),
	RULE(CCA_IMPLEMENTATION_ID, "implementation id", EXACT_BYTES, IMPLEMENTATION_ID_SIZE, false,
		cca_platform, implementation_id),
	RULE(CCA_INSTANCE_ID, "instance id", EXACT_BYTES, INSTANCE_ID_SIZE, false, cca_platform,
		instance_id),
	RULE(CCA_CONFIG, "config", ANY_BYTES, CONFIG_MAX, false, cca_platform, config),
	RULE(CCA_HASH_ALG, "hash algorithm", TEXT, TEXT_MAX, false, cca_platform, hash_alg),
	RULE(CCA_SERVICE, "verification service", TEXT, TEXT_MAX, true, cca_platform, service),
};

static const struct claim_rule realm_rules[] = {
	RULE(CCA_PROFILE, "profile", TEXT, TEXT_MAX, true, cca_realm, profile),
	RULE(CCA_CHALLENGE, "challenge", EXACT_BYTES, CCA_CHALLENGE_SIZE, false, cca_realm,
		challenge),
	RULE(CCA_PERSONALIZATION, "personalization value", EXACT_BYTES, CCA_PERSONALIZATION_SIZE,
		false, cca_realm, personalization),
	RULE(CCA_REALM_HASH_ALG, "hash algorithm", TEXT, TEXT_MAX, false, cca_realm, hash_alg),
	RULE(CCA_RAK, "public key", ANY_BYTES, RAK_MAX, false, cca_realm, rak),
	RULE(CCA_RAK_HASH_ALG, "public key hash algorithm", TEXT, TEXT_MAX, false, cca_realm,
		rak_hash_alg),
	RULE(CCA_RIM, "initial measurement", HASH, 0, false, cca_realm, rim),
};

/* Signed by the platform like everything else: measurements of its firmware, as claims for the
 * relying party. No reference values are built in. */
static struct err parse_components(const struct cbor *map, struct cca_platform *p)
{
	struct cbor list, one;

	if (!cbor_get(map, CCA_COMPONENTS, &list) || list.type != CBOR_ARRAY)
		return err_new(
			ERR_FORMAT, "platform token: no software components (%d)", CCA_COMPONENTS);
	if (list.v > CCA_COMPONENTS_MAX)
		return err_new(ERR_FORMAT, "platform token: %llu software components",
			(unsigned long long)list.v);
	struct reader r = rd_of(list.s);
	while (rd_more(&r)) {
		cbor_next(&r, &one);
		if (one.type != CBOR_MAP)
			return err_new(ERR_FORMAT, "platform token: software component is no map");
		TRY(take(&one, component_rules, ARRAY_LEN(component_rules),
			"platform token: software component", &p->components[p->n_components]));
		p->n_components++;
	}
	return OK;
}

static struct err parse_platform(struct bytes payload, struct cca_platform *p)
{
	struct cbor map, v;

	TRY(cbor_parse(payload, "platform token", &map));
	if (map.type != CBOR_MAP)
		return err_new(ERR_FORMAT, "platform token: claims are no map");
	TRY(take(&map, platform_rules, ARRAY_LEN(platform_rules), "platform token", p));
	if (p->instance_id.p[0] != INSTANCE_ID_TYPE)
		return err_new(ERR_FORMAT, "platform token: instance id (256) of type 0x%02x",
			p->instance_id.p[0]);
	if (!cbor_get(&map, CCA_LIFECYCLE, &v) || v.type != CBOR_UINT || v.v > UINT16_MAX)
		return err_new(ERR_FORMAT, "platform token: lifecycle (%d)", CCA_LIFECYCLE);
	p->lifecycle = v.v;
	return parse_components(&map, p);
}

/* The realm extends these at run time; they have the size of the initial measurement. */
static struct err parse_rems(const struct cbor *map, struct cca_realm *realm)
{
	struct cbor list, one;

	if (!cbor_get(map, CCA_REM, &list) || list.type != CBOR_ARRAY || list.v != CCA_REMS)
		return err_new(ERR_FORMAT, "realm token: no %d extensible measurements (%d)",
			CCA_REMS, CCA_REM);
	struct reader r = rd_of(list.s);
	for (size_t i = 0; i < CCA_REMS; i++) {
		cbor_next(&r, &one);
		if (one.type != CBOR_BYTES || one.s.n != realm->rim.n)
			return err_new(ERR_FORMAT, "realm token: extensible measurement %zu", i);
		realm->rem[i] = one.s;
	}
	return OK;
}

static struct err parse_realm(struct bytes payload, struct cca_realm *realm)
{
	struct cbor map;

	TRY(cbor_parse(payload, "realm token", &map));
	if (map.type != CBOR_MAP)
		return err_new(ERR_FORMAT, "realm token: claims are no map");
	TRY(take(&map, realm_rules, ARRAY_LEN(realm_rules), "realm token", realm));
	return parse_rems(&map, realm);
}

/* A byte string that holds CBOR: the inner token is parsed on its own, so that its limits count
 * from its own start. */
static struct err parse_part(
	const struct cbor *collection, int64_t key, const char *what, struct cose_sign1 *ret)
{
	struct cbor v;

	if (!cbor_get(collection, key, &v) || v.type != CBOR_BYTES)
		return err_new(ERR_FORMAT, "CCA token: no %s (%lld)", what, (long long)key);
	return cose_sign1_parse(v.s, what, ret);
}

RESULT cca_token_parse(struct bytes in, struct cca_token *ret_token)
{
	struct cca_token t = { 0 };
	struct cbor c, map;

	if (in.n > CCA_TOKEN_MAX)
		return err_new(ERR_FORMAT, "CCA token: %zu bytes", in.n);
	TRY(cbor_parse(in, "CCA token", &c));
	if (c.type != CBOR_TAG || c.v != COLLECTION_TAG)
		return err_new(ERR_FORMAT, "CCA token: byte 0: not tag %d", COLLECTION_TAG);
	struct reader r = rd_of(c.s);
	cbor_next(&r, &map);
	if (map.type != CBOR_MAP || map.v != 2)
		return err_new(ERR_FORMAT, "CCA token: not a map of two tokens");
	TRY(parse_part(&map, CCA_PLATFORM_TOKEN, "platform token", &t.platform_sign1));
	TRY(parse_part(&map, CCA_REALM_TOKEN, "realm token", &t.realm_sign1));
	TRY(parse_platform(t.platform_sign1.payload, &t.platform));
	TRY(parse_realm(t.realm_sign1.payload, &t.realm));
	*ret_token = t;
	return OK;
}

bool cca_is_token(struct bytes file)
{
	static const uint8_t tag[] = { 0xd9, COLLECTION_TAG >> 8, COLLECTION_TAG & 0xff };

	return file.n > sizeof(tag) && bytes_equal(bytes_of(file.p, sizeof(tag)), BYTES_OF(tag));
}

/* draft-ffm-rats-cca-token, "Lifecycle": the low byte is the implementation's own. */
static const char *const lifecycles[] = {
	"unknown",
	"assembly and test",
	"CCA platform RoT provisioning",
	"secured",
	"non CCA platform RoT debug",
	"recoverable CCA platform RoT debug",
	"decommissioned",
};

const char *cca_lifecycle_name(uint64_t lifecycle)
{
	uint64_t state = lifecycle >> 12;

	return (lifecycle & 0xf00) == 0 && state < ARRAY_LEN(lifecycles) ? lifecycles[state]
									 : "invalid";
}

bool cca_lifecycle_is_secured(uint64_t lifecycle)
{
	return lifecycle >> 8 == 0x30;
}

bool cca_lifecycle_is_debug(uint64_t lifecycle)
{
	return lifecycle >> 8 == 0x40 || lifecycle >> 8 == 0x50;
}
