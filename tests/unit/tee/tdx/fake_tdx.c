#include "fake_tdx.h"

#include "tdx/qgs.h"
#include "tdx/tdx_device.h"
#include "util.h"

#include <errno.h>
#include <stdio.h>

#include <base/file.h>
#include <base/reader.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
	TD_INFO_AT = 512,
	CCEL_AREA = 8192,
	HEADER = 16,
};

static void make_quote(struct fake_tdx *f, struct bytes data, struct buf *out)
{
	tee_fit_digest(data, f->quote.td.report_data, sizeof(f->quote.td.report_data));
	tdx_gen_quote_make(&f->gen, &f->quote, out);
}

static struct err tsm_answer(void *arg, struct bytes inblob, unsigned privlevel,
	struct buf *outblob, struct buf *auxblob)
{
	AUTO(buf_done) struct buf quote = { 0 };

	(void)privlevel;
	(void)auxblob;
	make_quote(arg, inblob, &quote);
	buf_put(outblob, buf_bytes(&quote));
	return buf_end(outblob, "outblob");
}

/* ---- /dev/tdx_guest ---- */

void fake_tdx_report(const struct fake_tdx *f, struct bytes report_data, struct buf *ret)
{
	const struct td_report *td = &f->quote.td;

	buf_u8(ret, TDX_TEE_TDX);
	buf_zero(ret, 127);
	buf_put(ret, report_data);
	buf_zero(ret, TD_INFO_AT - ret->n);
	buf_le64(ret, td->td_attributes);
	buf_le64(ret, td->xfam);
	buf_put(ret, BYTES_OF(td->mr_td));
	buf_put(ret, BYTES_OF(td->mr_config_id));
	buf_zero(ret, TDREPORT_SIZE - ret->n);
	assert_ok(buf_end(ret, "TDREPORT"));
}

static struct err device_answer(void *arg, const char *device, unsigned long request, void *data)
{
	AUTO(buf_done) struct buf report = BUF_INIT(TDREPORT_SIZE);
	struct fake_tdx *f = arg;
	struct tdx_report_req *q = data;
	const struct tdx_extend_rtmr_req *x = data;

	assert_string_equal(device, "/dev/tdx_guest");
	if (request == 0xc4405401) {
		fake_tdx_report(f, BYTES_OF(q->report_data), &report);
		memcpy(q->tdreport, report.p, report.n);
		return OK;
	}
	if (f->extends == 0 || request != f->extends)
		return fake_tsm_errno(ENOTTY, device);
	f->extended = x->index;
	memcpy(f->digest, x->digest, sizeof(f->digest));
	return OK;
}

/* ---- quote generation service ---- */

static void put_answer(struct fake_tdx *f, struct bytes report_data, struct buf *out)
{
	AUTO(buf_done) struct buf quote = { 0 };

	make_quote(f, report_data, &quote);
	if (f->error)
		quote.n = 0;
	size_t size = HEADER + 8 + 3 + quote.n;
	buf_be32(out, f->length ? f->length : size);
	buf_le16(out, 1);
	buf_le16(out, 1);
	buf_le32(out, 1);
	buf_le32(out, size);
	buf_le32(out, f->error);
	buf_le32(out, 3);
	buf_le32(out, quote.n);
	buf_puts(out, "id.");
	buf_put(out, buf_bytes(&quote));
	assert_ok(buf_end(out, "answer"));
}

/* Length, header, two sizes, TDREPORT: nothing else is asked for. */
static void serve_one(struct fake_tdx *f, int fd)
{
	AUTO(buf_done) struct buf answer = BUF_INIT(QGS_MESSAGE_MAX);
	uint8_t request[4 + HEADER + 8 + TDREPORT_SIZE], report_data[64];
	ssize_t got = recv(fd, request, sizeof(request), MSG_WAITALL);

	if (got != (ssize_t)sizeof(request))
		return;
	struct reader r = rd_of(BYTES_OF(request));
	assert_int_equal(rd_be32(&r), sizeof(request) - 4);
	assert_int_equal(rd_le16(&r), 1);
	rd_skip(&r, 2);
	assert_int_equal(rd_le32(&r), 0);
	assert_int_equal(rd_le32(&r), sizeof(request) - 4);
	rd_skip_zero(&r, 4);
	assert_int_equal(rd_le32(&r), TDREPORT_SIZE);
	rd_skip_zero(&r, 4);
	assert_int_equal(rd_u8(&r), TDX_TEE_TDX);
	rd_skip(&r, 127);
	rd_copy(&r, report_data, sizeof(report_data));
	f->requests++;
	put_answer(f, BYTES_OF(report_data), &answer);
	answer.n -= f->cut;
	assert_ok(fd_write_all(fd, buf_bytes(&answer)));
}

static void *serve(void *arg)
{
	struct fake_tdx *f = arg;

	for (;;) {
		AUTO(auto_close) int fd = accept(f->listener, NULL, NULL);

		if (fd < 0)
			return NULL;
		serve_one(f, fd);
	}
}

static void start_service(struct fake_tdx *f)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	(void)snprintf(f->qgs, sizeof(f->qgs), "unix://%s/qgs.socket", f->tsm.root);
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", f->qgs + strlen("unix://"));
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(f->listener >= 0);
	assert_int_equal(bind(f->listener, (const struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(f->listener, 4), 0);
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
}

/* ---- the firmware's log ---- */

static void put_log(struct fake_tdx *f)
{
	AUTO(buf_done) struct buf table = BUF_INIT(56);
	AUTO(buf_done) struct buf area = BUF_INIT(CCEL_AREA);

	tdx_gen_log_start(&f->log);
	tdx_gen_log_boot(&f->log);
	tdx_gen_log_quoted(&f->log, &f->quote);
	buf_puts(&table, "CCEL");
	buf_le32(&table, 56);
	buf_zero(&table, 28);
	buf_u8(&table, 2);
	buf_zero(&table, 3);
	buf_le64(&table, CCEL_AREA);
	buf_le64(&table, 0x7e000000);
	fake_tsm_file(&f->tsm, TDX_CCEL_TABLE, buf_bytes(&table));
	buf_put(&area, buf_bytes(&f->log.log));
	while (area.n < CCEL_AREA)
		buf_u8(&area, 0xff);
	fake_tsm_file(&f->tsm, TDX_CCEL_DATA, buf_bytes(&area));
}

void fake_tdx_start(struct fake_tdx *f, const char *name, struct bytes initdata_digest)
{
	*f = (struct fake_tdx){ .quote = tdx_gen_quote(TDX_BODY_TD_15) };
	fake_tsm_init(&f->tsm, name);
	f->tsm.provider = "tdx_guest";
	f->tsm.arg = f;
	f->tsm.report = tsm_answer;
	f->tsm.control = device_answer;
	fake_tsm_file(&f->tsm, TDX_DEVICE, BYTES_NONE);
	tdx_gen_init(&f->gen);
	tee_fit_digest(initdata_digest, f->quote.td.mr_config_id, sizeof(f->quote.td.mr_config_id));
	put_log(f);
	start_service(f);
}

void fake_tdx_stop(struct fake_tdx *f)
{
	(void)shutdown(f->listener, SHUT_RDWR);
	(void)pthread_join(f->thread, NULL);
	(void)close(f->listener);
	tdx_gen_log_done(&f->log);
	tdx_gen_done(&f->gen);
}

struct tee_guest_config fake_tdx_config(const struct fake_tdx *f)
{
	struct tee_guest_config c = fake_tsm_config(&f->tsm);

	c.qgs = f->qgs;
	return c;
}
