/* configfs-tsm: the generation protocol, and what goes wrong. */
#include "fake_tsm.h"
#include "tsm.h"
#include "util.h"

#include <errno.h>

#define REPORT "the report over "

static struct err answer(void *arg, struct bytes inblob, unsigned privlevel, struct buf *outblob,
	struct buf *auxblob)
{
	const char *aux = arg;

	buf_printf(outblob, REPORT);
	buf_put(outblob, inblob);
	buf_printf(outblob, " at %u", privlevel);
	if (aux)
		buf_puts(auxblob, aux);
	return OK;
}

struct asked {
	struct fake_tsm f;
	struct tsm_request q;
	struct buf out, aux;
};

static void start(struct asked *a)
{
	*a = (struct asked){
		.q = { .provider = "tdx_guest", .inblob = bytes_str("data") },
		.out.max = TSM_OUTBLOB_MAX,
		.aux.max = TSM_OUTBLOB_MAX,
	};
	fake_tsm_init(&a->f, "tsm");
	a->f.provider = "tdx_guest";
	a->f.report = answer;
}

static void end(struct asked *a)
{
	buf_done(&a->out);
	buf_done(&a->aux);
	/* Whatever happened, nothing stays behind in the kernel. */
	assert_int_equal(a->f.made, a->f.removed);
}

static struct err ask(struct asked *a)
{
	AUTO(guest_io_done) struct guest_io g = { 0 };
	struct tee_guest_config c = fake_tsm_config(&a->f);

	TRY(guest_io_init(&g, &c));
	return tsm_report(&g, &a->q, &a->out, &a->aux);
}

static void report(void **state)
{
	AUTO(end) struct asked a;

	(void)state;
	start(&a);
	assert_ok(ask(&a));
	assert_bytes_equal(buf_bytes(&a.out), bytes_str(REPORT "data at 0"));
	assert_int_equal(a.aux.n, 0);
	assert_int_equal(a.f.asked, 1);
}

static void certificates_and_level(void **state)
{
	AUTO(end) struct asked a;
	char certificates[] = "certificates";

	(void)state;
	start(&a);
	a.f.floor = "2\n";
	a.f.arg = certificates;
	a.q.privlevel = true;
	assert_ok(ask(&a));
	assert_bytes_equal(buf_bytes(&a.out), bytes_str(REPORT "data at 2"));
	assert_bytes_equal(buf_bytes(&a.aux), bytes_str(certificates));
	/* A kernel that does not tell the level is asked without one. */
	a.f.floor = NULL;
	assert_ok(ask(&a));
	assert_bytes_equal(buf_bytes(&a.out), bytes_str(REPORT "data at 0"));
}

static void another_writer(void **state)
{
	AUTO(end) struct asked a;

	(void)state;
	start(&a);
	a.f.disturbed = 4;
	assert_ok(ask(&a));
	assert_bytes_equal(buf_bytes(&a.out), bytes_str(REPORT "data at 0"));
	assert_int_equal(a.f.asked, 5);
	a.f.disturbed = 100;
	a.f.asked = 0;
	assert_err(ask(&a), ERR_STATE);
	assert_err_text("after 5 tries");
	assert_err_text("another process");
	assert_int_equal(a.f.asked, 5);
}

/* The kernel says no: which is worth another try, and what people are told. */
static void refused(void **state)
{
	static const struct {
		int code;
		unsigned asked; /* times, of an endless failure */
		const char *text;
	} cases[] = {
		{ EBUSY, 5, "busy" },
		{ EAGAIN, 5, "busy" },
		{ EIO, 1, "sealpod explain" },
		{ ENXIO, 1, "module" },
		{ ETIMEDOUT, 1, "quote generation service" },
		{ EINVAL, 1, "VMPL" },
		{ EPERM, 1, "root" },
	};
	AUTO(end) struct asked a;

	(void)state;
	start(&a);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		a.f.asked = 0;
		a.f.failing = 100;
		a.f.with = cases[i].code;
		assert_err(ask(&a), ERR_SYS);
		assert_err_text(cases[i].text);
		assert_int_equal(a.f.asked, cases[i].asked);
	}
	a.f.failing = 2;
	a.f.with = EBUSY;
	assert_ok(ask(&a));
}

static void nobody(void **state)
{
	AUTO(end) struct asked a;
	uint8_t more[TSM_INBLOB_MAX + 1] = { 0 };

	(void)state;
	start(&a);
	a.f.provider = "sev_guest";
	assert_err(ask(&a), ERR_UNSUPPORTED);
	assert_err_text("\"sev_guest\", expected \"tdx_guest\"");
	a.f.provider = NULL;
	assert_err(ask(&a), ERR_UNSUPPORTED);
	assert_err_text("load the modules");
	a.f.provider = "tdx_guest";
	a.q.inblob = BYTES_OF(more);
	assert_err(ask(&a), ERR_USAGE);
	a.q.inblob = BYTES_NONE;
	assert_err(ask(&a), ERR_USAGE);
}

/* Without a table of its own, a driver asks the kernel: here there are no such files. */
static void kernel(void **state)
{
	AUTO(guest_io_done) struct guest_io g = { 0 };
	AUTO(end) struct asked a;
	struct tee_guest_config c;
	int nothing = 0;

	(void)state;
	start(&a);
	c = fake_tsm_config(&a.f);
	c.io = NULL;
	assert_ok(guest_io_init(&g, &c));
	assert_true(tsm_has(&g));
	fake_tsm_file(&a.f, "/dev/x", bytes_str("content"));
	assert_ok(guest_io_read(&g, "/dev/x", &a.out));
	assert_bytes_equal(buf_bytes(&a.out), bytes_str("content"));
	assert_err(guest_io_control(&g, "/dev/x", 0xc4405401, &nothing), ERR_SYS);
	assert_int_equal(err_errno(), ENOTTY);
	assert_err(guest_io_control(&g, "/dev/y", 1, &nothing), ERR_NOT_FOUND);
	assert_ok(guest_io_write(&g, "/dev/x", bytes_str("C")));
	/* A plain directory answers no request, and is cleared away. */
	assert_err(tsm_report(&g, &a.q, &a.out, NULL), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(report),
		cmocka_unit_test(certificates_and_level),
		cmocka_unit_test(another_writer),
		cmocka_unit_test(refused),
		cmocka_unit_test(nobody),
		cmocka_unit_test(kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
