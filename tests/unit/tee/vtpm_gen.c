#include "vtpm_gen.h"

#include "util.h"

#include <base/reader.h>
#include <crypto/cipher.h>

enum {
	LOG_MAX = 256 * 1024,
	SMALL_MAX = 8192,
	AK_ATTRIBUTES = 0x00050072,
	EK_ATTRIBUTES = 0x000300b2,
};

static const char identity_label[] = "IDENTITY";

const struct vtpm_gen_boot vtpm_gen_usual = {
	.crtm = "crtm",
	.pei = "pei volume",
	.dxe = "dxe volume",
	.kernel = "kernel",
	.cmdline = "console=hvc0 initrd=initrd",
	.initrd = "initrd file",
};

static void put_tpm2b(struct buf *out, struct bytes b)
{
	buf_be16(out, b.n);
	buf_put(out, b);
}

static void replace(struct buf *b, struct bytes with)
{
	buf_done(b);
	*b = BUF_INIT(LOG_MAX);
	buf_put(b, with);
	assert_ok(buf_end(b, "test"));
}

/* ---- keys and certificate ---- */
static void make_ca(struct vtpm_gen *g)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(SMALL_MAX);
	struct x509_make ca = {
		.common_name = "test TPM CA",
		.ca = true,
		.not_before = GEN_NOW - GEN_YEAR,
		.not_after = GEN_NOW + GEN_YEAR,
	};

	assert_ok(key_generate(KEY_P256, &g->ca_key));
	ca.subject_key = ca.issuer_key = g->ca_key;
	assert_ok(x509_make(&ca, &pem));
	assert_ok(x509_list_parse(buf_bytes(&pem), &g->anchors.software));
}

static void certify(struct vtpm_gen *g)
{
	/* tcg-kp-EKCertificate 2.23.133.8.1 */
	static const uint8_t purpose[] = { 0x30, 7, 6, 5, 0x67, 0x81, 5, 8, 1 };
	const struct x509_make_extension purposes = { .oid = "2.5.29.37",
		.value = BYTES_OF(purpose) };
	AUTO(buf_done) struct buf pem = BUF_INIT(SMALL_MAX);
	AUTO(buf_done) struct buf der = BUF_INIT(SMALL_MAX);
	AUTO(x509_list_done) struct x509_list leaf = { 0 };
	struct x509_make ek = {
		.common_name = "test EK",
		.not_before = GEN_NOW - GEN_YEAR,
		.not_after = GEN_NOW + GEN_YEAR,
		.subject_key = g->ek,
		.issuer = g->anchors.software.v[0],
		.extensions = &purposes,
		.n_extensions = 1,
		.issuer_key = g->ca_key,
	};

	assert_ok(x509_make(&ek, &pem));
	assert_ok(x509_list_parse(buf_bytes(&pem), &leaf));
	assert_ok(x509_der(leaf.v[0], &der));
	replace(&g->ek_cert, buf_bytes(&der));
}

static void put_unique(struct buf *area, const struct key *k)
{
	AUTO(buf_done) struct buf a = BUF_INIT(SMALL_MAX), b = BUF_INIT(SMALL_MAX);

	if (key_type(k) == KEY_RSA) {
		assert_ok(key_rsa_numbers(k, &a, &b));
		buf_be16(area, key_bits(k));
		buf_be32(area, 0); /* exponent: 65537 */
		put_tpm2b(area, buf_bytes(&a));
		return;
	}
	assert_ok(key_ec_point(k, &a, &b));
	buf_be16(area, key_type(k) == KEY_P256 ? TPM_ECC_NIST_P256 : TPM_ECC_NIST_P384);
	buf_be16(area, TPM_ALG_NULL); /* kdf */
	put_tpm2b(area, buf_bytes(&a));
	put_tpm2b(area, buf_bytes(&b));
}

static void make_public(const struct key *k, uint32_t attributes, uint16_t scheme, struct buf *out)
{
	AUTO(buf_done) struct buf area = BUF_INIT(SMALL_MAX);

	buf_be16(&area, key_type(k) == KEY_RSA ? TPM_ALG_RSA : TPM_ALG_ECC);
	buf_be16(&area, TPM_ALG_SHA256);
	buf_be32(&area, attributes);
	put_tpm2b(&area, BYTES_NONE);
	if (scheme == TPM_ALG_NULL) {
		buf_be16(&area, TPM_ALG_AES);
		buf_be16(&area, 128);
		buf_be16(&area, TPM_ALG_CFB);
		buf_be16(&area, TPM_ALG_NULL);
	} else {
		buf_be16(&area, TPM_ALG_NULL);
		buf_be16(&area, scheme);
		buf_be16(&area, TPM_ALG_SHA256);
	}
	put_unique(&area, k);
	assert_ok(buf_end(&area, "public area"));
	buf_done(out);
	*out = BUF_INIT(SMALL_MAX);
	put_tpm2b(out, buf_bytes(&area));
}

void vtpm_gen_ek(struct vtpm_gen *g, enum key_type type, uint32_t attributes)
{
	key_free(g->ek);
	g->ek = NULL;
	assert_ok(key_generate(type, &g->ek));
	make_public(g->ek, attributes ? attributes : EK_ATTRIBUTES, TPM_ALG_NULL, &g->ek_public);
	certify(g);
}

void vtpm_gen_ak(struct vtpm_gen *g, uint16_t scheme, uint32_t attributes)
{
	key_free(g->ak);
	g->ak = NULL;
	g->ak_scheme = scheme;
	assert_ok(key_generate(scheme == TPM_ALG_ECDSA ? KEY_P256 : KEY_RSA, &g->ak));
	make_public(g->ak, attributes ? attributes : AK_ATTRIBUTES, scheme, &g->ak_public);
}

void vtpm_gen_init(struct vtpm_gen *g)
{
	*g = (struct vtpm_gen){ .log.max = LOG_MAX };
	for (size_t i = 0; i < TPM_PCRS; i++)
		g->pcr[i] = (struct digest_value){ .alg = DIGEST_SHA256, .n = DIGEST_SHA256_SIZE };
	make_ca(g);
	vtpm_gen_ek(g, KEY_RSA, 0);
	vtpm_gen_ak(g, TPM_ALG_ECDSA, 0);
}

void vtpm_gen_done(struct vtpm_gen *g)
{
	key_free(g->ca_key);
	key_free(g->ek);
	key_free(g->ak);
	x509_list_done(&g->anchors.software);
	x509_list_done(&g->anchors.hardware);
	buf_done(&g->ek_cert);
	buf_done(&g->ek_public);
	buf_done(&g->ak_public);
	buf_done(&g->log);
}

/* ---- event log ---- */
void vtpm_gen_extend(struct vtpm_gen *g, uint32_t pcr, struct bytes extend_with)
{
	assert_ok(pcr_extend(&g->pcr[pcr], extend_with));
}

void vtpm_gen_log_start(struct vtpm_gen *g)
{
	buf_clear(&g->log);
	for (size_t i = 0; i < TPM_PCRS; i++)
		memset(g->pcr[i].v, 0, sizeof(g->pcr[i].v));
	buf_le32(&g->log, 0);
	buf_le32(&g->log, EV_NO_ACTION);
	buf_zero(&g->log, DIGEST_SHA1_SIZE);
	buf_le32(&g->log, 37);
	buf_put(&g->log, bytes_of("Spec ID Event03", 16));
	buf_le32(&g->log, 0);		 /* platform class */
	buf_le32(&g->log, 0x02000200);	 /* minor 0, major 2, errata 0, uintn size 2 */
	buf_le32(&g->log, 2);		 /* algorithms */
	buf_le16(&g->log, TPM_ALG_SHA1); /* a second bank, as many TPMs have */
	buf_le16(&g->log, DIGEST_SHA1_SIZE);
	buf_le16(&g->log, TPM_ALG_SHA256);
	buf_le16(&g->log, DIGEST_SHA256_SIZE);
	buf_u8(&g->log, 0);
}

void vtpm_gen_event(
	struct vtpm_gen *g, uint32_t pcr, uint32_t type, struct bytes data, struct bytes given)
{
	struct digest_value d;

	assert_ok(digest(DIGEST_SHA256, data, &d));
	if (given.n == 0)
		given = digest_bytes(&d);
	buf_le32(&g->log, pcr);
	buf_le32(&g->log, type);
	buf_le32(&g->log, 2);
	buf_le16(&g->log, TPM_ALG_SHA1);
	buf_zero(&g->log, DIGEST_SHA1_SIZE);
	buf_le16(&g->log, TPM_ALG_SHA256);
	buf_put(&g->log, given);
	buf_le32(&g->log, data.n);
	buf_put(&g->log, data);
	assert_ok(buf_end(&g->log, "log"));
	if (type != EV_NO_ACTION && pcr < TPM_PCRS)
		vtpm_gen_extend(g, pcr, given);
}

/* An event whose data do not hold what is measured. */
static void event_of(struct vtpm_gen *g, uint32_t pcr, uint32_t type, const char *what)
{
	struct digest_value d;

	assert_ok(digest(DIGEST_SHA256, bytes_str(what), &d));
	vtpm_gen_event(g, pcr, type, bytes_str("opaque"), digest_bytes(&d));
}

static void text_event(struct vtpm_gen *g, uint32_t pcr, uint32_t type, const char *text)
{
	vtpm_gen_event(g, pcr, type, bytes_str(text), BYTES_NONE);
}

static void tagged_event(struct vtpm_gen *g, uint32_t id, const char *name, const char *what)
{
	AUTO(buf_done) struct buf data = BUF_INIT(256);
	struct digest_value d;

	buf_le32(&data, id);
	buf_le32(&data, strlen(name) + 1);
	buf_put(&data, bytes_of(name, strlen(name) + 1));
	assert_ok(digest(DIGEST_SHA256, bytes_str(what), &d));
	vtpm_gen_event(g, 9, EV_EVENT_TAG, buf_bytes(&data), digest_bytes(&d));
}

void vtpm_gen_boot(struct vtpm_gen *g, const struct vtpm_gen_boot *what)
{
	static const char *const variables[] = { "SecureBoot", "PK", "KEK", "db", "dbx" };
	static const uint8_t zero[4] = { 0 };

	vtpm_gen_log_start(g);
	event_of(g, 0, EV_S_CRTM_VERSION, what->crtm);
	event_of(g, 0, EV_EFI_PLATFORM_FIRMWARE_BLOB, what->pei);
	event_of(g, 0, EV_EFI_PLATFORM_FIRMWARE_BLOB, what->dxe);
	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		text_event(g, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, variables[i]);
	vtpm_gen_event(g, 7, EV_SEPARATOR, BYTES_OF(zero), BYTES_NONE);
	event_of(g, 4, EV_EFI_BOOT_SERVICES_APPLICATION, what->kernel);
	text_event(g, 1, EV_EFI_VARIABLE_BOOT, "BootOrder");
	text_event(g, 1, EV_EFI_VARIABLE_BOOT, "Boot0000");
	text_event(g, 4, EV_EFI_ACTION, "Calling EFI Application from Boot Option");
	for (uint32_t pcr = 0; pcr < 7; pcr++)
		vtpm_gen_event(g, pcr, EV_SEPARATOR, BYTES_OF(zero), BYTES_NONE);
	tagged_event(g, EVENT_TAG_LOAD_OPTIONS, "LOADED_IMAGE::LoadOptions", what->cmdline);
	tagged_event(g, EVENT_TAG_INITRD, "Linux initrd", what->initrd);
	text_event(g, 5, EV_EFI_ACTION, "Exit Boot Services Invocation");
	text_event(g, 5, EV_EFI_ACTION, "Exit Boot Services Returned with Success");
}

void vtpm_gen_hex(const char *what, char *to)
{
	AUTO(buf_done) struct buf hex = BUF_INIT(128);
	struct json_writer w = jw_of(&hex);
	struct digest_value d;

	assert_ok(digest(DIGEST_SHA256, bytes_str(what), &d));
	jw_hex(&w, digest_bytes(&d));
	memcpy(to, hex.p + 1, 64); /* without the quotes */
	to[64] = '\0';
}

void vtpm_gen_bind_initdata(struct vtpm_gen *g, struct bytes initdata_digest)
{
	uint8_t fitted[DIGEST_SHA256_SIZE];

	tee_fit_digest(initdata_digest, fitted, sizeof(fitted));
	vtpm_gen_extend(g, 8, BYTES_OF(fitted));
}

/* ---- handshake ---- */
void vtpm_gen_hello(const struct vtpm_gen *g, struct buf *ret_json)
{
	struct json_writer w = jw_of(ret_json);

	jw_object(&w);
	jw_key(&w, "sealpod-tpm");
	jw_object(&w);
	jw_kbase64(&w, "ek_cert", buf_bytes(&g->ek_cert));
	jw_kbase64(&w, "ek_public", buf_bytes(&g->ek_public));
	jw_kbase64(&w, "ak_public", buf_bytes(&g->ak_public));
	jw_object_end(&w);
	jw_object_end(&w);
	assert_ok(buf_end(ret_json, "hello"));
}

static struct bytes rd_tpm2b(struct reader *r)
{
	uint16_t n = rd_be16(r);

	return rd_take(r, n);
}

static struct err open_seed_ecc(const struct key *ek, struct bytes point, struct secret **ret_seed)
{
	static const uint8_t one[4] = { 0, 0, 0, 1 };
	AUTO(key_freep) struct key *peer = NULL;
	AUTO(secret_freep) struct secret *z = NULL;
	AUTO(buf_done) struct buf in = BUF_INIT(512), ek_x = BUF_INIT(128), ek_y = BUF_INIT(128);
	struct reader r = rd_of(point);
	struct digest_value d;

	struct bytes x = rd_tpm2b(&r);
	struct bytes y = rd_tpm2b(&r);
	TRY(rd_end(&r, "point"));
	TRY(key_from_ec_point(key_type(ek), x, y, &peer));
	TRY(key_ecdh(ek, peer, &z));
	TRY(key_ec_point(ek, &ek_x, &ek_y));
	buf_put(&in, BYTES_OF(one));
	buf_put(&in, secret_bytes(z));
	buf_put(&in, BYTES_OF(identity_label));
	buf_put(&in, x);
	buf_put(&in, buf_bytes(&ek_x));
	TRY(digest(DIGEST_SHA256, buf_bytes(&in), &d));
	return secret_of(digest_bytes(&d), ret_seed);
}

static struct err open_credential(
	struct bytes seed, struct bytes name, struct bytes blob, struct secret **ret_secret)
{
	AUTO(secret_freep) struct secret *sym = NULL, *mac_key = NULL;
	AUTO(buf_done) struct buf covered = BUF_INIT(1024), plain = BUF_INIT(1024);
	struct reader outer = rd_of(blob);
	struct digest_value mac;

	struct reader r = rd_of(rd_tpm2b(&outer));
	struct bytes want = rd_tpm2b(&r);
	struct bytes encrypted = rd_rest(&r);
	TRY(rd_end(&outer, "TPM2B_ID_OBJECT"));
	TRY(kdfa(&(struct kdfa_input){ .alg = DIGEST_SHA256, .key = seed, .label = "INTEGRITY" },
		DIGEST_SHA256_SIZE, &mac_key));
	buf_put(&covered, encrypted);
	buf_put(&covered, name);
	TRY(hmac(DIGEST_SHA256, secret_bytes(mac_key), buf_bytes(&covered), &mac));
	if (!bytes_equal(digest_bytes(&mac), want))
		return err_new(ERR_UNVERIFIED, "TPM_RC_INTEGRITY");
	TRY(kdfa(
		&(struct kdfa_input){
			.alg = DIGEST_SHA256, .key = seed, .label = "STORAGE", .context_u = name },
		16, &sym));
	TRY(aes_cfb(false, secret_bytes(sym), encrypted, &plain));
	struct reader p = rd_of(buf_bytes(&plain));
	struct bytes secret = rd_tpm2b(&p);
	TRY(rd_end(&p, "credential"));
	return secret_of(secret, ret_secret);
}

struct err vtpm_gen_activate(const struct vtpm_gen *g, struct bytes blob, struct bytes encrypted,
	struct secret **ret_secret)
{
	AUTO(secret_freep) struct secret *seed = NULL;
	AUTO(buf_done) struct buf name = BUF_INIT(TPM2_NAME_MAX);
	struct reader r = rd_of(encrypted);
	struct tpm2_public ak;

	struct bytes inner = rd_tpm2b(&r);
	TRY(rd_end(&r, "TPM2B_ENCRYPTED_SECRET"));
	if (key_type(g->ek) == KEY_RSA)
		TRY(key_oaep_decrypt(g->ek, DIGEST_SHA256, BYTES_OF(identity_label), inner, &seed));
	else
		TRY(open_seed_ecc(g->ek, inner, &seed));
	TRY(tpm2_public_parse(buf_bytes(&g->ak_public), &ak));
	TRY(tpm2_name(&ak, &name));
	return open_credential(secret_bytes(seed), buf_bytes(&name), blob, ret_secret);
}

/* ---- evidence ---- */
struct vtpm_gen_attest vtpm_gen_attest(struct bytes extra_data)
{
	return (struct vtpm_gen_attest){
		.magic = 0xff544347,
		.type = 0x8018,
		.extra_data = extra_data,
		.bank = TPM_ALG_SHA256,
		.pcrs = 0x43ff,
		.n_selections = 1,
	};
}

static void make_attest(
	const struct vtpm_gen_evidence *e, const struct vtpm_gen_attest *a, struct buf *out)
{
	AUTO(digest_freep) struct digest_ctx *c = NULL;
	struct digest_value d;

	assert_ok(digest_new(DIGEST_SHA256, &c));
	for (size_t i = 0; i < TPM_PCRS; i++)
		if (a->pcrs >> i & 1)
			assert_ok(digest_update(c, BYTES_OF(e->pcrs[i])));
	assert_ok(digest_final(c, &d));
	buf_be32(out, a->magic);
	buf_be16(out, a->type);
	put_tpm2b(out, bytes_str("qualified signer"));
	put_tpm2b(out, a->extra_data);
	buf_be64(out, 123456); /* clock */
	buf_be32(out, 7);      /* resets */
	buf_be32(out, 1);      /* restarts */
	buf_u8(out, 1);
	buf_be64(out, 0x2019102300163636);
	buf_be32(out, a->n_selections);
	for (size_t i = 0; i < a->n_selections; i++) {
		buf_be16(out, a->bank);
		buf_u8(out, 3);
		buf_le(out, a->pcrs, 3);
	}
	put_tpm2b(out, digest_bytes(&d));
	assert_ok(buf_end(out, "attest"));
}

static void make_signature(const struct vtpm_gen *g, struct bytes message, struct buf *out)
{
	AUTO(buf_done) struct buf sig = BUF_INIT(1024), raw = BUF_INIT(1024);
	enum sig_alg alg = g->ak_scheme == TPM_ALG_ECDSA    ? SIG_ECDSA_SHA256
			   : g->ak_scheme == TPM_ALG_RSASSA ? SIG_RSA_PKCS1_SHA256
							    : SIG_RSA_PSS_SHA256;

	assert_ok(key_sign(g->ak, alg, message, &sig));
	buf_be16(out, g->ak_scheme);
	buf_be16(out, TPM_ALG_SHA256);
	if (g->ak_scheme != TPM_ALG_ECDSA) {
		put_tpm2b(out, buf_bytes(&sig));
		return;
	}
	assert_ok(ecdsa_der_to_raw(buf_bytes(&sig), 32, &raw));
	put_tpm2b(out, bytes_of(raw.p, 32));
	put_tpm2b(out, bytes_of(raw.p + 32, 32));
}

void vtpm_gen_sign(
	const struct vtpm_gen *g, const struct vtpm_gen_attest *a, struct vtpm_gen_evidence *e)
{
	buf_clear(&e->message);
	buf_clear(&e->signature);
	make_attest(e, a, &e->message);
	make_signature(g, buf_bytes(&e->message), &e->signature);
	assert_ok(buf_end(&e->signature, "signature"));
}

static void add_activation(const struct vtpm_gen *g, struct bytes report_data,
	const struct json *own, struct vtpm_gen_evidence *e)
{
	AUTO(secret_freep) struct secret *blob = NULL, *encrypted = NULL, *secret = NULL;
	struct digest_value mac;

	assert_ok(secret_from_base64(
		false, bytes_str(json_string(json_get(own, "credential_blob"))), "blob", &blob));
	assert_ok(secret_from_base64(false,
		bytes_str(json_string(json_get(own, "encrypted_secret"))), "secret", &encrypted));
	assert_ok(vtpm_gen_activate(g, secret_bytes(blob), secret_bytes(encrypted), &secret));
	assert_ok(hmac(DIGEST_SHA256, secret_bytes(secret), report_data, &mac));
	replace(&e->ek_cert, buf_bytes(&g->ek_cert));
	replace(&e->activation, digest_bytes(&mac));
}

void vtpm_gen_evidence(const struct vtpm_gen *g, struct bytes report_data,
	const struct json *challenge_extra, struct vtpm_gen_evidence *ret)
{
	AUTO(buf_done) struct buf spki = BUF_INIT(SMALL_MAX);
	uint8_t nonce[32];

	*ret = (struct vtpm_gen_evidence){ .message.max = SMALL_MAX, .signature.max = SMALL_MAX };
	assert_ok(key_public_der(g->ak, &spki));
	replace(&ret->ak_public, buf_bytes(&spki));
	replace(&ret->ak_tpm_public, buf_bytes(&g->ak_public));
	if (g->log.n > 0)
		replace(&ret->event_log, buf_bytes(&g->log));
	for (size_t i = 0; i < TPM_PCRS; i++)
		memcpy(ret->pcrs[i], g->pcr[i].v, sizeof(ret->pcrs[i]));
	tee_fit_digest(report_data, nonce, sizeof(nonce));
	struct vtpm_gen_attest a = vtpm_gen_attest(BYTES_OF(nonce));
	vtpm_gen_sign(g, &a, ret);
	if (challenge_extra)
		add_activation(g, report_data, json_get(challenge_extra, "sealpod-tpm"), ret);
}

void vtpm_gen_evidence_done(struct vtpm_gen_evidence *e)
{
	buf_done(&e->ak_public);
	buf_done(&e->signature);
	buf_done(&e->message);
	buf_done(&e->ek_cert);
	buf_done(&e->ak_tpm_public);
	buf_done(&e->activation);
	buf_done(&e->event_log);
}

static void print_optional(struct json_writer *w, const char *name, const struct buf *b)
{
	if (b->n > 0)
		jw_kbase64(w, name, buf_bytes(b));
}

void vtpm_gen_print(const struct vtpm_gen_evidence *e, struct buf *ret_json)
{
	struct json_writer w = jw_of(ret_json);

	jw_object(&w);
	jw_kbase64(&w, "ak_public", buf_bytes(&e->ak_public));
	jw_key(&w, "tpm_quote");
	jw_object(&w);
	jw_kbase64(&w, "signature", buf_bytes(&e->signature));
	jw_kbase64(&w, "message", buf_bytes(&e->message));
	jw_key(&w, "pcrs");
	jw_array(&w);
	for (size_t i = 0; i < TPM_PCRS; i++)
		jw_hex(&w, BYTES_OF(e->pcrs[i]));
	jw_array_end(&w);
	jw_object_end(&w);
	print_optional(&w, "ek_cert", &e->ek_cert);
	print_optional(&w, "ak_tpm_public", &e->ak_tpm_public);
	print_optional(&w, "activation", &e->activation);
	print_optional(&w, "event_log", &e->event_log);
	jw_object_end(&w);
	assert_ok(buf_end(ret_json, "evidence"));
}
