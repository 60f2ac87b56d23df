#include "hub.h"
#include "reply.h"
#include "requests.h"
#include "storage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <health.pb-c.h>

#include <base/file.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/time.h>

enum {
	CLOCK_EARLIEST = 1700000000, /* no pod ran before */
	RANDOM_MAX = 4096,
	CPUS_MAX = 1024
};

void guest_health(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	Health__HealthCheckResponse msg = HEALTH__HEALTH_CHECK_RESPONSE__INIT;

	(void)payload;
	/* Without the hub no container can be made and no secret be had. */
	msg.status = a->hub && failed(hub_health(a->hub))
			     ? HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
			     : HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	reply(call, &msg.base);
}

void guest_version(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	Health__VersionCheckResponse msg = HEALTH__VERSION_CHECK_RESPONSE__INIT;

	(void)a;
	(void)payload;
	msg.grpc_version = (char *)(uintptr_t)AGENT_API_VERSION;
	msg.agent_version = (char *)(uintptr_t)AGENT_VERSION;
	reply(call, &msg.base);
}

static uint64_t memory_block_size(void)
{
	AUTO(buf_done) struct buf text = BUF_INIT(64);
	const char *s;

	if (failed(file_read("/sys/devices/system/memory/block_size_bytes", &text)))
		return 0;
	s = buf_cstr(&text);
	return s ? strtoull(s, NULL, 16) : 0;
}

/* Messages have strings that nobody writes to. */
static char *text_of(const char *s)
{
	return (char *)(uintptr_t)s;
}

void guest_details(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	Agent__GuestDetailsResponse msg = AGENT__GUEST_DETAILS_RESPONSE__INIT;
	Agent__AgentDetails details = AGENT__AGENT_DETAILS__INIT;
	char *devices[] = { text_of("blk"), text_of("blk-ccw"), text_of("mmioblk"),
		text_of("nvdimm"), text_of("scsi") };

	(void)payload;
	details.device_handlers = devices;
	details.n_device_handlers = ARRAY_LEN(devices);
	details.version = (char *)(uintptr_t)AGENT_VERSION;
	details.init_daemon = a->set.init;
	details.storage_handlers = (char **)(uintptr_t)storage_handlers();
	while (storage_handlers()[details.n_storage_handlers])
		details.n_storage_handlers++;
	details.supports_seccomp = true;
	msg.agent_details = &details;
	msg.mem_block_size_bytes = memory_block_size();
	msg.support_mem_hotplug_probe = file_exists("/sys/devices/system/memory/probe");
	reply(call, &msg.base);
}

/* Certificates are judged by this clock, so the host may set it once, before anything runs. */
static RESULT set_clock(struct agent *a, struct bytes payload)
{
	AUTO(pb_free_any) Agent__SetGuestDateTimeRequest *q = NULL;

	TRY(PB_UNPACK(agent__set_guest_date_time_request, payload, &q));
	if (!a->open_world && (a->fixed || a->n_containers > 0))
		return err_deny(ERR_DENIED, "sandbox.clock-fixed", "SetGuestDateTime",
			"before the first container", "after it");
	if (q->sec < CLOCK_EARLIEST || q->usec < 0 || q->usec > 999999)
		return err_new(ERR_FORMAT, "time: %lld", (long long)q->sec);
	return a->effects->clock_set(q->sec, q->usec);
}

void guest_set_clock(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	reply_result(call, set_clock(a, payload));
}

static RESULT reseed(struct agent *a, struct bytes payload)
{
	AUTO(pb_free_any) Agent__ReseedRandomDevRequest *q = NULL;

	TRY(PB_UNPACK(agent__reseed_random_dev_request, payload, &q));
	if (q->data.len > RANDOM_MAX)
		return err_new(ERR_LIMIT, "random data: more than %d bytes", RANDOM_MAX);
	return a->effects->random_add(bytes_of(q->data.data, q->data.len));
}

void guest_reseed(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	reply_result(call, reseed(a, payload));
}

static RESULT online(struct agent *a, struct bytes payload)
{
	AUTO(pb_free_any) Agent__OnlineCPUMemRequest *q = NULL;

	TRY(PB_UNPACK(agent__online_cpumem_request, payload, &q));
	TRY(a->effects->cpus_online(q->nb_cpus));
	/* Memory is never added to a guest that has a manifest. */
	return q->cpu_only || !a->open_world ? OK : a->effects->memory_online();
}

void guest_online(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	reply_result(call, online(a, payload));
}

RESULT effect_clock(int64_t sec, int64_t usec)
{
	const struct timeval now = { .tv_sec = sec, .tv_usec = usec };

	if (settimeofday(&now, NULL) != 0)
		return err_new(ERR_SYS, "setting the clock");
	return OK;
}

/* Mixed in, but not counted: what the host gives is known to the host. */
RESULT effect_random(struct bytes data)
{
	AUTO(auto_close) int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return err_new(ERR_SYS, "/dev/urandom");
	TRY(fd_write_all(fd, data));
	if (ioctl(fd, RNDRESEEDCRNG) != 0)
		return err_new(ERR_SYS, "reseeding");
	return OK;
}

/* Every block that is there and not in use. */
RESULT effect_memory_online(void)
{
	AUTO(auto_closedir) DIR *d = opendir("/sys/devices/system/memory");
	const struct dirent *e;

	/* One thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (d && (e = readdir(d)) != NULL) {
		AUTO(buf_done) struct buf state = BUF_INIT(16);
		char path[320];

		(void)snprintf(
			path, sizeof(path), "/sys/devices/system/memory/%s/online", e->d_name);
		if (!str_starts(e->d_name, "memory") || failed(file_read(path, &state)) ||
			state.n == 0 || state.p[0] == '1')
			continue;
		TRY(file_write(path, bytes_str("1")));
	}
	return OK;
}

/* The first `n` processors that are offline. */
RESULT effect_cpus(uint32_t n)
{
	for (unsigned cpu = 1; cpu < CPUS_MAX && n > 0; cpu++) {
		AUTO(buf_done) struct buf state = BUF_INIT(16);
		char path[64];

		(void)snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
		if (failed(file_read(path, &state)) || state.n == 0 || state.p[0] == '1')
			continue;
		TRY(file_write(path, bytes_str("1")));
		n--;
	}
	return OK;
}
