/* SEV certificates for people. */
#include "platforms.h"
#include "sev/sev_cert.h"

#include <tee/fields.h>

enum {
	CERTS_MAX = 16,
};

static int64_t place(const struct sev_cert *c, struct bytes part)
{
	return part.p - c->raw.p;
}

static void put_ca(const struct sev_cert *c, struct fields *out)
{
	const char *product = sev_root_product(c->raw);

	fields_hex(out, place(c, c->key_id), c->key_id, "KEY_ID", NULL);
	fields_hex(out, place(c, c->certifying_id), c->certifying_id, "CERTIFYING_ID", "signer");
	fields_u64(out, 0x24, 4, "KEY_USAGE", c->usage, sev_usage_name(c->usage));
	fields_u64(out, 0x3c, 4, "MODULUS_SIZE", c->modulus.n * 8, "bits");
	fields_hex(out, place(c, c->modulus), c->modulus, "MODULUS", "little-endian");
	fields_hex(out, place(c, c->signature), c->signature, "SIGNATURE", "little-endian");
	if (product)
		fields_str(out, FIELDS_NO_OFFSET, 0, "product", product, "root of AMD");
}

static void put_platform(const struct sev_cert *c, struct fields *out)
{
	fields_fmt(out, 0x4, 2, "API", "%u.%u", c->api_major, c->api_minor);
	fields_u64(out, 0x8, 4, "PUBKEY_USAGE", c->usage, sev_usage_name(c->usage));
	fields_u64(out, 0xc, 4, "PUBKEY_ALGO", c->algo, NULL);
	fields_u64(out, 0x10, 4, "CURVE", c->curve, c->curve == 2 ? "P-384" : NULL);
	fields_hex(out, place(c, c->x), c->x, "QX", "little-endian");
	fields_hex(out, place(c, c->y), c->y, "QY", "little-endian");
	for (size_t i = 0; i < ARRAY_LEN(c->signatures); i++) {
		const struct sev_signature *s = &c->signatures[i];
		int64_t at = place(c, s->bytes);

		if (s->usage == SEV_NONE)
			continue;
		fields_group(out, at - 8, s->bytes.n + 8, "signature");
		fields_u64(out, at - 8, 4, "USAGE", s->usage, sev_usage_name(s->usage));
		fields_u64(out, at - 4, 4, "ALGO", s->algo, NULL);
		fields_hex(out, at, s->bytes, "SIG", "little-endian");
		fields_end(out);
	}
}

static RESULT describe(struct bytes file, struct fields *out)
{
	const uint8_t *start = file.p;
	int64_t base = out->base;

	for (size_t i = 0; file.n > 0; i++) {
		struct sev_cert c;

		if (i == CERTS_MAX)
			return err_new(ERR_FORMAT, "SEV certificates: more than %d", CERTS_MAX);
		TRY(sev_cert_parse(file, &c, &file));
		out->base = base + (c.raw.p - start);
		fields_group(out, 0, c.raw.n, sev_usage_name(c.usage));
		fields_u64(out, 0, 4, "VERSION", c.version, NULL);
		if (c.is_ca)
			put_ca(&c, out);
		else
			put_platform(&c, out);
		fields_end(out);
		out->base = base;
	}
	return fields_finish(out);
}

const struct tee_format sev_formats[] = {
	{ .name = "SEV certificates", .is = sev_cert_is, .describe = describe },
	{ .name = NULL },
};
