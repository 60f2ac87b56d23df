/* Vectors beside evidence: certificates and requests of vendors' own forms, parts of TPM quotes,
 * logs with the values they lead to. */
#include "csv/csv.h"
#include "s390-se/se.h"
#include "sev/sev_cert.h"
#include "tdx/tdreport.h"
#include "util.h"
#include "vectors.h"

#include <stdio.h>
#include <string.h>

#include <base/auto.h>
#include <sealpod/verify.h>
#include <tee/eventlog.h>

enum {
	KEY_MAX = 64,
};

typedef bool judge_fn(const struct line *l);

static void verify_freep(struct sealpod_verify **v)
{
	sealpod_verify_free(*v);
}

static struct sealpod_verify *verify_new(const char *platform)
{
	struct sealpod_verify *v = sealpod_verify_new();

	assert_non_null(v);
	assert_int_equal(sealpod_verify_set(v, "platform", platform), SEALPOD_VERIFIED);
	assert_int_equal(sealpod_verify_set(v, "at", "2026-01-01T00:00:00Z"), SEALPOD_VERIFIED);
	assert_int_equal(sealpod_verify_set(v, "crl-required", "no"), SEALPOD_VERIFIED);
	return v;
}

static bool add(struct sealpod_verify *v, const char *role, const char *path)
{
	AUTO(buf_done) struct buf file = load(path);

	return sealpod_verify_bytes(v, role, file.p, file.n) == SEALPOD_VERIFIED;
}

static const struct line *beside(const struct line *l, const char *kind)
{
	for (size_t i = 0; i < n_lines; i++)
		if (same_dir(l, &lines[i]) && starts(lines[i].kind, kind))
			return &lines[i];
	return NULL;
}

/* ---- a TPM quote in parts: attestation, signature, registers, key ---- */
static const struct {
	const char *kind, *role;
} tpm_parts[] = {
	{ "tpms-attest", "evidence" },
	{ "tpmt-signature", "signature" },
	{ "tpm2-tools-pcrs", "pcrs" },
};

static bool has_nonce(struct sealpod_verify *v, const struct line *l)
{
	const char *at = strstr(l->expect, "extraData ");
	char hex[2 * KEY_MAX + 1];

	return !at || (sscanf(at, "extraData %128[0-9a-f]", hex) == 1 &&
			      sealpod_verify_set(v, "nonce", hex) == SEALPOD_VERIFIED);
}

/* With this key; each form of it is a line of its own. */
static bool quote_under(const struct line *l, const struct line *key)
{
	AUTO(verify_freep) struct sealpod_verify *v = verify_new("vtpm");

	for (size_t i = 0; i < ARRAY_LEN(tpm_parts); i++) {
		const struct line *part = beside(l, tpm_parts[i].kind);
		if (part && !add(v, tpm_parts[i].role, part->path))
			return false;
	}
	return add(v, "ak", key->path) && has_nonce(v, l) &&
	       sealpod_verify_run(v) == SEALPOD_VERIFIED;
}

static bool tpm_quote(const struct line *l)
{
	static const char *const keys[] = { "ak-pub-pem", "tpm2b-public" };
	bool own = starts(l->kind, keys[0]) || starts(l->kind, keys[1]);

	if (own)
		return quote_under(l, l);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (beside(l, keys[i]) && !quote_under(l, beside(l, keys[i])))
			return false;
	return true;
}

/* ---- SEV and CSV: certificates of vendors' own forms ---- */

/* Whose signatures a certificate of that usage must have; the first ends the list. */
static const struct {
	uint32_t usage, issuers[2];
} sev_chain[] = {
	{ SEV_ARK, { SEV_ARK } },
	{ SEV_ASK, { SEV_ARK } },
	{ SEV_CEK, { SEV_ASK } },
	{ SEV_OCA, { SEV_OCA } },
	{ SEV_PEK, { SEV_CEK, SEV_OCA } },
	{ SEV_PDH, { SEV_PEK } },
};

static const char *sev_file(uint32_t usage)
{
	switch (usage) {
	case SEV_ARK:
		return "ark.cert";
	case SEV_ASK:
		return "ask.cert";
	case SEV_CEK:
		return "cek.cert";
	case SEV_OCA:
		return "oca.cert";
	case SEV_PEK:
		return "pek.cert";
	default:
		return "pdh.cert";
	}
}

static bool sev_signed(const struct line *l, const struct sev_cert *cert, uint32_t by)
{
	AUTO(buf_done) struct buf file = { 0 };
	struct sev_cert issuer;
	struct bytes rest;
	char path[256];

	(void)snprintf(path, sizeof(path), "%.*s/%s", (int)(strrchr(l->path, '/') - l->path),
		l->path, sev_file(by));
	file = load(path);
	return !failed(sev_cert_parse(buf_bytes(&file), &issuer, &rest)) && issuer.usage == by &&
	       !failed(sev_cert_signed_by(cert, &issuer));
}

static bool sev_certificate(const struct line *l)
{
	AUTO(buf_done) struct buf file = load(l->path);
	struct sev_cert cert;
	struct bytes rest;
	bool known = false;

	if (failed(sev_cert_parse(buf_bytes(&file), &cert, &rest)) || rest.n > 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(sev_chain); i++) {
		if (sev_chain[i].usage != cert.usage)
			continue;
		known = true;
		for (size_t k = 0; k < 2; k++)
			if ((k == 0 || sev_chain[i].issuers[k] != SEV_ARK) &&
				!sev_signed(l, &cert, sev_chain[i].issuers[k]))
				return false;
	}
	return known;
}

static bool csv_signed(const struct csv_cert *c, const char *by)
{
	AUTO(buf_done) struct buf file = load(by);
	struct csv_cert issuer;

	return !failed(csv_cert_parse(buf_bytes(&file), &issuer)) &&
	       !failed(csv_cert_signed_by(c, &issuer));
}

static bool csv_one(struct bytes file)
{
	struct csv_cert c;

	if (failed(csv_cert_parse(file, &c)))
		return false;
	if (c.usage == CSV_CEK)
		return csv_signed(&c, "csv/csv-rs/hsk.cert");
	return csv_signed(&c, "csv/csv-rs/hrk.cert");
}

static bool csv_certificate(const struct line *l)
{
	AUTO(buf_done) struct buf file = load(l->path);
	bool both = file.n > CSV_CERT_SIZE;

	return both ? csv_one(bytes_of(file.p, CSV_CA_CERT_SIZE)) &&
			       csv_one(bytes_of(
				       file.p + CSV_CA_CERT_SIZE, file.n - CSV_CA_CERT_SIZE))
		    : csv_one(buf_bytes(&file));
}

/* ---- Secure Execution ---- */

/* "ARPK=0x17*32": a byte and how many of it. */
static bool se_request(const struct line *l)
{
	AUTO(buf_done) struct buf file = load(l->path);
	AUTO(se_request_secrets_done) struct se_request_secrets s = { 0 };
	const char *at = strstr(l->expect, "ARPK=0x");
	uint8_t key[KEY_MAX];
	struct se_request q;
	unsigned v, n;

	if (failed(se_request_parse(buf_bytes(&file), &q)))
		return false;
	if (!at || sscanf(at, "ARPK=0x%x*%u", &v, &n) != 2 || n > sizeof(key))
		return true;
	memset(key, (int)v, n);
	return !failed(se_request_open(&q, bytes_of(key, n), &s));
}

static bool se_exchange(const struct line *l)
{
	AUTO(buf_done) struct buf file = load(l->path);
	struct se_exchange x;

	return !failed(se_exchange_parse(buf_bytes(&file), &x));
}

static bool se_secret(const struct line *l)
{
	AUTO(buf_done) struct buf file = load(l->path);
	struct se_add_secret s;

	return !failed(se_add_secret_parse(buf_bytes(&file), &s));
}

static bool is_signing_key(const struct line *l)
{
	return starts(l->kind, "hkd-cert") && starts(strrchr(l->path, '/'), "/ibm");
}

static bool signs_host_keys(const struct collateral_item *item)
{
	return item->cert && strstr(item->subject, "Key Signing Service");
}

/* Of the lines of IBM's test PKI: all that is called good, but for the one that is judged, and
 * other signing keys than the one that is judged. */
static void se_pool(const struct line *l, struct collateral *pool)
{
	for (size_t i = 0; i < n_lines; i++) {
		if (&lines[i] == l || (is_signing_key(l) && is_signing_key(&lines[i])) ||
			!same_dir(&lines[i], l) || !starts(lines[i].kind, "hkd-") ||
			!starts(lines[i].expect, "VALID"))
			continue;
		AUTO(buf_done) struct buf file = load(lines[i].path);
		AUTO(collateral_freep) struct collateral *some = NULL;
		assert_ok(collateral_new(&some));
		assert_ok(collateral_add(some, buf_bytes(&file), lines[i].path));
		for (size_t k = 0; k < some->n; k++)
			if (!is_signing_key(l) || !signs_host_keys(some->v[k]))
				assert_ok(collateral_add(
					pool, buf_bytes(&some->v[k]->bytes), lines[i].path));
	}
}

static bool se_host_key(const struct tee_verify_input *in, const struct x509 *cert)
{
	AUTO(checks_freep) struct checks *checks = NULL;

	assert_ok(checks_new(&checks));
	return !failed(se_check_hkd(in, cert, checks)) && !failed(checks_end(checks));
}

/* A signing key is judged by the host key document that it signed. */
static bool se_signing_key(
	const struct tee_verify_input *in, struct collateral *pool, const struct x509 *cert)
{
	AUTO(x509_list_done) struct x509_list host = { 0 };
	AUTO(buf_done) struct buf file = load("se/s390-tools/cert/host.crt"), der = BUF_INIT(8192);

	assert_ok(x509_der(cert, &der));
	assert_ok(collateral_add(pool, buf_bytes(&der), "signing key"));
	assert_ok(x509_list_parse(buf_bytes(&file), &host));
	return se_host_key(in, host.v[0]);
}

static bool se_chain(const struct line *l, const struct x509 *cert, struct collateral *pool)
{
	AUTO(x509_list_done) struct x509_list root = { 0 };
	AUTO(buf_done) struct buf file = load("se/s390-tools/cert/root_ca.crt");
	char subject[256];
	struct x509_list issuers;

	assert_ok(x509_list_parse(buf_bytes(&file), &root));
	const struct tee_anchors anchors = { .vendor = root };
	const struct tee_verify_input in = {
		.collateral = pool, .anchors = &anchors, .now = time_of(l)
	};
	if (se_is_hkd(cert))
		return se_host_key(&in, cert);
	x509_subject(cert, subject, sizeof(subject));
	if (is_signing_key(l) && strstr(subject, "Key Signing Service"))
		return se_signing_key(&in, pool, cert);
	collateral_issuers(pool, cert, &issuers);
	const struct x509_verify v = {
		.leaf = cert, .untrusted = &issuers, .anchors = &root, .now = in.now
	};
	return !failed(x509_verify(&v));
}

static bool se_list(const struct line *l, const struct x509_crl *crl, const struct collateral *pool)
{
	for (size_t i = 0; i < pool->n; i++)
		if (pool->v[i]->cert && !failed(x509_crl_verify(crl, pool->v[i]->cert, time_of(l))))
			return true;
	return false;
}

static bool se_certificate(const struct line *l)
{
	AUTO(collateral_freep) struct collateral *pool = NULL, *own = NULL;
	AUTO(buf_done) struct buf file = load(l->path);

	if (!beside(l, "hkd-crl"))
		return true; /* not of that PKI: only a key */
	assert_ok(collateral_new(&pool));
	assert_ok(collateral_new(&own));
	se_pool(l, pool);
	if (failed(collateral_add(own, buf_bytes(&file), l->path)))
		return false;
	for (size_t i = 0; i < own->n; i++) {
		const struct collateral_item *item = own->v[i];
		if (item->cert && !se_chain(l, item->cert, pool))
			return false;
		if (item->crl && !se_list(l, item->crl, pool))
			return false;
	}
	return own->n > 0;
}

/* ---- TDREPORT, logs, NVIDIA ---- */

static bool td_report(const struct line *l)
{
	AUTO(checks_freep) struct checks *checks = NULL;
	AUTO(buf_done) struct buf file = load(l->path);
	struct tdreport r;

	assert_ok(checks_new(&checks));
	return !failed(tdreport_parse(buf_bytes(&file), &r)) &&
	       !failed(tdreport_check(&r, checks)) && !failed(checks_end(checks));
}

static bool replays(const struct eventlog *log, const struct line *table)
{
	AUTO(buf_done) struct buf text = load(table->path);
	AUTO(json_freep) struct json *root = NULL;

	assert_ok(json_parse(buf_bytes(&text), &root));
	assert_true(json_count(root) > 0);
	for (size_t i = 0; i < json_count(root); i++) {
		struct digest_value v;
		unsigned long pcr = strtoul(json_name_at(root, i), NULL, 10);
		if (failed(eventlog_replay(log, DIGEST_SHA256, (unsigned)pcr, &v)) ||
			!bytes_equal(digest_bytes(&v), test_hex(json_string(json_at(root, i)))))
			return false;
	}
	return true;
}

static bool tcg_log(const struct line *l)
{
	AUTO(eventlog_done) struct eventlog log = { 0 };
	AUTO(buf_done) struct buf file = load(l->path);
	const struct line *table = beside(l, "expected-table");

	if (failed(eventlog_parse(buf_bytes(&file), EVENTLOG_PADDED, &log)))
		return false;
	return !table || replays(&log, table);
}

/* The report names its chain in words; chains alone and other files are decoded elsewhere. */
static bool gpu_report(const struct line *l)
{
	AUTO(verify_freep) struct sealpod_verify *v = verify_new("nvgpu");
	const char *at = strstr(l->expect, "VALID under ");
	char name[64], path[256];

	if (!at || sscanf(at, "VALID under %60s", name) != 1)
		return true;
	(void)snprintf(path, sizeof(path), "%.*s/%s.txt", (int)(strrchr(l->path, '/') - l->path),
		l->path, name);
	return add(v, "evidence", l->path) && add(v, "certificates", path) &&
	       sealpod_verify_run(v) == SEALPOD_VERIFIED;
}

/* ---- which kind is whose ---- */

static const struct {
	const char *tee, *kind; /* tee NULL: any */
	judge_fn *judge;
} judges[] = {
	{ "vtpm", "tpms-attest", tpm_quote },
	{ "vtpm", "tpmt-signature", tpm_quote },
	{ "vtpm", "tpm2-tools-pcrs", tpm_quote },
	{ "vtpm", "ak-pub-pem", tpm_quote },
	{ "vtpm", "tpm2b-public", tpm_quote },
	{ "sev", "sev-ca-cert", sev_certificate },
	{ "sev", "sev-platform-cert", sev_certificate },
	{ "csv", "csv-cert", csv_certificate },
	{ "se", "arcb", se_request },
	{ "se", "pvattest-exchange", se_exchange },
	{ "se", "add-secret-request", se_secret },
	{ "se", "hkd-cert", se_certificate },
	{ "se", "hkd-crl", se_certificate },
	{ "tdx", "tdreport", td_report },
	{ NULL, "tcg-eventlog", tcg_log },
	{ "nvgpu", "nvidia-evidence", gpu_report },
};

enum vector_verdict vector_judge(const struct line *l)
{
	for (size_t i = 0; i < ARRAY_LEN(judges); i++)
		if (starts(l->kind, judges[i].kind) &&
			(!judges[i].tee || strcmp(l->tee, judges[i].tee) == 0))
			return judges[i].judge(l) ? VECTOR_GOOD : VECTOR_BAD;
	return VECTOR_UNKNOWN;
}
