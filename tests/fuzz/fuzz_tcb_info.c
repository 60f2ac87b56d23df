#include "tdx/tcb_info.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A platform in the middle of what the seeds ask for. */
static void evaluate(const struct tcb_info *info, const struct qe_identity *qe)
{
	static const uint8_t svn[16] = { 5, 1, 5 }, svn2[16] = { 6, 3, 5 };
	struct pck_info pck = { .pcesvn = 11 };
	const struct tdx_tcb_input in = {
		.pck = &pck,
		.tdx = info->tdx,
		.td_15 = true,
		.tee_tcb_svn = svn,
		.tee_tcb_svn2 = svn2,
		.qe_isv_svn = 4,
	};
	struct tcb_verdict v;

	memset(pck.tcb_components, 5, sizeof(pck.tcb_components));
	tcb_evaluate(&in, info, qe, &v);
	if ((unsigned)v.status >= TCB_STATUS_N || (!v.matched && v.status != TCB_NOT_SUPPORTED))
		abort();
}

/* TCB info or a QE identity, whichever it is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct qe_identity none;
	AUTO(tcb_info_done) struct tcb_info info = { 0 };
	AUTO(qe_identity_done) struct qe_identity qe = { 0 };
	struct bytes text = bytes_of(data, size);

	if (!failed(tcb_info_parse(text, &info)))
		evaluate(&info, &none);
	if (!failed(qe_identity_parse(text, &qe)))
		(void)isv_level_of(&qe.levels, 4);
	return 0;
}
