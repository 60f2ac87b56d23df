#include "cca.h"
#include "platforms.h"

#include <stdio.h>

/* Where the parts stand in the file: everything parsed is a view into it. */
struct place {
	struct fields *f;
	const uint8_t *file;
};

static int64_t offset_of(const struct place *at, struct bytes b)
{
	return b.n > 0 ? (int64_t)(b.p - at->file) : FIELDS_NO_OFFSET;
}

static void add_hex(const struct place *at, const char *name, struct bytes v, const char *meaning)
{
	fields_hex(at->f, offset_of(at, v), v, name, meaning);
}

static void add_text(const struct place *at, const char *name, struct bytes v)
{
	if (v.n > 0)
		fields_fmt(at->f, offset_of(at, v), v.n, name, "%.*s", (int)v.n, (const char *)v.p);
}

static void add_components(const struct place *at, const struct cca_platform *p)
{
	fields_group(at->f, FIELDS_NO_OFFSET, 0, "software components");
	for (size_t i = 0; i < p->n_components; i++) {
		const struct cca_component *k = &p->components[i];

		fields_group(at->f, offset_of(at, k->measurement), k->measurement.n, "component");
		add_text(at, "type", k->type);
		add_text(at, "version", k->version);
		add_hex(at, "measurement", k->measurement, NULL);
		add_hex(at, "signer id", k->signer, NULL);
		add_text(at, "hash algorithm", k->hash_alg);
		fields_end(at->f);
	}
	fields_end(at->f);
}

static void add_signature(const struct place *at, const struct cose_sign1 *s)
{
	fields_str(at->f, offset_of(at, s->protected_header), s->protected_header.n, "algorithm",
		cose_alg_name(s->alg), NULL);
	add_hex(at, "signature", s->signature, "r || s");
}

static void add_platform(const struct place *at, const struct cca_token *t)
{
	const struct cca_platform *p = &t->platform;

	fields_group(at->f, offset_of(at, t->platform_sign1.payload), t->platform_sign1.payload.n,
		"platform token");
	add_text(at, "profile", p->profile);
	add_hex(at, "challenge", p->challenge, "hash of the realm's public key");
	add_hex(at, "implementation id", p->implementation_id, NULL);
	add_hex(at, "instance id", p->instance_id, NULL);
	add_hex(at, "config", p->config, NULL);
	fields_u64(at->f, FIELDS_NO_OFFSET, 2, "lifecycle", p->lifecycle,
		cca_lifecycle_name(p->lifecycle));
	add_text(at, "hash algorithm", p->hash_alg);
	add_text(at, "verification service", p->service);
	add_components(at, p);
	add_signature(at, &t->platform_sign1);
	fields_end(at->f);
}

static void add_realm(const struct place *at, const struct cca_token *t)
{
	const struct cca_realm *r = &t->realm;
	char name[40];

	fields_group(at->f, offset_of(at, t->realm_sign1.payload), t->realm_sign1.payload.n,
		"realm token");
	add_text(at, "profile", r->profile);
	add_hex(at, "challenge", r->challenge, "report_data");
	add_hex(at, "personalization value", r->personalization, "initdata");
	add_hex(at, "initial measurement", r->rim, "RIM");
	for (size_t i = 0; i < CCA_REMS; i++) {
		(void)snprintf(name, sizeof(name), "extensible measurement %zu", i);
		add_hex(at, name, r->rem[i], "REM");
	}
	add_text(at, "hash algorithm", r->hash_alg);
	add_hex(at, "public key", r->rak, "RAK: signs this token");
	add_text(at, "public key hash algorithm", r->rak_hash_alg);
	add_signature(at, &t->realm_sign1);
	fields_end(at->f);
}

RESULT cca_describe(struct bytes file, struct fields *out)
{
	struct place at = { .f = out, .file = file.p };
	struct cca_token t;

	TRY(cca_token_parse(file, &t));
	add_platform(&at, &t);
	add_realm(&at, &t);
	return fields_finish(out);
}

const struct tee_format cca_formats[] = {
	{ .name = "CCA token", .is = cca_is_token, .describe = cca_describe },
	{ .name = NULL },
};
