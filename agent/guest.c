#include "hub.h"
#include "reply.h"
#include "requests.h"
#include "storage.h"

#include <fcntl.h>
#include <health.pb-c.h>

#include <base/file.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/time.h>

enum {
	CLOCK_EARLIEST = 1700000000, /* no pod ran before */
	RANDOM_MAX = 4096
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

static void put_details(
	const struct agent *a, struct ttrpc_call *call, const Agent__GuestDetailsRequest *q)
{
	Agent__GuestDetailsResponse msg = AGENT__GUEST_DETAILS_RESPONSE__INIT;
	Agent__AgentDetails details = AGENT__AGENT_DETAILS__INIT;
	char *devices[] = { text_of("blk"), text_of("blk-ccw"), text_of("mmioblk"),
		text_of("nvdimm"), text_of("scsi") };

	details.device_handlers = devices;
	details.n_device_handlers = ARRAY_LEN(devices);
	details.version = (char *)(uintptr_t)AGENT_VERSION;
	details.init_daemon = a->set.init;
	details.storage_handlers = (char **)(uintptr_t)storage_handlers();
	while (storage_handlers()[details.n_storage_handlers])
		details.n_storage_handlers++;
	details.supports_seccomp = true;
	msg.agent_details = &details;
	if (q->mem_block_size)
		msg.mem_block_size_bytes = memory_block_size();
	msg.support_mem_hotplug_probe =
		q->mem_hotplug_probe && file_exists("/sys/devices/system/memory/probe");
	reply(call, &msg.base);
}

void guest_details(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__GuestDetailsRequest *q = NULL;
	struct err e = PB_UNPACK(agent__guest_details_request, payload, &q);

	if (failed(e))
		reply_failure(call, e);
	else
		put_details(a, call, q);
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
