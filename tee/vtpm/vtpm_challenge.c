#include "vtpm/vtpm.h"

#include <base/random.h>
#include <base/reader.h>

enum {
	STATE_VERSION = 1
};

#define OID_EXT_KEY_USAGE  "2.5.29.37"
#define OID_EK_CERTIFICATE "2.23.133.8.1"

/* "sealpod-tpm" of the auth request's extra-params */
struct hello {
	struct buf ek_cert, ek_public, ak_public;
};

static const struct json_field hello_fields[] = {
	JSON_FIELD(struct hello, ek_cert, FIELD_BASE64, FIELD_REQUIRED, VTPM_EK_CERT_MAX),
	JSON_FIELD(struct hello, ek_public, FIELD_BASE64, FIELD_REQUIRED, VTPM_PUBLIC_MAX),
	JSON_FIELD(struct hello, ak_public, FIELD_BASE64, FIELD_REQUIRED, VTPM_PUBLIC_MAX),
};

static const struct json_table hello_table = {
	.what = VTPM_EXTRA,
	.size = sizeof(struct hello),
	.fields = hello_fields,
	.n = ARRAY_LEN(hello_fields),
};

static void hello_done(struct hello *h)
{
	json_release(&hello_table, h);
}

static void state_wipe(struct vtpm_state *s)
{
	bytes_wipe(s, sizeof(*s));
}

void vtpm_state_write(const struct vtpm_state *s, struct buf *out)
{
	buf_u8(out, STATE_VERSION);
	buf_put(out, BYTES_OF(s->ek_cert));
	buf_be16(out, s->ak_name_n);
	buf_put(out, bytes_of(s->ak_name, s->ak_name_n));
	buf_put(out, BYTES_OF(s->secret));
}

RESULT vtpm_state_parse(struct bytes in, struct vtpm_state *ret_state)
{
	struct reader r = rd_of(in);
	AUTO(state_wipe) struct vtpm_state s = { 0 };

	if (rd_u8(&r) != STATE_VERSION)
		return err_new(ERR_FORMAT, "vtpm challenge state: unknown version");
	rd_copy(&r, s.ek_cert, sizeof(s.ek_cert));
	s.ak_name_n = rd_be16(&r);
	if (s.ak_name_n > sizeof(s.ak_name))
		return err_new(ERR_FORMAT, "vtpm challenge state: name too long");
	rd_copy(&r, s.ak_name, s.ak_name_n);
	rd_copy(&r, s.secret, sizeof(s.secret));
	TRY(rd_end(&r, "vtpm challenge state"));
	*ret_state = s;
	return OK;
}

/*
 * EK Credential Profile 3.2: tcg-kp-EKCertificate. The same authorities certify AKs too;
 * certificates older than the profile name no purpose at all.
 */
static struct err check_purpose(const struct x509 *cert)
{
	AUTO(buf_done) struct buf purposes = BUF_INIT(VTPM_EK_CERT_MAX);
	struct err e = x509_extension(cert, OID_EXT_KEY_USAGE, &purposes);

	if (e.code == ERR_NOT_FOUND || (!failed(e) && x509_has_eku(cert, OID_EK_CERTIFICATE)))
		return OK;
	return tee_deny(DENY_VTPM_EK_UNTRUSTED, "ek_cert.extKeyUsage", OID_EK_CERTIFICATE,
		"other purposes");
}

RESULT vtpm_ek_verify(const struct x509 *cert, const struct tee_anchors *anchors, int64_t now,
	bool *ret_simulated)
{
	struct x509_verify v = { .leaf = cert, .anchors = &anchors->hardware, .now = now };

	TRY(check_purpose(cert));
	if (anchors->hardware.n > 0 && !failed(x509_verify(&v))) {
		*ret_simulated = false;
		return OK;
	}
	if (anchors->software.n > 0)
		v.anchors = &anchors->software;
	if (v.anchors->n == 0)
		return tee_deny(DENY_VTPM_EK_UNTRUSTED, "ek_cert", "a configured TPM root", "none");
	TRY(tee_deny_because(x509_verify(&v), DENY_VTPM_EK_UNTRUSTED, "ek_cert"));
	*ret_simulated = true;
	return OK;
}

RESULT vtpm_ak_attributes(const struct tpm2_public *ak)
{
	const uint32_t set = TPMA_RESTRICTED | TPMA_SIGN_ENCRYPT | TPMA_FIXED_TPM |
			     TPMA_FIXED_PARENT | TPMA_SENSITIVE_DATA_ORIGIN;
	AUTO(auto_free) char *got = NULL;

	if ((ak->attributes & set) == set && !(ak->attributes & TPMA_DECRYPT))
		return OK;
	TRY(str_format(&got, "0x%08x", ak->attributes));
	return tee_deny(DENY_VTPM_AK_ATTRIBUTES, "ak_public.objectAttributes",
		"restricted sign fixedTPM fixedParent sensitiveDataOrigin, no decrypt", got);
}

/* A storage key of the TPM: it decrypts only what a TPM object's name is bound to. */
static struct err ek_attributes(const struct tpm2_public *ek)
{
	const uint32_t set = TPMA_RESTRICTED | TPMA_DECRYPT | TPMA_FIXED_TPM | TPMA_FIXED_PARENT |
			     TPMA_SENSITIVE_DATA_ORIGIN;
	AUTO(auto_free) char *got = NULL;

	if ((ek->attributes & set) == set && !(ek->attributes & TPMA_SIGN_ENCRYPT))
		return OK;
	TRY(str_format(&got, "0x%08x", ek->attributes));
	return tee_deny(DENY_VTPM_EK_ATTRIBUTES, "ek_public.objectAttributes",
		"restricted decrypt fixedTPM fixedParent sensitiveDataOrigin, no sign", got);
}

static struct err check_certified(const struct tpm2_public *ek, const struct x509 *cert)
{
	AUTO(key_freep) struct key *own = NULL;
	AUTO(key_freep) struct key *certified = NULL;

	TRY(tee_deny_because(tpm2_public_key(ek, &own), DENY_VTPM_EK_MALFORMED, "ek_public"));
	TRY(tee_deny_because(x509_public_key(cert, &certified), DENY_VTPM_EK_MALFORMED, "ek_cert"));
	if (!key_equal(own, certified))
		return tee_deny(
			DENY_VTPM_EK_MISMATCH, "ek_public", "the key of ek_cert", "another key");
	return OK;
}

static struct err make(const struct hello *h, const struct tpm2_public *ek,
	const struct tpm2_public *ak, struct vtpm_state *s, struct tpm2_credential *ret)
{
	AUTO(buf_done) struct buf name = BUF_INIT(TPM2_NAME_MAX);
	struct digest_value d;

	TRY(digest(DIGEST_SHA256, buf_bytes(&h->ek_cert), &d));
	memcpy(s->ek_cert, d.v, sizeof(s->ek_cert));
	TRY(tee_deny_because(tpm2_name(ak, &name), DENY_VTPM_AK_ATTRIBUTES, "ak_public.nameAlg"));
	memcpy(s->ak_name, name.p, name.n);
	s->ak_name_n = name.n;
	TRY(random_fill(s->secret, sizeof(s->secret)));
	return tee_deny_because(
		tpm2_make_credential(ek, buf_bytes(&name), BYTES_OF(s->secret), ret),
		DENY_VTPM_EK_MALFORMED, "ek_public");
}

static struct err check_ek(const struct hello *h, const struct tee_anchors *anchors, int64_t now,
	struct tpm2_public *ret_ek)
{
	AUTO(x509_freep) struct x509 *cert = NULL;
	bool simulated;

	TRY(tee_deny_because(
		x509_parse_der(buf_bytes(&h->ek_cert), &cert), DENY_VTPM_EK_MALFORMED, "ek_cert"));
	TRY(vtpm_ek_verify(cert, anchors, now, &simulated));
	TRY(tee_deny_because(tpm2_public_parse(buf_bytes(&h->ek_public), ret_ek),
		DENY_VTPM_EK_MALFORMED, "ek_public"));
	TRY(check_certified(ret_ek, cert));
	return ek_attributes(ret_ek);
}

static struct err challenge(const struct hello *h, const struct tee_anchors *anchors, int64_t now,
	struct vtpm_state *s, struct tpm2_credential *ret)
{
	struct tpm2_public ek, ak;

	TRY(check_ek(h, anchors, now, &ek));
	TRY(tee_deny_because(tpm2_public_parse(buf_bytes(&h->ak_public), &ak),
		DENY_EVIDENCE_MALFORMED, "ak_public"));
	TRY(vtpm_ak_attributes(&ak));
	return make(h, &ek, &ak, s, ret);
}

RESULT vtpm_challenge(const struct json *extra, const struct tee_anchors *anchors, int64_t now,
	struct json_writer *w, struct buf *ret_state)
{
	AUTO(hello_done) struct hello h = { 0 };
	AUTO(tpm2_credential_done) struct tpm2_credential c = TPM2_CREDENTIAL_INIT;
	AUTO(state_wipe) struct vtpm_state s = { 0 };
	const struct json *own = json_get(extra, VTPM_EXTRA);

	/* A stock Trustee client asks for no activation and gets claims without it. */
	if (!own)
		return OK;
	TRY(tee_deny_because(json_decode(own, &hello_table, &h), DENY_EVIDENCE_MALFORMED,
		"extra-params." VTPM_EXTRA));
	TRY(challenge(&h, anchors, now, &s, &c));
	vtpm_state_write(&s, ret_state);
	TRY(buf_end(ret_state, "vtpm challenge state"));
	jw_key(w, VTPM_EXTRA);
	jw_object(w);
	jw_kbase64(w, "credential_blob", buf_bytes(&c.blob));
	jw_kbase64(w, "encrypted_secret", buf_bytes(&c.secret));
	jw_object_end(w);
	return OK;
}
