/*
 * From numbers to a status, as Intel's quote verification library does: level by components, then
 * convergence with the TDX module's and the quoting enclave's levels, and the rule that a TD which
 * was launched on old parts of a platform that is current by now only needs a relaunch.
 */
#include "tdx/tcb_info.h"

#include <stdio.h>
#include <strings.h>

enum {
	SVN_MINOR = 0, /* of TEE_TCB_SVN: the module's ISV SVN */
	SVN_MAJOR = 1,
	SVN_LATE = 2, /* SEAM loader or late microcode */
};

const struct tcb_module *tcb_module_of(const struct tcb_info *info, uint8_t major)
{
	char id[TCB_ID_SIZE];

	if (major == 0)
		return info->has_module ? &info->module : NULL;
	(void)snprintf(id, sizeof(id), "TDX_%02X", major);
	for (size_t i = 0; i < info->n_modules; i++)
		if (strcasecmp(info->modules[i].id, id) == 0)
			return &info->modules[i];
	return NULL;
}

static bool at_least(const uint8_t *have, const uint8_t *want, size_t from)
{
	for (size_t i = from; i < TCB_COMPONENTS; i++)
		if (have[i] < want[i])
			return false;
	return true;
}

static bool sgx_holds(const struct tdx_tcb_input *in, const struct tcb_level *l)
{
	return at_least(in->pck->tcb_components, l->sgx, 0) && in->pck->pcesvn >= l->pcesvn;
}

/* With a module of major 1 and later, its version is judged by its own levels. */
static bool tdx_holds(const struct tdx_tcb_input *in, const struct tcb_level *l)
{
	return at_least(in->tee_tcb_svn, l->tdx, in->tee_tcb_svn[SVN_MAJOR] > 0 ? SVN_LATE : 0);
}

static const struct tcb_level *find_level(const struct tdx_tcb_input *in,
	const struct tcb_info *info, const struct tcb_level **ret_sgx_level)
{
	*ret_sgx_level = NULL;
	for (size_t i = 0; i < info->n_levels; i++) {
		const struct tcb_level *l = &info->levels[i];
		if (!sgx_holds(in, l))
			continue;
		if (!*ret_sgx_level)
			*ret_sgx_level = l;
		if (!in->tdx || tdx_holds(in, l))
			return l;
	}
	return NULL;
}

static enum tcb_status converge(enum tcb_status status, enum tcb_status with)
{
	if (with == TCB_REVOKED || with == TCB_NOT_SUPPORTED)
		return status == TCB_NOT_SUPPORTED ? status : with;
	if (with != TCB_OUT_OF_DATE) /* no module and no QE had another one yet */
		return with > status ? with : status;
	if (status == TCB_UP_TO_DATE || status == TCB_SW_HARDENING_NEEDED)
		return TCB_OUT_OF_DATE;
	if (status == TCB_CONFIGURATION_NEEDED ||
		status == TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED)
		return TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
	return status;
}

/* Is what runs now, not what ran at the TD's launch, the newest? */
static bool current_is_newest(const struct tdx_tcb_input *in, const struct tcb_info *info)
{
	const struct tcb_level *top = &info->levels[0];
	const uint8_t *now = in->tee_tcb_svn2;

	if (now[SVN_LATE] < top->tdx[SVN_LATE])
		return false;
	if (now[SVN_MAJOR] == 0)
		return now[SVN_MINOR] >= top->tdx[SVN_MINOR];
	const struct tcb_module *m = tcb_module_of(info, now[SVN_MAJOR]);
	return m && m->levels.n > 0 && now[SVN_MINOR] >= m->levels.v[0].isvsvn;
}

/* Module 1.0 has no identity of its own. */
static bool current_is_known(const struct tdx_tcb_input *in, const struct tcb_info *info)
{
	uint8_t major = in->tee_tcb_svn2[SVN_MAJOR];

	return major == 0 || tcb_module_of(info, major);
}

static bool is_configuration(enum tcb_status s)
{
	return s == TCB_CONFIGURATION_NEEDED || s == TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED ||
	       s == TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
}

static bool may_relaunch(const struct tdx_tcb_input *in, const struct tcb_level *sgx_level,
	const struct tcb_verdict *v)
{
	return in->td_15 && sgx_level &&
	       sgx_level->status <= TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED &&
	       v->qe < TCB_OUT_OF_DATE && v->module == TCB_OUT_OF_DATE &&
	       (v->status == TCB_OUT_OF_DATE || v->status == TCB_OUT_OF_DATE_CONFIGURATION_NEEDED);
}

static void relaunch(const struct tdx_tcb_input *in, const struct tcb_info *info,
	const struct tcb_level *sgx_level, struct tcb_verdict *v)
{
	if (!may_relaunch(in, sgx_level, v))
		return;
	if (!current_is_known(in, info)) {
		v->current_unknown = true;
		v->status = TCB_NOT_SUPPORTED;
		return;
	}
	if (!current_is_newest(in, info))
		return;
	v->status = is_configuration(sgx_level->status) || is_configuration(v->status)
			    ? TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED
			    : TCB_TD_RELAUNCH_ADVISED;
}

static void evaluate_module(
	const struct tdx_tcb_input *in, const struct tcb_info *info, struct tcb_verdict *v)
{
	uint8_t major = in->tee_tcb_svn[SVN_MAJOR];

	v->tdx_module = tcb_module_of(info, major);
	v->module = v->tdx_module ? TCB_UP_TO_DATE : TCB_NOT_SUPPORTED;
	if (!v->tdx_module || major == 0)
		return;
	v->module_level = isv_level_of(&v->tdx_module->levels, in->tee_tcb_svn[SVN_MINOR]);
	v->module = v->module_level ? v->module_level->status : TCB_NOT_SUPPORTED;
}

void tcb_evaluate(const struct tdx_tcb_input *in, const struct tcb_info *info,
	const struct qe_identity *qe, struct tcb_verdict *ret)
{
	struct tcb_verdict v = { .module = TCB_UP_TO_DATE };
	const struct tcb_level *sgx_level;

	v.matched = find_level(in, info, &sgx_level);
	v.level = v.matched ? v.matched->status : TCB_NOT_SUPPORTED;
	if (in->tdx)
		evaluate_module(in, info, &v);
	v.qe_level = isv_level_of(&qe->levels, in->qe_isv_svn);
	v.qe = v.qe_level ? v.qe_level->status : TCB_NOT_SUPPORTED;
	v.status = converge(v.level, v.module);
	if (in->tdx && v.matched)
		relaunch(in, info, sgx_level, &v);
	v.status = converge(v.status, v.qe);
	*ret = v;
}
