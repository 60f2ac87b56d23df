#include "boot.h"
#include "hub.h"
#include "open.h"
#include "start.h"

#include <fcntl.h>
#include <signal.h>

#include <base/clock.h>
#include <base/encode.h>
#include <base/file.h>
#include <measured-boot/initdata.h>
#include <net/transport.h>
#include <tee/tee.h>

#define LOG_MODULE "init"
#include <base/log.h>

#define RUN	    "/run"
#define AGENT_PORT  "virtio-port://sealpod.agent"
#define LOG_PORT    "virtio-port://sealpod.log"
#define AGENT_VSOCK "vsock://-1:1024"

enum {
	LOG_PORT_WAIT_MS = 500,
	TPM_WAIT_MS = 3000,
	TPM_STEP_US = 5000,
	CMDLINE_MAX = 64 * 1024
};

static RESULT prepare_machine(void)
{
	TRY(boot_mounts());
	TRY(boot_modules(BOOT_MODULES_FILE, "boot", true));
	TRY(boot_device_modules("", BOOT_MODULES_FILE));
	if (boot_may_be_tee()) {
		TRY(boot_modules(BOOT_MODULES_FILE, "tee", false));
		TRY(boot_mount_configfs());
	}
	return boot_network();
}

/* Standard error is the console until there is something better. */
static int open_log(void)
{
	int fd = -1;

	if (failed(transport_connect(LOG_PORT, LOG_PORT_WAIT_MS, &fd)))
		fd = STDERR_FILENO;
	log_init("sealpod-agent", LOG_INFO, LOG_JSON, fd);
	return fd;
}

/* The firmware tells whether there is a TPM at all; its driver may still be at it. */
static void wait_for_tpm(void)
{
	uint64_t until = clock_monotonic_ms() + TPM_WAIT_MS;

	if (!file_exists("/sys/firmware/acpi/tables/TPM2"))
		return;
	while (!file_exists("/dev/tpmrm0") && clock_monotonic_ms() < until)
		(void)usleep(TPM_STEP_US);
}

static RESULT bind_digest(const struct tee *t, const struct digest_value *digest)
{
	const struct tee_guest_config config = { .root = "" };
	const struct tee_guest_ops *ops = tee_guest_ops(t);
	struct tee_guest *guest = NULL;
	struct err e;

	if (!ops || !ops->bind_initdata)
		return err_new(ERR_UNSUPPORTED, "platform %s binds no initdata", t->platform);
	TRY(ops->open(&config, &guest));
	e = ops->bind_initdata(guest, digest);
	ops->close(guest);
	return e;
}

/* Where the launch measures the command line and has no field for initdata (SEV, SE). */
static RESULT bind_by_cmdline(const struct digest_value *digest, bool *ret_bound)
{
	AUTO(buf_done) struct buf cmdline = BUF_INIT(CMDLINE_MAX);

	TRY(file_read("/proc/cmdline", &cmdline));
	return initdata_check_append(buf_bytes(&cmdline), digest, ret_bound);
}

static RESULT decide_world(struct agent *a, const char *platform)
{
	AUTO(buf_done) struct buf cmdline = BUF_INIT(CMDLINE_MAX);

	TRY(file_read("/proc/cmdline", &cmdline));
	open_decide(a, buf_bytes(&cmdline), platform);
	return OK;
}

/* Before anything else runs, so that nothing runs that the binding does not cover. */
static RESULT bind_initdata(struct buf *toml, const char **ret_platform)
{
	const struct tee_guest_config config = { .root = "" };
	struct digest_value digest = { .alg = DIGEST_SHA256, .n = DIGEST_SHA256_SIZE };
	const struct tee *t;
	char hex[2 * DIGEST_MAX + 1];
	bool by_cmdline = false;
	struct err e = boot_find_initdata("", toml);

	if (e.code == ERR_NOT_FOUND)
		log_warn("initdata", "found=no");
	else if (!failed(e))
		TRY(initdata_digest(buf_bytes(toml), &digest));
	else
		return e;
	if (failed(e = bind_by_cmdline(&digest, &by_cmdline)))
		return err_add(e, "initdata of the command line");
	wait_for_tpm();
	t = tee_detect(&config);
	*ret_platform = t ? t->platform : "none";
	if (t && failed(e = bind_digest(t, &digest)))
		return err_add(e, "binding initdata");
	hex_to(digest_bytes(&digest), hex);
	log_info("initdata", "platform=%s digest=%s bound=%s", *ret_platform, hex,
		t || by_cmdline ? "yes" : "no");
	return OK;
}

static const char *if_exists(const char *path)
{
	return file_exists(path) ? path : NULL;
}

static RESULT start_pod(struct agent *a, int log_fd)
{
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);
	struct hub_config hub = { .program = "/usr/bin/sealpod-hub", .log_fd = log_fd };
	const char *platform = NULL;

	TRY(bind_initdata(&toml, &platform));
	if (toml.n > 0) {
		TRY(agent_write_initdata(a, buf_bytes(&toml)));
		TRY(agent_load_initdata(a, buf_bytes(&toml)));
	}
	TRY(decide_world(a, platform));
	if (!a->open_world)
		TRY(boot_entropy_module("", BOOT_MODULES_FILE));
	hub.on_demand = a->open_world;
	hub.platform = platform;
	hub.initdata = if_exists(RUN "/" INITDATA_DIR "/initdata.toml");
	hub.cdh_config = if_exists(RUN "/" INITDATA_DIR "/cdh.toml");
	hub.aa_config = if_exists(RUN "/" INITDATA_DIR "/aa.toml");
	return hub_new(a, &hub, &a->hub);
}

/* One of the two must be there; which one the host has, it decides. */
static RESULT serve(struct agent *a)
{
	bool vsock = transport_has_vsock_guest() && !failed(agent_serve(a, AGENT_VSOCK));
	struct err e = agent_serve(a, AGENT_PORT);

	return vsock ? OK : e;
}

/* What the kernel did before it started us is not ours. */
static long long cpu_us(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

struct beginning {
	uint64_t ms;
	long long cpu_us;
};

static void log_ready(const struct beginning *b)
{
	log_info("stage", "stage=agent took_ms=%llu cpu_ms=%lld",
		(unsigned long long)(clock_boottime_ms() - b->ms), (cpu_us() - b->cpu_us) / 1000);
}

static RESULT run(struct agent *a, const struct beginning *b, int log_fd)
{
	static const struct settings set = {
		.run_dir = RUN,
		.crun = "/usr/bin/crun",
		.volume = "/usr/bin/sealpod-volume",
		.cgroup_manager = "cgroupfs",
		.cgroup_dir = "/sys/fs/cgroup/sealpod",
		.cdh_address = "unix://" RUN "/confidential-containers/cdh.sock",
		.init = true,
	};
	int value;

	TRY(agent_init(a, &set));
	TRY(start_pod(a, log_fd));
	TRY(serve(a));
	log_ready(b);
	if (a->open_world)
		TRY(boot_later(a));
	return loop_run(a->loop, &value);
}

static _Noreturn void fail(struct err e)
{
	log_failure(LOG_MODULE, "failure", e);
	boot_power_off(err_text());
}

_Noreturn void init_main(void)
{
	static struct agent agent;
	const struct beginning b = { .ms = clock_boottime_ms(), .cpu_us = cpu_us() };
	struct err e;

	(void)signal(SIGPIPE, SIG_IGN);
	log_init("sealpod-agent", LOG_INFO, LOG_JSON, STDERR_FILENO);
	if (failed(e = prepare_machine()))
		fail(e);
	if (failed(e = run(&agent, &b, open_log())))
		fail(e);
	log_info("power-off", "reason=asked");
	boot_power_off(NULL);
}
