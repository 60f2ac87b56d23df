/* vtpm: a real swtpm with the log of a real boot. */
#include "path.h"
#include "swtpm.h"
#include "util.h"
#include "vtpm/vtpm_tpm.h"

#include <stdio.h>
#include <stdlib.h>

#include <base/encode.h>
#include <base/file.h>
#include <tee/eventlog.h>

struct machine {
	struct swtpm tpm;
	char root[STACK_PATH], ca[STACK_PATH];
	struct buf log;
	struct eventlog events; /* of log */
};

static struct machine *of(const struct path *p)
{
	return p->machine;
}

/* Firmware's part. */
static void boot(struct machine *m)
{
	char path[STACK_PATH + 64];
	struct vtpm_tpm *t;

	(void)snprintf(m->root, sizeof(m->root), "%s/root", test_dir());
	(void)snprintf(path, sizeof(path), "%s/sys/kernel/security/tpm0", m->root);
	assert_ok(dir_make(path, 0755));
	(void)snprintf(path, sizeof(path), "%s/sys/kernel/security/tpm0/binary_bios_measurements",
		m->root);
	assert_ok(file_write_atomic(path, buf_bytes(&m->log), 0600));
	assert_ok(vtpm_tpm_open(m->tpm.tcti, &t));
	for (size_t i = 0; i < m->events.n; i++)
		assert_ok(vtpm_tpm_pcr_extend(
			t, m->events.v[i].pcr, event_digest(&m->events.v[i], DIGEST_SHA256).p));
	vtpm_tpm_free(t);
}

/* All that this boot measured. */
static void put_references(const struct machine *m, struct buf *out)
{
	static const struct {
		enum event_kind kind;
		const char *id;
	} ids[] = {
		{ EVENT_CRTM_VERSION, "vtpm.crtm" },
		{ EVENT_BOOT_APPLICATION, "vtpm.kernel" },
		{ EVENT_LOAD_OPTIONS, "vtpm.cmdline" },
		{ EVENT_INITRD, "vtpm.initrd" },
		{ EVENT_FIRMWARE_BLOB, "vtpm.firmware" },
	};
	struct json_writer w = jw_of(out);

	jw_object(&w);
	for (size_t k = 0; k < ARRAY_LEN(ids); k++) {
		jw_key(&w, ids[k].id);
		jw_array(&w);
		for (size_t i = 0; i < m->events.n; i++)
			if (event_kind(&m->events.v[i], DIGEST_SHA256) == ids[k].kind)
				jw_hex(&w, event_digest(&m->events.v[i], DIGEST_SHA256));
		jw_array_end(&w);
	}
	jw_object_end(&w);
}

static void start(struct path *p, const struct digest_value *initdata)
{
	struct machine *m = calloc(1, sizeof(*m));

	(void)initdata;
	assert_non_null(m);
	p->machine = m;
	swtpm_start(&m->tpm, "vtpm", "ca");
	(void)snprintf(m->ca, sizeof(m->ca), "%s/ca/issuercert.pem", test_dir());
	m->log = test_file(test_source("tests/unit/tee/data/ovmf-direct-boot.bin"));
	assert_ok(eventlog_parse(buf_bytes(&m->log), EVENTLOG_EXACT, &m->events));
	boot(m);
	put_references(m, &p->references);
	p->roots.software = m->ca;
	p->config = (struct tee_guest_config){ .root = m->root, .tcti = m->tpm.tcti };
}

static void stop(struct path *p)
{
	swtpm_stop(&of(p)->tpm);
	eventlog_done(&of(p)->events);
	buf_done(&of(p)->log);
	free(of(p));
}

/* The log claims another kernel than the registers hold. */
static void bend_log(struct path *p)
{
	AUTO(buf_done) struct buf log = BUF_INIT(1024 * 1024);
	char path[STACK_PATH + 64];

	buf_put(&log, buf_bytes(&of(p)->log));
	for (size_t i = 0; i < of(p)->events.n; i++)
		if (event_kind(&of(p)->events.v[i], DIGEST_SHA256) == EVENT_BOOT_APPLICATION)
			log.p[event_digest(&of(p)->events.v[i], DIGEST_SHA256).p - of(p)->log.p] ^=
				1;
	(void)snprintf(path, sizeof(path), "%s/sys/kernel/security/tpm0/binary_bios_measurements",
		of(p)->root);
	assert_ok(file_write_atomic(path, buf_bytes(&log), 0600));
}

static void repair(struct path *p)
{
	char path[STACK_PATH + 64];

	(void)snprintf(path, sizeof(path), "%s/sys/kernel/security/tpm0/binary_bios_measurements",
		of(p)->root);
	assert_ok(file_write_atomic(path, buf_bytes(&of(p)->log), 0600));
}

/* Something more was started than the log tells; for good. */
static void bend_register(struct path *p)
{
	static const uint8_t digest[VTPM_TPM_PCR_SIZE] = { 1 };
	struct vtpm_tpm *t;

	assert_ok(vtpm_tpm_open(of(p)->tpm.tcti, &t));
	assert_ok(vtpm_tpm_pcr_extend(t, 4, digest));
	vtpm_tpm_free(t);
}

const struct path_platform path_vtpm = {
	.platform = "vtpm",
	.simulated = true,
	.unknown_code = "vtpm.crtm-unknown",
	.unknown_field = "tpm.crtm",
	.start = start,
	.stop = stop,
	.repair = repair,
	.refused = {
		{ "other initdata", NULL, true, "vtpm.initdata-mismatch", "initdata: PCR 8" },
		{ "log changed", bend_log, false, "vtpm.event-log-replay", "event_log: PCR 4" },
		{ "extended after the boot", bend_register, false, "vtpm.event-log-replay",
			"event_log: PCR 4" },
	},
};
