#include "vtpm/vtpm_guest.h"

#include "platforms.h"

#include <stdlib.h>

#include <base/file.h>
#include <crypto/digest.h>

#define DEVICE	  "/dev/tpmrm0"
#define EVENT_LOG "/sys/kernel/security/tpm0/binary_bios_measurements"

/* Registers a workload may extend: the others are the boot's, the kernel's (10), or not ours. */
#define RUNTIME_PCRS (1u << 11 | 1u << 12 | 1u << 13 | 1u << 15 | 1u << 16 | 1u << 23)

/* Trustee's verifiers expect every register in the quote. */
#define ALL_PCRS ((1u << TPM_PCRS) - 1)

enum {
	QUOTE_TRIES = 5,
};

struct tee_guest {
	const struct tee *tee;
	struct vtpm_tpm *tpm;
	char *root;
};

static const char *root_of(const struct tee_guest_config *c)
{
	return c->root ? c->root : "";
}

bool vtpm_guest_has_tpm(const struct tee_guest_config *c)
{
	AUTO(auto_free) char *path = NULL;

	if (c->tcti)
		return true;
	return !failed(str_format(&path, "%s%s", root_of(c), DEVICE)) && file_exists(path);
}

RESULT vtpm_guest_open(const struct tee_guest_config *c, struct vtpm_tpm **ret_tpm)
{
	AUTO(auto_free) char *device = NULL;

	TRY(str_format(&device, "device:%s%s", root_of(c), DEVICE));
	return vtpm_tpm_open(c->tcti ? c->tcti : device, ret_tpm);
}

static void vtpm_close(struct tee_guest *g)
{
	if (!g)
		return;
	vtpm_tpm_free(g->tpm);
	free(g->root);
	free(g);
}

static void closep(struct tee_guest **g)
{
	vtpm_close(*g);
}

static struct err vtpm_open(const struct tee_guest_config *c, struct tee_guest **ret_guest)
{
	AUTO(closep) struct tee_guest *g = calloc(1, sizeof(*g));

	if (!g)
		return err_new(ERR_NOMEM, "vtpm");
	g->tee = &tee_vtpm;
	TRY(str_dup(root_of(c), &g->root));
	TRY(vtpm_guest_open(c, &g->tpm));
	*ret_guest = TAKE(g);
	return OK;
}

RESULT vtpm_guest_bind(struct vtpm_tpm *t, struct bytes initdata_digest)
{
	uint8_t fitted[VTPM_PCR_SIZE], now[VTPM_PCR_SIZE];

	tee_fit_digest(initdata_digest, fitted, sizeof(fitted));
	TRY(vtpm_tpm_pcr_read(t, VTPM_INITDATA_PCR, now));
	if (!bytes_is_zero(BYTES_OF(now)))
		return err_new(ERR_STATE, "PCR %d was extended before initdata was bound",
			VTPM_INITDATA_PCR);
	return vtpm_tpm_pcr_extend(t, VTPM_INITDATA_PCR, fitted);
}

static struct err vtpm_bind_initdata(struct tee_guest *g, const struct digest_value *initdata)
{
	return vtpm_guest_bind(g->tpm, initdata ? digest_bytes(initdata) : BYTES_NONE);
}

static struct err vtpm_hello(struct tee_guest *g, struct json_writer *w)
{
	AUTO(buf_done) struct buf cert = BUF_INIT(VTPM_EK_CERT_MAX);
	AUTO(buf_done) struct buf ek = BUF_INIT(VTPM_PUBLIC_MAX);
	AUTO(buf_done) struct buf ak = BUF_INIT(VTPM_PUBLIC_MAX);

	struct err e = vtpm_tpm_ek_cert(g->tpm, &cert);
	/* Without a certificate there is nothing to activate against; the broker decides. */
	if (e.code == ERR_NOT_FOUND)
		return OK;
	TRY(e);
	TRY(vtpm_tpm_ek_public(g->tpm, &ek));
	TRY(vtpm_tpm_ak_public(g->tpm, &ak));
	jw_key(w, VTPM_EXTRA);
	jw_object(w);
	jw_kbase64(w, "ek_cert", buf_bytes(&cert));
	jw_kbase64(w, "ek_public", buf_bytes(&ek));
	jw_kbase64(w, "ak_public", buf_bytes(&ak));
	jw_object_end(w);
	return OK;
}

/* ---- evidence ---- */
struct credential {
	struct buf credential_blob, encrypted_secret;
};

static const struct json_field credential_fields[] = {
	JSON_FIELD(struct credential, credential_blob, FIELD_BASE64, FIELD_REQUIRED, 1024),
	JSON_FIELD(struct credential, encrypted_secret, FIELD_BASE64, FIELD_REQUIRED, 1024),
};

static const struct json_table credential_table = {
	.what = VTPM_EXTRA,
	.size = sizeof(struct credential),
	.fields = credential_fields,
	.n = ARRAY_LEN(credential_fields),
	.open = true,
};

static void credential_done(struct credential *c)
{
	json_release(&credential_table, c);
}

static struct err put_activation(struct tee_guest *g, struct bytes report_data,
	const struct json *challenge_extra, struct json_writer *w)
{
	AUTO(credential_done) struct credential c = { 0 };
	AUTO(secret_freep) struct secret *secret = NULL;
	AUTO(buf_done) struct buf cert = BUF_INIT(VTPM_EK_CERT_MAX);
	const struct json *own = json_get(challenge_extra, VTPM_EXTRA);
	struct digest_value mac;

	if (!own)
		return OK;
	TRY(json_decode(own, &credential_table, &c));
	TRY(vtpm_tpm_activate(
		g->tpm, buf_bytes(&c.credential_blob), buf_bytes(&c.encrypted_secret), &secret));
	TRY(hmac(DIGEST_SHA256, secret_bytes(secret), report_data, &mac));
	TRY(vtpm_tpm_ek_cert(g->tpm, &cert));
	jw_kbase64(w, "ek_cert", buf_bytes(&cert));
	jw_kbase64(w, "activation", digest_bytes(&mac));
	return OK;
}

static struct err put_ak(struct tee_guest *g, struct json_writer *w)
{
	AUTO(buf_done) struct buf pub = BUF_INIT(VTPM_PUBLIC_MAX);
	AUTO(buf_done) struct buf spki = BUF_INIT(VTPM_PUBLIC_MAX);
	AUTO(key_freep) struct key *key = NULL;
	struct tpm2_public ak;

	TRY(vtpm_tpm_ak_public(g->tpm, &pub));
	TRY(tpm2_public_parse(buf_bytes(&pub), &ak));
	TRY(tpm2_public_key(&ak, &key));
	TRY(key_public_der(key, &spki));
	jw_kbase64(w, "ak_public", buf_bytes(&spki));
	jw_kbase64(w, "ak_tpm_public", buf_bytes(&pub));
	return OK;
}

/* Nothing that extends a register in between may make quote and values differ. */
RESULT vtpm_guest_quote(struct vtpm_tpm *t, struct bytes nonce, struct vtpm_guest_quoted *ret)
{
	uint8_t before[TPM_PCRS][VTPM_PCR_SIZE];

	for (int i = 0; i < QUOTE_TRIES; i++) {
		buf_clear(&ret->attest);
		buf_clear(&ret->signature);
		TRY(vtpm_tpm_pcr_read_all(t, before));
		TRY(vtpm_tpm_quote(t, nonce, ALL_PCRS, &ret->attest, &ret->signature));
		TRY(vtpm_tpm_pcr_read_all(t, ret->pcrs));
		if (bytes_equal(bytes_of(before, sizeof(before)),
			    bytes_of(ret->pcrs, sizeof(ret->pcrs))))
			return OK;
	}
	return err_new(
		ERR_PEER, "TPM2_Quote: registers were extended during each of %d", QUOTE_TRIES);
}

void vtpm_guest_quote_done(struct vtpm_guest_quoted *q)
{
	buf_done(&q->attest);
	buf_done(&q->signature);
}

void vtpm_guest_put_pcrs(const struct vtpm_guest_quoted *q, struct json_writer *w)
{
	jw_key(w, "pcrs");
	jw_array(w);
	for (size_t i = 0; i < TPM_PCRS; i++)
		jw_hex(w, BYTES_OF(q->pcrs[i]));
	jw_array_end(w);
}

static struct err put_quote(struct tee_guest *g, struct bytes report_data, struct json_writer *w)
{
	AUTO(vtpm_guest_quote_done) struct vtpm_guest_quoted q = VTPM_GUEST_QUOTED_INIT;
	uint8_t nonce[VTPM_NONCE];

	tee_fit_digest(report_data, nonce, sizeof(nonce));
	TRY(vtpm_guest_quote(g->tpm, BYTES_OF(nonce), &q));
	jw_key(w, "tpm_quote");
	jw_object(w);
	jw_kbase64(w, "signature", buf_bytes(&q.signature));
	jw_kbase64(w, "message", buf_bytes(&q.attest));
	vtpm_guest_put_pcrs(&q, w);
	jw_object_end(w);
	return OK;
}

static struct err put_event_log(struct tee_guest *g, struct json_writer *w)
{
	AUTO(buf_done) struct buf log = BUF_INIT(EVENTLOG_MAX / 4);
	AUTO(auto_free) char *path = NULL;

	TRY(str_format(&path, "%s%s", g->root, EVENT_LOG));
	TRY(file_read(path, &log));
	jw_kbase64(w, "event_log", buf_bytes(&log));
	return OK;
}

static struct err vtpm_evidence(struct tee_guest *g, struct bytes report_data,
	const struct json *challenge_extra, struct buf *ret_json)
{
	struct json_writer w = jw_of(ret_json);

	jw_object(&w);
	TRY(put_ak(g, &w));
	TRY(put_quote(g, report_data, &w));
	TRY(put_activation(g, report_data, challenge_extra, &w));
	TRY(put_event_log(g, &w));
	jw_object_end(&w);
	return buf_end(ret_json, "vtpm evidence");
}

RESULT vtpm_guest_extend(
	struct vtpm_tpm *t, unsigned index, const struct digest_value *digest_of_event)
{
	if (index >= TPM_PCRS || !(RUNTIME_PCRS >> index & 1))
		return err_new(ERR_USAGE, "PCR %u is not for runtime measurements", index);
	if (digest_of_event->n != VTPM_PCR_SIZE)
		return err_new(ERR_USAGE, "runtime measurement of %zu bytes, not %d",
			digest_of_event->n, VTPM_PCR_SIZE);
	return vtpm_tpm_pcr_extend(t, index, digest_of_event->v);
}

static struct err vtpm_extend(
	struct tee_guest *g, unsigned index, const struct digest_value *digest_of_event)
{
	return vtpm_guest_extend(g->tpm, index, digest_of_event);
}

const struct tee_guest_ops vtpm_guest_ops = {
	.detect = vtpm_guest_has_tpm,
	.open = vtpm_open,
	.close = vtpm_close,
	.bind_initdata = vtpm_bind_initdata,
	.hello = vtpm_hello,
	.evidence = vtpm_evidence,
	.extend = vtpm_extend,
};
