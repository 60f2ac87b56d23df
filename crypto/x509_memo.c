/* Chains that held: what OpenSSL found out about them does not change but for the dates. */
#include "x509_internal.h"

#include <string.h>

enum {
	MEMO_PATHS = 64,
	MEMO_PATH_LENGTH = 4, /* longer ones are verified anew each time */
};

struct memo_path {
	X509 *v[MEMO_PATH_LENGTH]; /* from the leaf to the anchor */
	struct digest_value digest[MEMO_PATH_LENGTH];
	size_t n; /* 0: free */
	uint64_t used;
};

struct x509_memo {
	struct memo_path v[MEMO_PATHS];
	uint64_t clock;
};

RESULT x509_memo_new(struct x509_memo **ret_memo)
{
	struct x509_memo *m = calloc(1, sizeof(*m));

	if (!m)
		return err_new(ERR_NOMEM, "certificate chains");
	*ret_memo = m;
	return OK;
}

static void path_done(struct memo_path *p)
{
	for (size_t i = 0; i < p->n; i++)
		X509_free(p->v[i]);
	*p = (struct memo_path){ 0 };
}

void x509_memo_free(struct x509_memo *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < MEMO_PATHS; i++)
		path_done(&m->v[i]);
	free(m);
}

static X509 *find(const struct x509_memo *m, struct bytes digest)
{
	for (size_t i = 0; i < MEMO_PATHS; i++)
		for (size_t k = 0; k < m->v[i].n; k++)
			if (bytes_equal(digest_bytes(&m->v[i].digest[k]), digest))
				return m->v[i].v[k];
	return NULL;
}

RESULT x509_memo_parse(const struct x509_memo *m, struct bytes der, struct x509 **ret_cert)
{
	AUTO(x509_freep) struct x509 *c = NULL;
	struct digest_value d;

	if (!m)
		return x509_parse_der(der, ret_cert);
	TRY(digest(DIGEST_SHA256, der, &d));
	X509 *known = find(m, digest_bytes(&d));
	if (!known)
		return x509_parse_der(der, ret_cert);
	c = calloc(1, sizeof(*c));
	if (!c || X509_up_ref(known) != 1)
		return ossl_error(ERR_NOMEM, "certificate");
	c->cert = known;
	TRY(x509_time(X509_get0_notBefore(known), "certificate: notBefore", &c->not_before));
	TRY(x509_time(X509_get0_notAfter(known), "certificate: notAfter", &c->not_after));
	*ret_cert = TAKE(c);
	return OK;
}

/* ---- a chain that held, once more ---- */

static const struct x509 *in_list(const struct x509_list *list, const X509 *cert)
{
	for (size_t i = 0; list && i < list->n; i++)
		if (X509_cmp(list->v[i]->cert, cert) == 0)
			return list->v[i];
	return NULL;
}

/* RFC 5280 includes both dates; OpenSSL excludes the last second, and so does this. */
static bool valid_at(const struct x509 *c, int64_t now)
{
	return c->not_before <= now && now < c->not_after;
}

/* Every certificate of it must be given and of now, and the last one still be an anchor. */
static bool holds(
	const struct memo_path *p, const struct x509_verify *v, struct x509_list *ret_borrowed)
{
	struct x509_list found = { .n = p->n };

	if (p->n == 0 || X509_cmp(p->v[0], v->leaf->cert) != 0)
		return false;
	for (size_t i = 0; i < p->n; i++) {
		const struct x509 *c = i == 0 ? v->leaf : NULL;
		if (i == p->n - 1)
			c = in_list(v->anchors, p->v[i]);
		else if (i > 0)
			c = in_list(v->untrusted, p->v[i]);
		if (!c || !valid_at(c, v->now))
			return false;
		found.v[i] = (struct x509 *)(uintptr_t)c;
	}
	*ret_borrowed = found;
	return true;
}

bool x509_memo_holds(const struct x509_verify *v, struct x509_list *ret_borrowed)
{
	struct x509_memo *m = v->memo;

	/* What else was demanded of a leaf is not remembered. */
	if (!m || v->eku || v->critical_ok)
		return false;
	for (size_t i = 0; i < MEMO_PATHS; i++)
		if (holds(&m->v[i], v, ret_borrowed)) {
			m->v[i].used = ++m->clock;
			return true;
		}
	return false;
}

static struct memo_path *oldest(struct x509_memo *m)
{
	struct memo_path *p = &m->v[0];

	for (size_t i = 1; i < MEMO_PATHS; i++)
		if (m->v[i].used < p->used)
			p = &m->v[i];
	return p;
}

static RESULT copy_path(const struct x509_list *path, struct memo_path *p)
{
	for (size_t i = 0; i < path->n; i++) {
		TRY(x509_digest(path->v[i], DIGEST_SHA256, &p->digest[i]));
		if (X509_up_ref(path->v[i]->cert) != 1)
			return ossl_error(ERR_NOMEM, "certificate");
		p->v[p->n++] = path->v[i]->cert;
	}
	return OK;
}

void x509_memo_keep(const struct x509_verify *v, const struct x509_list *path)
{
	struct x509_memo *m = v->memo;
	struct memo_path fresh = { 0 };

	if (!m || v->eku || v->critical_ok || path->n > MEMO_PATH_LENGTH)
		return;
	/* Not remembering costs time and nothing else. */
	if (failed(copy_path(path, &fresh))) {
		path_done(&fresh);
		return;
	}
	struct memo_path *to = oldest(m);
	path_done(to);
	*to = fresh;
	to->used = ++m->clock;
}
