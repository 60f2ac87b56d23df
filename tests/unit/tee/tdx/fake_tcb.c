/* local only */
#include "tdx/tcb.h"

#include <string.h>

#include <tee/tee.h>
const char *tcb_status_name(enum tcb_status s)
{
	(void)s;
	return "UpToDate";
}
RESULT pck_info_parse(const struct x509 *pck, struct pck_info *i)
{
	AUTO(buf_done) struct buf b = BUF_INIT(4096);
	TRY(x509_extension(pck, "1.2.840.113741.1.13.1", &b));
	memset(i, 0, sizeof(*i));
	i->pcesvn = 11;
	i->sgx_type = 1;
	return OK;
}
void tdx_tcb_result_done(struct tdx_tcb_result *r)
{
	strv_done(&r->advisory_ids);
}
RESULT tdx_check_tcb(const struct tee_verify_input *in, const struct tdx_tcb_input *t,
	struct checks *c, struct tdx_tcb_result *r)
{
	(void)in;
	(void)t;
	memset(r, 0, sizeof(*r));
	check_pass(c, "TCB level", "fake");
	return OK;
}
