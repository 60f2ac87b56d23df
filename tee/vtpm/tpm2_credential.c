#include "vtpm/tpm2.h"

#include <base/random.h>
#include <base/reader.h>
#include <crypto/cipher.h>

/* Part 1, 24.4 and B.10.3/C.6.1: the labels count their NUL where OAEP and KDFe take bytes. */
static const char identity_label[] = "IDENTITY";

void tpm2_credential_done(struct tpm2_credential *c)
{
	buf_done(&c->blob);
	buf_done(&c->secret);
}

#define CREDENTIAL_FILE_MAGIC 0xbadcc0deu
enum {
	CREDENTIAL_FILE_VERSION = 1
};

/* tpm2-tools, lib/files.c: both blobs follow as TPM2Bs. */
RESULT tpm2_credential_file_parse(
	struct bytes file, struct bytes *ret_blob, struct bytes *ret_secret)
{
	struct reader r = rd_of(file);

	uint32_t magic = rd_be32(&r);
	uint32_t version = rd_be32(&r);
	if (rd_ok(&r) && (magic != CREDENTIAL_FILE_MAGIC || version != CREDENTIAL_FILE_VERSION))
		return err_new(
			ERR_FORMAT, "credential file: magic 0x%08x, version %u", magic, version);
	const uint8_t *at = r.p;
	uint16_t n = rd_be16(&r);
	(void)rd_take(&r, n);
	struct bytes blob = bytes_of(at, rd_ok(&r) ? n + sizeof(n) : 0);
	at = r.p;
	n = rd_be16(&r);
	(void)rd_take(&r, n);
	struct bytes secret = bytes_of(at, rd_ok(&r) ? n + sizeof(n) : 0);
	TRY(rd_end(&r, "credential file"));
	*ret_blob = blob;
	*ret_secret = secret;
	return OK;
}

RESULT tpm2_credential_file_write(const struct tpm2_credential *c, struct buf *out)
{
	buf_be32(out, CREDENTIAL_FILE_MAGIC);
	buf_be32(out, CREDENTIAL_FILE_VERSION);
	buf_put(out, buf_bytes(&c->blob));
	buf_put(out, buf_bytes(&c->secret));
	return buf_end(out, "credential file");
}

/* Appends `inner` as a TPM2B. */
static void put_tpm2b(struct buf *out, struct bytes inner)
{
	buf_be16(out, inner.n);
	buf_put(out, inner);
}

/* Part 1, 24.4: the seed goes to the EK by OAEP. */
static struct err seed_rsa(
	const struct key *ek, enum digest_alg alg, struct secret **ret_seed, struct buf *encrypted)
{
	AUTO(secret_freep) struct secret *seed = NULL;
	AUTO(buf_done) struct buf cipher = BUF_INIT(512);

	TRY(secret_new(digest_size(alg), &seed));
	TRY(random_fill(secret_data(seed), secret_size(seed)));
	TRY(key_oaep_encrypt(ek, alg, BYTES_OF(identity_label), secret_bytes(seed), &cipher));
	put_tpm2b(encrypted, buf_bytes(&cipher));
	*ret_seed = TAKE(seed);
	return buf_end(encrypted, "encrypted secret");
}

/* KDFe (part 1, 11.4.10.3) for one digest: H(counter || Z || label || PartyU || PartyV). */
static struct err kdfe(enum digest_alg alg, struct bytes z, struct bytes party_u,
	struct bytes party_v, struct secret **ret_seed)
{
	static const uint8_t counter[4] = { 0, 0, 0, 1 };
	const struct bytes parts[] = { BYTES_OF(counter), z, BYTES_OF(identity_label), party_u,
		party_v };
	AUTO(digest_freep) struct digest_ctx *c = NULL;
	struct digest_value d;

	TRY(digest_new(alg, &c));
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		TRY(digest_update(c, parts[i]));
	TRY(digest_final(c, &d));
	struct err e = secret_of(digest_bytes(&d), ret_seed);
	bytes_wipe(&d, sizeof(d));
	return e;
}

/* Part 1, C.6.1: one-pass Diffie-Hellman with an ephemeral key, whose point is the secret sent. */
static struct err seed_ecc(
	const struct key *ek, enum digest_alg alg, struct secret **ret_seed, struct buf *encrypted)
{
	AUTO(key_freep) struct key *ephemeral = NULL;
	AUTO(secret_freep) struct secret *z = NULL;
	AUTO(buf_done) struct buf x = BUF_INIT(DIGEST_MAX + 2), y = BUF_INIT(DIGEST_MAX + 2);
	AUTO(buf_done) struct buf ek_x = BUF_INIT(DIGEST_MAX + 2), ek_y = BUF_INIT(DIGEST_MAX + 2);
	AUTO(buf_done) struct buf point = BUF_INIT(256);

	TRY(key_generate(key_type(ek), &ephemeral));
	TRY(key_ecdh(ephemeral, ek, &z));
	TRY(key_ec_point(ephemeral, &x, &y));
	TRY(key_ec_point(ek, &ek_x, &ek_y));
	put_tpm2b(&point, buf_bytes(&x));
	put_tpm2b(&point, buf_bytes(&y));
	TRY(buf_end(&point, "ephemeral point"));
	put_tpm2b(encrypted, buf_bytes(&point));
	TRY(buf_end(encrypted, "encrypted secret"));
	return kdfe(alg, secret_bytes(z), buf_bytes(&x), buf_bytes(&ek_x), ret_seed);
}

/* Part 1, 24.5: the credential under keys made from the seed. */
static struct err wrap(const struct tpm2_public *ek, enum digest_alg alg, struct bytes seed,
	struct bytes name, struct bytes secret, struct buf *blob)
{
	AUTO(secret_freep) struct secret *sym_key = NULL;
	AUTO(secret_freep) struct secret *hmac_key = NULL;
	AUTO(buf_done) struct buf plain = BUF_INIT(2 + DIGEST_MAX);
	AUTO(buf_done) struct buf protected = BUF_INIT(2 + DIGEST_MAX + TPM2_NAME_MAX);
	AUTO(buf_done) struct buf inner = BUF_INIT(512);
	struct digest_value mac;

	TRY(kdfa(
		&(struct kdfa_input){
			.alg = alg, .key = seed, .label = "STORAGE", .context_u = name },
		ek->symmetric_bits / 8u, &sym_key));
	put_tpm2b(&plain, secret);
	struct err e = aes_cfb(true, secret_bytes(sym_key), buf_bytes(&plain), &protected);
	bytes_wipe(plain.p, plain.n);
	TRY(e);
	TRY(kdfa(&(struct kdfa_input){ .alg = alg, .key = seed, .label = "INTEGRITY" },
		digest_size(alg), &hmac_key));
	size_t encrypted = protected.n;
	buf_put(&protected, name);
	TRY(buf_end(&protected, "credential"));
	TRY(hmac(alg, secret_bytes(hmac_key), buf_bytes(&protected), &mac));
	put_tpm2b(&inner, digest_bytes(&mac));
	buf_put(&inner, bytes_of(protected.p, encrypted));
	put_tpm2b(blob, buf_bytes(&inner));
	return buf_end(blob, "credential");
}

RESULT tpm2_make_credential(const struct tpm2_public *ek, struct bytes ak_name, struct bytes secret,
	struct tpm2_credential *ret_credential)
{
	AUTO(tpm2_credential_done) struct tpm2_credential c = TPM2_CREDENTIAL_INIT;
	AUTO(key_freep) struct key *key = NULL;
	AUTO(secret_freep) struct secret *seed = NULL;
	enum digest_alg alg;

	TRY(tpm2_digest_alg(ek->name_alg, &alg));
	if (ek->symmetric != TPM_ALG_AES || ek->symmetric_mode != TPM_ALG_CFB ||
		(ek->symmetric_bits != 128 && ek->symmetric_bits != 256))
		return err_new(ERR_UNSUPPORTED, "EK without AES-CFB");
	if (secret.n > digest_size(alg))
		return err_new(ERR_LIMIT, "credential of %zu bytes", secret.n);
	TRY(tpm2_public_key(ek, &key));
	if (ek->type == TPM_ALG_RSA)
		TRY(seed_rsa(key, alg, &seed, &c.secret));
	else
		TRY(seed_ecc(key, alg, &seed, &c.secret));
	TRY(wrap(ek, alg, secret_bytes(seed), ak_name, secret, &c.blob));
	*ret_credential = c;
	c = TPM2_CREDENTIAL_INIT;
	return OK;
}
