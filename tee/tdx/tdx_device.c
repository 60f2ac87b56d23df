#include "tdx/tdx_device.h"

#include "tdx/tdreport.h"

#include <errno.h>
#include <string.h>

#include <base/reader.h>
#include <tee/eventlog.h>

enum {
	RTMR_KERNEL = 2,
	CCEL_TABLE_SIZE = 56,
	CCEL_TYPE_AT = 36,
	CCEL_TYPE_TDX = 2,
	CCEL_MAX = EVENTLOG_MAX / 4,
	END_MARK = 8, /* bytes of 0xff behind the last event */
};

_Static_assert(sizeof(struct tdx_report_req) == 1088, "as the kernel has it");
_Static_assert(sizeof(struct tdx_extend_rtmr_req) == 49, "as the kernel has it");

RESULT tdx_device_report(
	const struct guest_io *g, const uint8_t report_data[static 64], struct buf *ret_tdreport)
{
	struct tdx_report_req q = { 0 };

	memcpy(q.report_data, report_data, sizeof(q.report_data));
	struct err e = guest_io_control(g, TDX_DEVICE, TDX_CMD_GET_REPORT0, &q);
	if (e.code == ERR_NOT_FOUND)
		return err_add(e, "is the module tdx_guest loaded, is this guest a TD?");
	if (e.code == ERR_SYS)
		return err_add(e, "the TDX module gave no report");
	TRY(e);
	buf_put(ret_tdreport, BYTES_OF(q.tdreport));
	return buf_end(ret_tdreport, "TDREPORT");
}

static RESULT from_file(const struct guest_io *g, uint8_t ret_value[static TDX_MEASUREMENT])
{
	static const char path[] = TDX_MEASUREMENTS "/mrconfigid";
	AUTO(buf_done) struct buf value = BUF_INIT(TDX_MEASUREMENT);

	TRY(guest_io_read(g, path, &value));
	if (value.n != TDX_MEASUREMENT)
		return err_new(
			ERR_FORMAT, "%s: %zu bytes instead of %d", path, value.n, TDX_MEASUREMENT);
	memcpy(ret_value, value.p, TDX_MEASUREMENT);
	return OK;
}

RESULT tdx_device_mr_config_id(const struct guest_io *g, uint8_t ret_value[static TDX_MEASUREMENT])
{
	AUTO(buf_done) struct buf raw = BUF_INIT(TDREPORT_SIZE);
	static const uint8_t nothing[64];
	struct tdreport r;

	struct err e = tdx_device_report(g, nothing, &raw);
	if (e.code == ERR_NOT_FOUND) {
		struct err_saved first;
		err_save(e, &first);
		return failed(from_file(g, ret_value)) ? err_restore(&first) : OK;
	}
	TRY(e);
	TRY(tdreport_parse(buf_bytes(&raw), &r));
	memcpy(ret_value, r.td.mr_config_id, TDX_MEASUREMENT);
	return OK;
}

/* ---- run-time registers ---- */

static RESULT extend_by_device(const struct guest_io *g, unsigned rtmr, struct bytes digest)
{
	static const unsigned long requests[] = { TDX_CMD_EXTEND_RTMR, TDX_CMD_EXTEND_RTMR_READ };
	struct tdx_extend_rtmr_req q = { .index = (uint8_t)rtmr };
	struct err e = OK;

	memcpy(q.digest, digest.p, sizeof(q.digest));
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		e = guest_io_control(g, TDX_DEVICE, requests[i], &q);
		if (e.code != ERR_SYS || (err_errno() != ENOTTY && err_errno() != EINVAL))
			return e;
	}
	return err_new(ERR_UNSUPPORTED,
		"this kernel extends no RTMR: Linux 6.16 or later does (%s)", TDX_MEASUREMENTS);
}

RESULT tdx_device_extend(const struct guest_io *g, unsigned rtmr, struct bytes digest)
{
	AUTO(auto_free) char *path = NULL;

	if (rtmr < RTMR_KERNEL || rtmr >= TDX_RTMRS)
		return err_new(ERR_USAGE, "RTMR%u is not for runtime measurements", rtmr);
	if (digest.n != TDX_MEASUREMENT)
		return err_new(ERR_USAGE, "runtime measurement of %zu bytes, not %d", digest.n,
			TDX_MEASUREMENT);
	TRY(str_format(&path, TDX_MEASUREMENTS "/rtmr%u:sha384", rtmr));
	struct err e = guest_io_write(g, path, digest);
	return e.code == ERR_NOT_FOUND ? extend_by_device(g, rtmr, digest) : e;
}

/* ---- event log ---- */

/* Whether the firmware's table says that there is a log of a TD. */
static RESULT check_table(const struct guest_io *g, bool *ret_has)
{
	AUTO(buf_done) struct buf table = BUF_INIT(CCEL_TABLE_SIZE);

	*ret_has = false;
	struct err e = guest_io_read(g, TDX_CCEL_TABLE, &table);
	if (e.code == ERR_NOT_FOUND)
		return OK;
	TRY(e);
	struct reader r = rd_of(buf_bytes(&table));
	struct bytes signature = rd_take(&r, 4);
	rd_skip(&r, CCEL_TYPE_AT - 4);
	uint8_t type = rd_u8(&r);
	if (table.n != CCEL_TABLE_SIZE || !bytes_equal(signature, bytes_str("CCEL")) ||
		type != CCEL_TYPE_TDX)
		return err_new(
			ERR_FORMAT, "%s: no CCEL table of a TD (type %u)", TDX_CCEL_TABLE, type);
	*ret_has = true;
	return OK;
}

/* Where the last event ends, in the bytes that were parsed. */
static size_t events_end(const struct eventlog *l, struct bytes log)
{
	struct bytes last;

	if (l->n == 0)
		return log.n;
	last = l->v[l->n - 1].data;
	return last.n > 0 ? (size_t)(last.p + last.n - log.p) : log.n;
}

RESULT tdx_device_event_log(const struct guest_io *g, struct buf *ret_log)
{
	AUTO(buf_done) struct buf area = BUF_INIT(CCEL_MAX);
	AUTO(eventlog_done) struct eventlog l = { 0 };
	bool has;

	TRY(check_table(g, &has));
	if (!has)
		return OK;
	TRY(guest_io_read(g, TDX_CCEL_DATA, &area));
	struct err e = eventlog_parse(buf_bytes(&area), EVENTLOG_PADDED, &l);
	if (failed(e))
		return err_add(e, "%s", TDX_CCEL_DATA);
	buf_put(ret_log, bytes_of(area.p, events_end(&l, buf_bytes(&area))));
	for (size_t i = 0; i < END_MARK; i++)
		buf_u8(ret_log, 0xff);
	return buf_end(ret_log, "event log");
}
