#include <base/clock.h>
#include <tee/tee.h>

/* A list that is only stale within the policy's bound is judged at its last good moment. */
static int64_t crl_time(const struct tee_verify_input *in, const struct x509_crl *crl)
{
	int64_t next = x509_crl_next_update(crl);
	int64_t grace = tee_policy_of(in)->max_staleness_s;

	return in->now > next && in->now - next <= grace ? next : in->now;
}

/* The newest list that holds; else the failure of the newest that does not. */
static const struct x509_crl *newest(
	const struct tee_verify_input *in, const struct x509 *issuer, struct err *ret_why)
{
	const struct x509_crl *best = NULL;

	*ret_why = OK;
	for (size_t i = 0; in->collateral && i < in->collateral->n; i++) {
		const struct collateral_item *item = in->collateral->v[i];
		if (item->kind != COLLATERAL_CRL || !x509_crl_names_issuer(item->crl, issuer))
			continue;
		struct err e = x509_crl_verify(item->crl, issuer, crl_time(in, item->crl));
		if (failed(e))
			*ret_why = e;
		else if (!best || x509_crl_this_update(item->crl) > x509_crl_this_update(best))
			best = item->crl;
	}
	return best;
}

void check_revocation(const struct tee_verify_input *in, struct checks *c, const struct x509 *cert,
	const struct x509 *issuer, const char *what)
{
	struct err why;
	const struct x509_crl *crl = newest(in, issuer, &why);
	char name[DENIAL_VALUE_MAX];

	if (crl) {
		(void)check_result(c, x509_crl_check(crl, cert), DENY_CRL_MISSING, what);
		return;
	}
	if (failed(why)) { /* a list that cannot be used is never as good as none */
		(void)check_result(c, why, DENY_CRL_MISSING, what);
		return;
	}
	x509_subject(issuer, name, sizeof(name));
	if (tee_policy_of(in)->crl_optional)
		check_skip(c, what, "no revocation list of this issuer at hand");
	else
		check_fail(c, DENY_CRL_MISSING, what, name, "no revocation list at hand");
}
