#include "fake_snp.h"

#include "sev/sev_guest.h"
#include "util.h"

#include <errno.h>

static void make_report(struct fake_snp *f, struct bytes data, unsigned vmpl, struct buf *out)
{
	tee_fit_digest(data, f->gen.report.report_data, sizeof(f->gen.report.report_data));
	f->gen.report.vmpl = vmpl;
	snp_gen_report(&f->gen, out);
}

static struct err tsm_answer(void *arg, struct bytes inblob, unsigned privlevel,
	struct buf *outblob, struct buf *auxblob)
{
	struct fake_snp *f = arg;

	make_report(f, inblob, privlevel, outblob);
	if (f->certificates)
		buf_put(auxblob, buf_bytes(&f->table));
	return buf_end(auxblob, "auxblob");
}

static void *pointer(uint64_t address)
{
	return (void *)(uintptr_t)address; /* NOLINT(performance-no-int-to-ptr): as ioctl does */
}

static struct err refuse(struct snp_guest_request *call, uint64_t exitinfo2)
{
	call->exitinfo2 = exitinfo2;
	return fake_tsm_errno(EIO, SEV_GUEST_DEVICE);
}

static struct err give_certificates(struct fake_snp *f, struct snp_ext_report_req *q)
{
	if (f->table.n > q->certs_len)
		return err_new(ERR_STATE, "too small");
	memcpy(pointer(q->certs_address), f->table.p, f->table.n);
	return OK;
}

static struct err device_answer(void *arg, const char *device, unsigned long request, void *data)
{
	struct fake_snp *f = arg;
	struct snp_guest_request *call = data;
	struct snp_ext_report_req *q = pointer(call->req_data);
	AUTO(buf_done) struct buf report = BUF_INIT(SNP_REPORT_SIZE);
	AUTO(buf_done) struct buf response = BUF_INIT(SNP_MSG_SIZE);
	uint8_t *to = pointer(call->resp_data);
	size_t has = f->more ? f->more : f->table.n;

	assert_string_equal(device, SEV_GUEST_DEVICE);
	assert_int_equal(request, 0xc0205302);
	assert_int_equal(call->msg_version, 1);
	f->calls++;
	if (f->exitinfo2)
		return refuse(call, f->exitinfo2);
	if (f->busy > 0) {
		f->busy--;
		return refuse(call, SNP_VMM_BUSY);
	}
	if (f->certificates && q->certs_len < has) {
		q->certs_len = (uint32_t)has;
		return refuse(call, SNP_VMM_INVALID_LEN);
	}
	if (f->certificates)
		TRY(give_certificates(f, q));
	make_report(f, BYTES_OF(q->user_data), q->vmpl, &report);
	snp_gen_response(buf_bytes(&report), &response);
	memcpy(to, response.p, response.n);
	if (f->status) {
		memset(to, 0, SNP_MSG_SIZE);
		to[0] = (uint8_t)f->status;
	}
	return OK;
}

void fake_snp_start(struct fake_snp *f, const char *name, struct bytes initdata_digest)
{
	*f = (struct fake_snp){ .certificates = true, .table.max = SNP_GEN_TABLE_MAX };
	fake_tsm_init(&f->tsm, name);
	f->tsm.provider = "sev_guest";
	f->tsm.floor = "0\n";
	f->tsm.arg = f;
	f->tsm.report = tsm_answer;
	f->tsm.control = device_answer;
	fake_tsm_file(&f->tsm, SEV_GUEST_DEVICE, BYTES_NONE);
	snp_gen_init(&f->gen, 3, SNP_MILAN, false);
	tee_fit_digest(initdata_digest, f->gen.report.host_data, sizeof(f->gen.report.host_data));
	snp_gen_table(&f->gen, &f->table);
	buf_zero(&f->table, FAKE_SNP_PAGES - f->table.n % FAKE_SNP_PAGES);
	assert_ok(buf_end(&f->table, "certificates"));
}

void fake_snp_stop(struct fake_snp *f)
{
	snp_gen_done(&f->gen);
	buf_done(&f->table);
}
