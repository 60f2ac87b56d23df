#include "tdx/quote_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include <base/auto.h>

enum {
	NAME_SIZE = 24,
	SVN_MAX = 65535,
	TEE_TCB_SVNS = 16,
	NOT_AN_SVN = -1,
};

static const char svn_prefix[] = "tee_tcb_svn.";

struct minimum {
	char name[NAME_SIZE];
	uint64_t value;
	long index; /* of TEE_TCB_SVN, or NOT_AN_SVN */
};

static RESULT unknown(const char *text, bool tdx)
{
	return err_new(ERR_USAGE,
		"minimum TCB '%.40s': not pcesvn=N, qe_isv_svn=N%s with N of 0 to 65535", text,
		tdx ? " or tee_tcb_svn.0=N to tee_tcb_svn.15=N" : "");
}

static RESULT parse(const char *text, bool tdx, struct minimum *ret_minimum)
{
	const char *equals = strchr(text, '=');
	struct minimum m = { .index = NOT_AN_SVN };
	uint64_t index;

	if (!equals || (size_t)(equals - text) >= sizeof(m.name))
		return unknown(text, tdx);
	memcpy(m.name, text, (size_t)(equals - text));
	if (failed(str_to_u64(equals + 1, SVN_MAX, "minimum TCB", &m.value)))
		return unknown(text, tdx);
	if (tdx && str_starts(m.name, svn_prefix)) {
		if (failed(str_to_u64(
			    m.name + strlen(svn_prefix), TEE_TCB_SVNS - 1, "index", &index)))
			return unknown(text, tdx);
		m.index = (long)index;
	} else if (!str_equal(m.name, "pcesvn") && !str_equal(m.name, "qe_isv_svn")) {
		return unknown(text, tdx);
	}
	*ret_minimum = m;
	return OK;
}

RESULT tdx_min_tcb_known(const struct tee_policy *p, bool tdx)
{
	struct minimum m;

	for (size_t i = 0; i < p->min_tcb.n; i++)
		TRY(parse(p->min_tcb.v[i], tdx, &m));
	return OK;
}

static void check_one(const struct minimum *m, const struct tdx_quote *q,
	const struct pck_info *pck, struct checks *checks)
{
	uint64_t is = q->qe.isv_svn;
	char what[NAME_SIZE + 16], want[32], got[24];

	(void)snprintf(what, sizeof(what), "minimum %s", m->name);
	if (m->index != NOT_AN_SVN)
		is = q->td.tee_tcb_svn[m->index];
	else if (str_equal(m->name, "pcesvn") && pck)
		is = pck->pcesvn;
	else if (str_equal(m->name, "pcesvn")) {
		check_skip(checks, what, "no trusted PCK certificate");
		return;
	}
	(void)snprintf(want, sizeof(want), "%llu or more", (unsigned long long)m->value);
	(void)snprintf(got, sizeof(got), "%llu", (unsigned long long)is);
	(void)check_that(checks, is >= m->value, DENY_TCB_MINIMUM, what, want, got);
}

void tdx_check_min_tcb(const struct tee_policy *p, const struct tdx_quote *q,
	const struct pck_info *pck, struct checks *checks)
{
	struct minimum m;

	for (size_t i = 0; i < p->min_tcb.n; i++)
		if (!failed(parse(p->min_tcb.v[i], q->body_type != TDX_BODY_SGX, &m)))
			check_one(&m, q, pck, checks);
}
