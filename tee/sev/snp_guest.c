#include "guest_check.h"
#include "platforms.h"
#include "sev/sev_guest.h"
#include "sev/snp_internal.h"
#include "tsm.h"

#include <stdlib.h>

enum {
	BLOB_MAX = TSM_OUTBLOB_MAX
};

struct tee_guest {
	const struct tee *tee;
	struct guest_io io;
};

static bool snp_detect(const struct tee_guest_config *c)
{
	return guest_io_has(c, SEV_GUEST_DEVICE) ||
	       guest_io_has(c, "/sys/devices/platform/sev-guest");
}

static void snp_close(struct tee_guest *g)
{
	if (!g)
		return;
	guest_io_done(&g->io);
	free(g);
}

static void closep(struct tee_guest **g)
{
	snp_close(*g);
}

static struct err snp_open(const struct tee_guest_config *c, struct tee_guest **ret_guest)
{
	AUTO(closep) struct tee_guest *g = calloc(1, sizeof(*g));

	if (!g)
		return err_new(ERR_NOMEM, "snp");
	g->tee = &tee_snp;
	TRY(guest_io_init(&g->io, c));
	*ret_guest = TAKE(g);
	return OK;
}

/* Report and certificate table as they came; the parsed report points into them. */
struct answer {
	struct buf report, table;
	struct snp_report parsed;
};
#define ANSWER_INIT ((struct answer){ .report = BUF_INIT(BLOB_MAX), .table = BUF_INIT(BLOB_MAX) })

static void answer_done(struct answer *a)
{
	buf_done(&a->report);
	buf_done(&a->table);
}

/* configfs-tsm where there is one: it also knows a guest below an SVSM. */
static RESULT ask(
	const struct tee_guest *g, const uint8_t data[static GUEST_REPORT_DATA], struct answer *a)
{
	const struct tsm_request q = {
		.provider = "sev_guest",
		.inblob = bytes_of(data, GUEST_REPORT_DATA),
		.privlevel = true,
	};

	if (tsm_has(&g->io)) {
		struct err e = tsm_report(&g->io, &q, &a->report, &a->table);
		if (e.code != ERR_UNSUPPORTED)
			return e;
	}
	struct err e = sev_guest_report(&g->io, data, &a->report, &a->table);
	if (e.code == ERR_NOT_FOUND)
		return err_add(e, "neither configfs-tsm nor the device is there; is the module "
				  "sev_guest loaded, is this guest SEV-SNP?");
	return e;
}

static RESULT get_report(const struct tee_guest *g, struct bytes report_data, struct answer *a)
{
	uint8_t data[GUEST_REPORT_DATA];

	TRY(guest_fit_report_data(report_data, data));
	TRY(ask(g, data, a));
	struct err e = snp_report_parse(buf_bytes(&a->report), &a->parsed);
	if (failed(e))
		return err_add(e, "what the kernel gave is no report that is known here");
	/* Version 2 does not tell its product: all but Turin have this layout. */
	if (a->parsed.product == SNP_UNKNOWN)
		snp_report_set_product(&a->parsed, SNP_GENOA);
	return guest_check_report_data(data, BYTES_OF(a->parsed.report_data));
}

/* HOST_DATA was fixed at launch. */
static struct err snp_bind_initdata(struct tee_guest *g, const struct digest_value *initdata)
{
	AUTO(answer_done) struct answer a = ANSWER_INIT;

	TRY(get_report(g, BYTES_NONE, &a));
	return guest_check_initdata("snp.host_data", initdata, BYTES_OF(a.parsed.host_data));
}

static struct err snp_evidence_of(struct tee_guest *g, struct bytes report_data,
	const struct json *challenge_extra, struct buf *ret_json)
{
	AUTO(answer_done) struct answer a = ANSWER_INIT;

	(void)challenge_extra;
	TRY(get_report(g, report_data, &a));
	return snp_evidence_print(&a.parsed, buf_bytes(&a.table), ret_json);
}

const struct tee_guest_ops snp_guest_ops = {
	.detect = snp_detect,
	.open = snp_open,
	.close = snp_close,
	.bind_initdata = snp_bind_initdata,
	.evidence = snp_evidence_of,
};
