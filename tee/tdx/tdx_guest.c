#include "guest_check.h"
#include "platforms.h"
#include "tdx/qgs.h"
#include "tdx/tdx_device.h"
#include "tsm.h"

#include <stdlib.h>

#include <tee/eventlog.h>

#define QGS_CONFIG "/etc/tdx-attest.conf"

enum {
	QGS_CONFIG_MAX = 4096,
	PORT_MAX = 65535,
	LOG_MAX = EVENTLOG_MAX / 4 + 8,
	PCR_FIRMWARE_LAST = 7,
	PCR_KERNEL_LAST = 15,
};

struct tee_guest {
	const struct tee *tee;
	struct guest_io io;
	char *qgs; /* address; NULL: by the guest's configuration */
};

static bool tdx_detect(const struct tee_guest_config *c)
{
	return guest_io_has(c, TDX_DEVICE) || guest_io_has(c, TDX_MEASUREMENTS);
}

static void tdx_close(struct tee_guest *g)
{
	if (!g)
		return;
	guest_io_done(&g->io);
	free(g->qgs);
	free(g);
}

static void closep(struct tee_guest **g)
{
	tdx_close(*g);
}

static struct err tdx_open(const struct tee_guest_config *c, struct tee_guest **ret_guest)
{
	AUTO(closep) struct tee_guest *g = calloc(1, sizeof(*g));

	if (!g)
		return err_new(ERR_NOMEM, "tdx");
	g->tee = &tee_tdx;
	TRY(guest_io_init(&g->io, c));
	if (c->qgs)
		TRY(str_dup(c->qgs, &g->qgs));
	*ret_guest = TAKE(g);
	return OK;
}

/* MRCONFIGID was fixed at launch. */
static struct err tdx_bind_initdata(struct tee_guest *g, const struct digest_value *initdata)
{
	uint8_t id[TDX_MEASUREMENT];

	TRY(tdx_device_mr_config_id(&g->io, id));
	return guest_check_initdata("tdx.mr_config_id", initdata, BYTES_OF(id));
}

/* ---- quote ---- */

/* The last "port=4050" of the file that Intel's library reads; 0: none. */
static RESULT configured_port(const struct guest_io *io, uint64_t *ret_port)
{
	AUTO(buf_done) struct buf text = BUF_INIT(QGS_CONFIG_MAX);
	static const char key[] = "port=";
	char *line, *next;

	*ret_port = 0;
	struct err e = guest_io_read(io, QGS_CONFIG, &text);
	if (e.code == ERR_NOT_FOUND)
		return OK;
	TRY(e);
	buf_u8(&text, '\0');
	TRY(buf_end(&text, QGS_CONFIG));
	for (line = (char *)text.p; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		line += strspn(line, " \t");
		if (str_starts(line, key))
			TRY(str_to_u64(
				line + strlen(key), PORT_MAX, QGS_CONFIG ": port", ret_port));
	}
	return OK;
}

static RESULT quote_by_service(const struct tee_guest *g,
	const uint8_t data[static GUEST_REPORT_DATA], struct buf *ret_quote)
{
	AUTO(buf_done) struct buf tdreport = BUF_INIT(TDREPORT_SIZE);
	AUTO(auto_free) char *address = NULL;
	uint64_t port;

	TRY(tdx_device_report(&g->io, data, &tdreport));
	if (g->qgs)
		return qgs_quote(g->qgs, buf_bytes(&tdreport), ret_quote);
	TRY(configured_port(&g->io, &port));
	TRY(str_format(&address, "vsock://2:%llu", (unsigned long long)(port ? port : QGS_PORT)));
	return qgs_quote(address, buf_bytes(&tdreport), ret_quote);
}

static RESULT ask(
	const struct tee_guest *g, const uint8_t data[static GUEST_REPORT_DATA], struct buf *quote)
{
	const struct tsm_request q = {
		.provider = "tdx_guest",
		.inblob = bytes_of(data, GUEST_REPORT_DATA),
	};

	if (tsm_has(&g->io)) {
		struct err e = tsm_report(&g->io, &q, quote, NULL);
		if (e.code != ERR_UNSUPPORTED)
			return e;
	}
	return quote_by_service(g, data, quote);
}

static RESULT get_quote(const struct tee_guest *g, struct bytes report_data, struct buf *quote)
{
	uint8_t data[GUEST_REPORT_DATA];
	struct tdx_quote parsed;

	TRY(guest_fit_report_data(report_data, data));
	TRY(ask(g, data, quote));
	struct err e = tdx_quote_parse(buf_bytes(quote), &parsed);
	if (failed(e))
		return err_add(e, "what the host's quote generation service gave");
	if (parsed.body_type == TDX_BODY_SGX)
		return err_new(ERR_FORMAT, "the host gave the quote of an SGX enclave");
	return guest_check_report_data(data, BYTES_OF(parsed.td.report_data));
}

static struct err tdx_evidence_of(struct tee_guest *g, struct bytes report_data,
	const struct json *challenge_extra, struct buf *ret_json)
{
	AUTO(buf_done) struct buf quote = BUF_INIT(TSM_OUTBLOB_MAX);
	AUTO(buf_done) struct buf log = BUF_INIT(LOG_MAX);
	struct json_writer w = jw_of(ret_json);

	(void)challenge_extra;
	TRY(get_quote(g, report_data, &quote));
	TRY(tdx_device_event_log(&g->io, &log));
	jw_object(&w);
	jw_key(&w, "cc_eventlog");
	if (log.n > 0)
		jw_base64(&w, buf_bytes(&log));
	else
		jw_null(&w);
	jw_kbase64(&w, "quote", buf_bytes(&quote));
	jw_object_end(&w);
	return buf_end(ret_json, "TDX evidence");
}

/* PCR 8 to 15 are the kernel's RTMR2, those above the workload's RTMR3 (UEFI 2.10, 38.4.1, and what
 * Trustee's guests do above 15). */
static struct err tdx_extend(
	struct tee_guest *g, unsigned index, const struct digest_value *digest_of_event)
{
	if (index <= PCR_FIRMWARE_LAST)
		return err_new(
			ERR_USAGE, "PCR %u is the firmware's, not for runtime measurements", index);
	return tdx_device_extend(
		&g->io, index <= PCR_KERNEL_LAST ? 2 : 3, digest_bytes(digest_of_event));
}

const struct tee_guest_ops tdx_guest_ops = {
	.detect = tdx_detect,
	.open = tdx_open,
	.close = tdx_close,
	.bind_initdata = tdx_bind_initdata,
	.evidence = tdx_evidence_of,
	.extend = tdx_extend,
};
