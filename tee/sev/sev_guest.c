#include "sev/sev_guest.h"

#include "platforms.h"
#include "sev/snp.h"

#include <string.h>
#include <time.h>

#include <base/reader.h>

enum {
	TRIES = 5,
	PAUSE_MS = 200,
	TABLE_LIMIT = 64 * 1024,
	RESPONSE_REPORT = 0x20,
};

_Static_assert(sizeof(struct snp_ext_report_req) == 112, "as the kernel has it");
_Static_assert(sizeof(struct snp_guest_request) == 32, "as the kernel has it");

static const char *meaning(uint64_t code)
{
	for (const struct tee_code *k = snp_codes; k->text; k++)
		if (k->code == code)
			return k->text;
	return "not a known code";
}

static struct err explained(struct err e, uint64_t exitinfo2)
{
	uint64_t vmm = exitinfo2 & ~UINT64_C(0xffffffff), fw = exitinfo2 & UINT64_C(0xffffffff);

	if (vmm)
		return err_add(e, "the host refused a report: vmm_error 0x%llx: %s",
			(unsigned long long)(vmm >> 32), meaning(vmm));
	if (fw)
		return err_add(e, "firmware refused a report: fw_error 0x%llx: %s",
			(unsigned long long)fw, meaning(fw));
	return err_add(e, "asking for a report");
}

/* MSG_REPORT_RSP: STATUS, size, 24 reserved bytes, the report. */
static RESULT take_report(struct bytes response, struct buf *ret_report)
{
	struct reader r = rd_of(response);
	uint32_t status = rd_le32(&r);
	uint32_t size = rd_le32(&r);

	if (status != 0)
		return err_new(ERR_PEER, "firmware refused a report: STATUS 0x%x: %s",
			(unsigned)status, meaning(status));
	if (size != SNP_REPORT_SIZE)
		return err_new(ERR_FORMAT, SEV_GUEST_DEVICE ": a report of %u bytes instead of %d",
			(unsigned)size, SNP_REPORT_SIZE);
	rd_skip(&r, RESPONSE_REPORT - 8);
	buf_put(ret_report, rd_take(&r, size));
	return buf_end(ret_report, "SNP report");
}

/* Room for as many bytes of certificates as the host wants to give. */
static RESULT make_room(struct buf *table, uint32_t size)
{
	if (size == 0 || size % SNP_PAGE != 0 || size > TABLE_LIMIT)
		return err_new(ERR_LIMIT,
			"the host has 0x%x bytes of certificates, accepted are whole pages up to "
			"0x%x: let it set fewer",
			(unsigned)size, (unsigned)TABLE_LIMIT);
	buf_clear(table);
	buf_zero(table, size);
	return buf_end(table, "certificate table");
}

static uint64_t address_of(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

/* One call; *ret_again: with more room, or a little later, it may succeed. */
static RESULT ask_once(const struct guest_io *g, struct snp_ext_report_req *q, struct buf *table,
	struct buf *ret_report, bool *ret_again)
{
	uint8_t response[SNP_MSG_SIZE] = { 0 };
	struct snp_guest_request call = {
		.msg_version = SNP_MSG_VERSION,
		.req_data = address_of(q),
		.resp_data = address_of(response),
	};
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };

	q->certs_address = address_of(table->p);
	q->certs_len = (uint32_t)table->n;
	struct err e = guest_io_control(g, SEV_GUEST_DEVICE, SNP_GET_EXT_REPORT, &call);
	*ret_again = false;
	if (!failed(e))
		return take_report(BYTES_OF(response), ret_report);
	if (e.code != ERR_SYS)
		return e;
	e = explained(e, call.exitinfo2);
	if (call.exitinfo2 == SNP_VMM_INVALID_LEN && q->certs_len > table->n) {
		TRY(make_room(table, q->certs_len));
		*ret_again = true;
	} else if (call.exitinfo2 == SNP_VMM_BUSY) {
		(void)nanosleep(&pause, NULL);
		*ret_again = true;
	}
	return e;
}

RESULT sev_guest_report(const struct guest_io *g, const uint8_t user_data[static 64],
	struct buf *ret_report, struct buf *ret_table)
{
	AUTO(buf_done) struct buf table = BUF_INIT(TABLE_LIMIT);
	struct snp_ext_report_req q = { .vmpl = 0 };
	struct err e = OK;
	bool again = true;

	memcpy(q.user_data, user_data, sizeof(q.user_data));
	for (int i = 0; again && i < TRIES; i++)
		e = ask_once(g, &q, &table, ret_report, &again);
	if (failed(e))
		return again ? err_add(e, "after %d tries", TRIES) : e;
	buf_put(ret_table, buf_bytes(&table));
	return buf_end(ret_table, "certificate table");
}
