#include "collateral.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/clock.h>
#include <base/encode.h>
#include <crypto/der.h>

enum {
	SUBJECT_MAX = 256,
	ORIGIN_MAX = 1024,
	PAD_MAX = 64 * 1024 /* NUL after a certificate, as TPM NV dumps have */
};

const char *collateral_kind_name(enum collateral_kind kind)
{
	static const char *const names[] = {
		[COLLATERAL_CERT] = "certificate",
		[COLLATERAL_CRL] = "revocation list",
		[COLLATERAL_TCB_INFO] = "TCB info",
		[COLLATERAL_QE_IDENTITY] = "QE identity",
		[COLLATERAL_SEV_CERT] = "SEV certificate",
		[COLLATERAL_CSV_CERT] = "CSV certificate",
		[COLLATERAL_PUBLIC_KEY] = "public key",
	};

	return names[kind];
}

static void item_free(struct collateral_item *item)
{
	if (!item)
		return;
	free(item->origin);
	free(item->subject);
	buf_done(&item->bytes);
	x509_free(item->cert);
	x509_crl_free(item->crl);
	json_free(item->json);
	x509_free(item->signer);
	free(item);
}

static void item_freep(struct collateral_item **item)
{
	item_free(*item);
}

static void items_done(struct collateral *c)
{
	for (size_t i = 0; i < c->n; i++)
		item_free(c->v[i]);
	free(c->v);
	x509_memo_free(c->memo);
	*c = (struct collateral){ 0 };
}

RESULT collateral_new(struct collateral **ret_collateral)
{
	AUTO(collateral_freep) struct collateral *c = calloc(1, sizeof(*c));

	if (!c)
		return err_new(ERR_NOMEM, "collateral");
	TRY(x509_memo_new(&c->memo));
	*ret_collateral = TAKE(c);
	return OK;
}

struct x509_memo *collateral_memo(const struct collateral *c)
{
	return c ? c->memo : NULL;
}

void collateral_freep(struct collateral **c)
{
	if (*c)
		items_done(*c);
	free(*c);
	*c = NULL;
}

/* Public data: plain comparison. */
static bool holds(const struct collateral *c, const struct collateral_item *item)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i]->kind == item->kind &&
			bytes_compare(buf_bytes(&c->v[i]->bytes), buf_bytes(&item->bytes)) == 0)
			return true;
	return false;
}

/* Takes the item, also when it is not added. */
static RESULT put(struct collateral *c, struct collateral_item *item)
{
	AUTO(item_freep) struct collateral_item *own = item;

	if (holds(c, own))
		return OK;
	if (c->n == COLLATERAL_ITEMS_MAX)
		return err_new(ERR_LIMIT, "collateral: more than %d items", COLLATERAL_ITEMS_MAX);
	struct collateral_item **v = reallocarray(c->v, c->n + 1, sizeof(struct collateral_item *));
	if (!v)
		return err_new(ERR_NOMEM, "collateral");
	c->v = v;
	v[c->n++] = TAKE(own);
	return OK;
}

static RESULT item_new(const struct collateral_batch *b, enum collateral_kind kind,
	const char *subject, struct bytes raw, struct collateral_item **ret_item)
{
	AUTO(item_freep) struct collateral_item *item = calloc(1, sizeof(*item));

	if (!item)
		return err_new(ERR_NOMEM, "collateral");
	item->kind = kind;
	item->bytes = BUF_INIT(COLLATERAL_FILE_MAX);
	TRY(str_format(&item->origin, "%.*s", ORIGIN_MAX, b->origin));
	TRY(str_format(&item->subject, "%.*s", SUBJECT_MAX, subject));
	buf_put(&item->bytes, raw);
	TRY(buf_end(&item->bytes, "collateral"));
	*ret_item = TAKE(item);
	return OK;
}

RESULT batch_binary(struct collateral_batch *b, enum collateral_kind kind, const char *subject,
	struct bytes raw)
{
	struct collateral_item *item;

	TRY(item_new(b, kind, subject, raw, &item));
	return put(&b->found, item);
}

RESULT batch_cert(struct collateral_batch *b, const struct x509 *cert)
{
	AUTO(item_freep) struct collateral_item *item = NULL;
	AUTO(buf_done) struct buf der = BUF_INIT(COLLATERAL_FILE_MAX);
	char subject[SUBJECT_MAX];

	TRY(x509_der(cert, &der));
	x509_subject(cert, subject, sizeof(subject));
	TRY(item_new(b, COLLATERAL_CERT, subject, buf_bytes(&der), &item));
	TRY(x509_copy(cert, &item->cert));
	item->not_before = x509_not_before(cert);
	item->not_after = x509_not_after(cert);
	return put(&b->found, TAKE(item));
}

RESULT batch_certs(struct collateral_batch *b, struct bytes pem_or_der)
{
	AUTO(x509_list_done) struct x509_list list = { 0 };

	TRY(x509_list_parse(pem_or_der, &list));
	for (size_t i = 0; i < list.n; i++)
		TRY(batch_cert(b, list.v[i]));
	return OK;
}

RESULT batch_crl(struct collateral_batch *b, struct bytes pem_or_der)
{
	AUTO(item_freep) struct collateral_item *item = NULL;
	AUTO(x509_crl_freep) struct x509_crl *crl = NULL;
	AUTO(buf_done) struct buf der = BUF_INIT(COLLATERAL_FILE_MAX);
	char issuer[SUBJECT_MAX];

	TRY(x509_crl_parse(pem_or_der, &crl));
	TRY(x509_crl_der(crl, &der));
	x509_crl_issuer(crl, issuer, sizeof(issuer));
	TRY(item_new(b, COLLATERAL_CRL, issuer, buf_bytes(&der), &item));
	item->not_before = x509_crl_this_update(crl);
	item->not_after = x509_crl_next_update(crl);
	item->crl = TAKE(crl);
	return put(&b->found, TAKE(item));
}

/* ---- signed JSON of Intel's PCS ---- */

static RESULT member_time(const struct json *j, const char *name, int64_t *ret_t)
{
	const char *s;

	TRY(json_need_string(j, name, &s));
	return clock_parse(s, ret_t);
}

/* `inner` is a member of *root, which the item takes. */
static RESULT signed_item(struct collateral_batch *b, enum collateral_kind kind,
	const struct json *inner, struct json **root, struct bytes body)
{
	AUTO(item_freep) struct collateral_item *item = NULL;
	const char *id = json_string(json_get(inner, "id"));
	const char *fmspc = json_string(json_get(inner, "fmspc"));
	char subject[SUBJECT_MAX];

	/* TCB info of version 2 has no id: SGX was all there was. */
	(void)snprintf(subject, sizeof(subject), "%s%s%s",
		id ? id : (kind == COLLATERAL_TCB_INFO ? "SGX" : ""), fmspc ? " " : "",
		fmspc ? fmspc : "");
	TRY(item_new(b, kind, subject, body, &item));
	TRY(member_time(inner, "issueDate", &item->not_before));
	TRY(member_time(inner, "nextUpdate", &item->not_after));
	(void)json_u64(json_get(inner, "tcbEvaluationDataNumber"), &item->eval_num);
	item->json = TAKE(*root);
	return put(&b->found, TAKE(item));
}

RESULT batch_signed_json(struct collateral_batch *b, struct bytes body)
{
	AUTO(json_freep) struct json *root = NULL;
	const char *signature;

	TRY(json_parse(body, &root));
	TRY(json_need_string(root, "signature", &signature));
	const struct json *tcb = json_get(root, "tcbInfo");
	const struct json *identity = json_get(root, "enclaveIdentity");
	if (tcb && !identity)
		return signed_item(b, COLLATERAL_TCB_INFO, tcb, &root, body);
	if (identity && !tcb)
		return signed_item(b, COLLATERAL_QE_IDENTITY, identity, &root, body);
	return err_new(ERR_FORMAT, "signed JSON: neither tcbInfo nor enclaveIdentity");
}

/* ---- a file ---- */

static bool contains(struct bytes file, const char *text)
{
	return file.n > 0 && memmem(file.p, file.n, text, strlen(text));
}

static bool is_space(uint8_t c)
{
	return c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

static struct bytes without_padding(struct bytes file)
{
	while (file.n > 0 && is_space(file.p[0]))
		file = bytes_of(file.p + 1, file.n - 1);
	while (file.n > 0 && (file.p[file.n - 1] == 0 || is_space(file.p[file.n - 1])))
		file.n--;
	return file;
}

/* One DER element at the start; what follows may only be NUL padding. */
static RESULT der_of_padded(struct bytes file, struct bytes *ret_der)
{
	struct reader r = rd_of(file);
	struct bytes der;

	TRY(der_next(&r, &der));
	if (r.left > PAD_MAX || !bytes_is_zero(rd_rest(&r)))
		return err_new(ERR_FORMAT, "bytes after DER");
	*ret_der = der;
	return OK;
}

static RESULT batch_key(struct collateral_batch *b, struct bytes file)
{
	AUTO(key_freep) struct key *key = NULL;
	AUTO(buf_done) struct buf der = BUF_INIT(COLLATERAL_FILE_MAX);

	TRY(key_parse_public(file, &key));
	TRY(key_public_der(key, &der));
	return batch_binary(b, COLLATERAL_PUBLIC_KEY, "public key", buf_bytes(&der));
}

/* Blocks of several kinds may stand in one file; each label is read on its own. */
static RESULT batch_pem(struct collateral_batch *b, struct bytes file)
{
	static const struct {
		const char *begin, *end;
		RESULT (*add)(struct collateral_batch *b, struct bytes block);
	} kinds[] = {
		{ "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", batch_certs },
		{ "-----BEGIN X509 CRL-----", "-----END X509 CRL-----", batch_crl },
		{ "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----", batch_key },
	};

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct bytes rest = file;
		const uint8_t *at;
		while (rest.n > 0 &&
			(at = memmem(rest.p, rest.n, kinds[k].begin, strlen(kinds[k].begin)))) {
			rest = bytes_of(at, (size_t)(rest.p + rest.n - at));
			const uint8_t *end =
				memmem(rest.p, rest.n, kinds[k].end, strlen(kinds[k].end));
			if (!end)
				return err_new(ERR_FORMAT, "PEM: a block without its end");
			size_t n = (size_t)(end - rest.p) + strlen(kinds[k].end);
			TRY(kinds[k].add(b, bytes_of(rest.p, n)));
			rest = bytes_of(rest.p + n, rest.n - n);
		}
	}
	return b->found.n > 0 ? OK : err_new(ERR_FORMAT, "PEM: nothing known in it");
}

static RESULT batch_der(struct collateral_batch *b, struct bytes file)
{
	struct bytes der;

	if (!failed(batch_certs(b, file)))
		return OK;
	TRY(der_of_padded(file, &der));
	if (!failed(batch_certs(b, der)) || !failed(batch_crl(b, der)))
		return OK;
	return batch_key(b, der);
}

/* A PCCS answers with lists in hex. */
static RESULT batch_hex(struct collateral_batch *b, struct bytes file)
{
	AUTO(buf_done) struct buf raw = BUF_INIT(COLLATERAL_FILE_MAX);

	TRY(hex_decode(file, "collateral", &raw));
	return batch_der(b, buf_bytes(&raw));
}

static RESULT batch_file(struct collateral_batch *b, struct bytes file)
{
	struct bytes text = without_padding(file);

	if (text.n == 0)
		return err_new(ERR_FORMAT, "empty");
	if (text.p[0] == '{')
		return batch_json(b, text);
	if (contains(text, "-----BEGIN "))
		return batch_pem(b, text);
	if (file.p[0] == DER_SEQUENCE && !failed(batch_der(b, file)))
		return OK;
	if (!failed(batch_sev(b, file)) || !failed(batch_hex(b, text)))
		return OK;
	return err_new(ERR_FORMAT, "no certificate, revocation list, TCB info or key");
}

/* Moves what a batch found into the set; on failure the set is as it was. */
static RESULT merge(struct collateral *c, struct collateral *found)
{
	if (found->n > COLLATERAL_ITEMS_MAX - c->n)
		return err_new(ERR_LIMIT, "collateral: more than %d items", COLLATERAL_ITEMS_MAX);
	struct collateral_item **v =
		reallocarray(c->v, c->n + found->n + 1, sizeof(struct collateral_item *));
	if (!v)
		return err_new(ERR_NOMEM, "collateral");
	c->v = v;
	for (size_t i = 0; i < found->n; i++) {
		if (holds(c, found->v[i]))
			continue;
		v[c->n++] = found->v[i];
		found->v[i] = NULL;
	}
	return OK;
}

RESULT collateral_add(struct collateral *c, struct bytes file, const char *origin)
{
	AUTO(items_done) struct collateral found = { 0 };

	if (file.n > COLLATERAL_FILE_MAX)
		return err_new(ERR_LIMIT, "more than %d bytes", COLLATERAL_FILE_MAX);
	struct collateral_batch b = { .origin = origin };
	struct err e = batch_file(&b, file);
	found = b.found;
	TRY(e);
	return merge(c, &found);
}

RESULT collateral_add_certs(struct collateral *c, const struct x509_list *certs, const char *origin)
{
	AUTO(items_done) struct collateral found = { 0 };
	struct collateral_batch b = { .origin = origin };
	struct err e = OK;

	for (size_t i = 0; i < certs->n && !failed(e); i++)
		e = batch_cert(&b, certs->v[i]);
	found = b.found;
	TRY(e);
	return merge(c, &found);
}

static bool listed(const struct x509_list *list, const struct x509 *cert)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i] == cert)
			return true;
	return false;
}

void collateral_issuers(
	const struct collateral *c, const struct x509 *leaf, struct x509_list *ret_borrowed)
{
	struct x509_list out = { 0 };

	/* Each certificate that is taken is a next one whose issuers are sought. */
	for (size_t at = 0; at <= out.n && c; at++) {
		const struct x509 *of = at == 0 ? leaf : out.v[at - 1];
		for (size_t i = 0; i < c->n && out.n < X509_CERTS_MAX; i++) {
			struct x509 *cert = c->v[i]->cert;
			if (cert && x509_names_issuer(of, cert) && !listed(&out, cert))
				out.v[out.n++] = cert;
		}
	}
	*ret_borrowed = out;
}
