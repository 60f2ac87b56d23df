/* What collateral and keys hold, for people. */
#include "describe_extension.h"
#include "platforms.h"
#include "tdx/tcb_info.h"

#include <stdio.h>

#include <base/clock.h>
#include <base/encode.h>
#include <tee/fields.h>

enum {
	DN_MAX = 512,
	SERIAL_MAX = 64,
	EXTENSION_MAX = 64 * 1024,
	CRL_SHOWN_MAX = 4096,
};

static void put_time(struct fields *out, const char *name, int64_t t)
{
	char text[RFC3339_SIZE];

	clock_format(t, text);
	fields_str(out, FIELDS_NO_OFFSET, 0, name, text, NULL);
}

/* ---- certificates ---- */

static void put_pck(struct fields *out, const struct x509 *cert)
{
	struct pck_info p;

	if (failed(pck_info_parse(cert, &p)))
		return;
	fields_hex(out, FIELDS_NO_OFFSET, BYTES_OF(p.fmspc), "FMSPC", NULL);
	fields_hex(out, FIELDS_NO_OFFSET, BYTES_OF(p.pce_id), "PCE-ID", NULL);
	fields_hex(out, FIELDS_NO_OFFSET, BYTES_OF(p.tcb_components), "TCB components", NULL);
	fields_u64(out, FIELDS_NO_OFFSET, 0, "PCESVN", p.pcesvn, NULL);
	fields_hex(out, FIELDS_NO_OFFSET, BYTES_OF(p.ppid), "PPID", NULL);
}

static RESULT put_extensions(struct fields *out, const struct x509 *cert)
{
	char oid[X509_OID_MAX];
	bool critical;

	for (size_t i = 0;; i++) {
		AUTO(buf_done) struct buf value = BUF_INIT(EXTENSION_MAX);
		struct err e = x509_extension_at(cert, i, oid, &critical, &value);
		if (e.code == ERR_NOT_FOUND)
			return OK;
		TRY(e);
		describe_extension(out, oid, critical, buf_bytes(&value));
	}
}

static void put_key(struct fields *out, const struct key *key)
{
	static const char *const names[] = {
		[KEY_P256] = "EC P-256",
		[KEY_P384] = "EC P-384",
		[KEY_P521] = "EC P-521",
		[KEY_RSA] = "RSA",
		[KEY_ED25519] = "Ed25519",
	};

	fields_fmt(out, FIELDS_NO_OFFSET, 0, "key", "%s, %u bits",
		key_type(key) < ARRAY_LEN(names) ? names[key_type(key)] : "other", key_bits(key));
}

static RESULT put_cert(struct fields *out, const struct collateral_item *item)
{
	AUTO(key_freep) struct key *key = NULL;
	char text[DN_MAX];

	x509_subject(item->cert, text, sizeof(text));
	fields_str(out, FIELDS_NO_OFFSET, 0, "subject", text, NULL);
	x509_issuer(item->cert, text, sizeof(text));
	fields_str(out, FIELDS_NO_OFFSET, 0, "issuer", text,
		x509_is_self_issued(item->cert) ? "self-issued" : NULL);
	x509_serial(item->cert, text, sizeof(text));
	fields_str(out, FIELDS_NO_OFFSET, 0, "serial", text, NULL);
	put_time(out, "notBefore", item->not_before);
	put_time(out, "notAfter", item->not_after);
	if (!failed(x509_public_key(item->cert, &key)))
		put_key(out, key);
	put_pck(out, item->cert);
	fields_group(out, FIELDS_NO_OFFSET, 0, "extensions");
	TRY(put_extensions(out, item->cert));
	fields_end(out);
	return OK;
}

static RESULT put_crl(struct fields *out, const struct collateral_item *item)
{
	char serial[SERIAL_MAX], when[RFC3339_SIZE];
	uint64_t number;
	int64_t t;

	fields_str(out, FIELDS_NO_OFFSET, 0, "issuer", item->subject, NULL);
	if (x509_crl_number(item->crl, &number))
		fields_u64(out, FIELDS_NO_OFFSET, 0, "crlNumber", number, NULL);
	put_time(out, "thisUpdate", item->not_before);
	put_time(out, "nextUpdate", item->not_after);
	fields_group(out, FIELDS_NO_OFFSET, 0, "revoked");
	for (size_t i = 0; i < CRL_SHOWN_MAX; i++) {
		struct err e = x509_crl_entry(item->crl, i, serial, sizeof(serial), &t);
		if (e.code == ERR_NOT_FOUND)
			break;
		TRY(e);
		clock_format(t, when);
		fields_str(out, FIELDS_NO_OFFSET, 0, serial, when, NULL);
	}
	fields_end(out);
	return OK;
}

/* ---- Intel's signed JSON ---- */

static void put_status(struct fields *out, const char *name, enum tcb_status status, int64_t date)
{
	char when[RFC3339_SIZE];

	clock_format(date, when);
	fields_str(out, FIELDS_NO_OFFSET, 0, name, tcb_status_name(status), when);
}

static void put_isv_levels(struct fields *out, const struct isv_levels *l)
{
	char name[32];

	for (size_t i = 0; i < l->n; i++) {
		(void)snprintf(name, sizeof(name), "isvsvn %u", l->v[i].isvsvn);
		put_status(out, name, l->v[i].status, l->v[i].date);
	}
}

static void put_modules(struct fields *out, const struct tcb_info *info)
{
	for (size_t i = 0; i < info->n_modules; i++) {
		fields_group(out, FIELDS_NO_OFFSET, 0, info->modules[i].id);
		fields_hex(out, FIELDS_NO_OFFSET, BYTES_OF(info->modules[i].mrsigner), "mrsigner",
			NULL);
		put_isv_levels(out, &info->modules[i].levels);
		fields_end(out);
	}
}

static void put_levels(struct fields *out, const struct tcb_info *info)
{
	for (size_t i = 0; i < info->n_levels; i++) {
		const struct tcb_level *l = &info->levels[i];
		fields_group(out, FIELDS_NO_OFFSET, 0, "tcbLevel");
		put_status(out, "tcbStatus", l->status, l->date);
		fields_hex(out, FIELDS_NO_OFFSET, BYTES_OF(l->sgx), "sgxtcbcomponents", NULL);
		if (info->tdx)
			fields_hex(
				out, FIELDS_NO_OFFSET, BYTES_OF(l->tdx), "tdxtcbcomponents", NULL);
		fields_u64(out, FIELDS_NO_OFFSET, 0, "pcesvn", l->pcesvn, NULL);
		for (size_t k = 0; k < json_count(l->advisories); k++)
			fields_str(out, FIELDS_NO_OFFSET, 0, "advisory",
				json_string(json_at(l->advisories, k)), NULL);
		fields_end(out);
	}
}

static RESULT put_tcb_info(struct fields *out, const struct collateral_item *item)
{
	AUTO(tcb_info_done) struct tcb_info info = { 0 };

	TRY(tcb_info_decode(json_get(item->json, "tcbInfo"), &info));
	fields_str(out, FIELDS_NO_OFFSET, 0, "id", info.tdx ? "TDX" : "SGX", NULL);
	fields_u64(out, FIELDS_NO_OFFSET, 0, "version", info.version, NULL);
	fields_hex(out, FIELDS_NO_OFFSET, BYTES_OF(info.fmspc), "fmspc", NULL);
	fields_u64(out, FIELDS_NO_OFFSET, 0, "tcbEvaluationDataNumber", info.eval_num, NULL);
	put_time(out, "issueDate", info.issue_date);
	put_time(out, "nextUpdate", info.next_update);
	put_modules(out, &info);
	put_levels(out, &info);
	return OK;
}

static RESULT put_identity(struct fields *out, const struct collateral_item *item)
{
	AUTO(qe_identity_done) struct qe_identity q = { 0 };

	TRY(qe_identity_decode(json_get(item->json, "enclaveIdentity"), &q));
	fields_str(out, FIELDS_NO_OFFSET, 0, "id", q.id, NULL);
	fields_u64(out, FIELDS_NO_OFFSET, 0, "tcbEvaluationDataNumber", q.eval_num, NULL);
	put_time(out, "issueDate", q.issue_date);
	put_time(out, "nextUpdate", q.next_update);
	fields_hex(out, FIELDS_NO_OFFSET, BYTES_OF(q.mrsigner), "mrsigner", NULL);
	fields_hex(out, FIELDS_NO_OFFSET, BYTES_OF(q.attributes), "attributes", NULL);
	fields_hex(out, FIELDS_NO_OFFSET, BYTES_OF(q.attributes_mask), "attributesMask", NULL);
	fields_u64(out, FIELDS_NO_OFFSET, 0, "isvprodid", q.isvprodid, NULL);
	put_isv_levels(out, &q.levels);
	return OK;
}

/* ---- keys and binary certificates ---- */

static RESULT put_public_key(struct fields *out, const struct collateral_item *item)
{
	AUTO(key_freep) struct key *key = NULL;

	if (!failed(key_parse_public(buf_bytes(&item->bytes), &key)))
		put_key(out, key);
	return OK;
}

static RESULT put_binary(struct fields *out, const struct collateral_item *item)
{
	fields_str(out, FIELDS_NO_OFFSET, 0, "usage", item->subject, NULL);
	fields_u64(out, FIELDS_NO_OFFSET, 0, "bytes", item->bytes.n, NULL);
	return OK;
}

static RESULT put_item(struct fields *out, const struct collateral_item *item)
{
	switch (item->kind) {
	case COLLATERAL_CERT:
		return put_cert(out, item);
	case COLLATERAL_CRL:
		return put_crl(out, item);
	case COLLATERAL_TCB_INFO:
		return put_tcb_info(out, item);
	case COLLATERAL_QE_IDENTITY:
		return put_identity(out, item);
	case COLLATERAL_PUBLIC_KEY:
		return put_public_key(out, item);
	case COLLATERAL_SEV_CERT:
	case COLLATERAL_CSV_CERT:
		break;
	}
	return put_binary(out, item);
}

static bool is_collateral(struct bytes file)
{
	AUTO(collateral_freep) struct collateral *c = NULL;

	return !failed(collateral_new(&c)) && !failed(collateral_add(c, file, "file"));
}

static RESULT describe(struct bytes file, struct fields *out)
{
	AUTO(collateral_freep) struct collateral *c = NULL;

	TRY(collateral_new(&c));
	TRY(collateral_add(c, file, "file"));
	for (size_t i = 0; i < c->n; i++) {
		fields_group(out, FIELDS_NO_OFFSET, 0, collateral_kind_name(c->v[i]->kind));
		unsigned depth = out->depth;
		struct err e = put_item(out, c->v[i]);
		if (e.code == ERR_NOMEM)
			return e;
		out->depth = depth;
		if (failed(e)) /* signed JSON may hold what its schema does not allow */
			fields_str(out, FIELDS_NO_OFFSET, 0, "not decoded", err_text(), NULL);
		fields_end(out);
	}
	return OK;
}

const struct tee_format collateral_formats[] = {
	{ "collateral", is_collateral, describe },
	{ 0 },
};
