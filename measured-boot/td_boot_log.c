/* A boot's log with what is known put in its place. */
#include "td_events.h"

#include <base/reader.h>
#include <tee/eventlog.h>

enum {
	MR_RTMR0 = 1 /* CCEL: register 0 is MRTD (UEFI 2.10, 38.4.1) */
};

struct maker {
	const struct td_boot_inputs *in;
	struct td_boot boot;
	unsigned acpi, images; /* events of these kinds so far */
};

/* ---- names ---- */

static void put_ascii(struct bytes text, size_t step, char to[static TD_BOOT_TEXT])
{
	size_t n = 0;

	for (size_t i = 0; i < text.n && n + 1 < TD_BOOT_TEXT && text.p[i]; i += step)
		to[n++] = text.p[i] >= 0x20 && text.p[i] < 0x7f ? (char)text.p[i] : '?';
	to[n] = 0;
}

/* Name of the UEFI_VARIABLE_DATA. (TCG PFP 1.06, 10.2.6) */
static void put_variable(struct bytes data, char to[static TD_BOOT_TEXT])
{
	struct reader r = rd_of(data);

	rd_skip(&r, 16);
	uint64_t length = rd_le64(&r);
	rd_skip(&r, 8);
	if (!rd_ok(&r) || length > r.left / 2)
		return;
	put_ascii(rd_take(&r, (size_t)(2 * length)), 2, to);
}

static const char *tag_name(const struct event *e)
{
	uint32_t id = 0;
	struct bytes data = { 0 };

	if (!event_tag(e, &id, &data))
		return NULL;
	return id == EVENT_TAG_LOAD_OPTIONS ? "command line"
	       : id == EVENT_TAG_INITRD	    ? "initrd"
					    : NULL;
}

static bool is_acpi(const struct event *e)
{
	return e->type == EV_PLATFORM_CONFIG_FLAGS && bytes_equal(e->data, bytes_str("ACPI DATA"));
}

/* Events that a prediction has are called as there. */
static const char *known_name(const struct maker *m, const struct event *e)
{
	static const char *const acpi[] = { "ACPI table loader", "ACPI RSDP", "ACPI tables" };

	if (is_acpi(e) && m->acpi < ARRAY_LEN(acpi))
		return acpi[m->acpi];
	if (e->pcr == MR_RTMR0 && e->type == EV_EFI_HANDOFF_TABLES2)
		return "TD HOB";
	if (e->pcr == MR_RTMR0 && e->type == EV_EFI_PLATFORM_FIRMWARE_BLOB2)
		return "configuration volume";
	if (e->type == EV_EFI_BOOT_SERVICES_APPLICATION)
		return m->images > 0 ? "image (Authenticode)" : "kernel (Authenticode)";
	if (e->type == EV_SEPARATOR)
		return "separator";
	return e->type == EV_EVENT_TAG ? tag_name(e) : NULL;
}

static void name_event(const struct maker *m, const struct event *e, char to[static TD_BOOT_TEXT])
{
	const char *name = known_name(m, e);

	(void)snprintf(to, TD_BOOT_TEXT, "%s", name ? name : event_type_name(e->type));
	switch (e->type) {
	case EV_EFI_VARIABLE_DRIVER_CONFIG:
	case EV_EFI_VARIABLE_BOOT:
	case EV_EFI_VARIABLE_BOOT2:
	case EV_EFI_VARIABLE_AUTHORITY:
		put_variable(e->data, to);
		break;
	case EV_EFI_ACTION:
	case EV_IPL:
		put_ascii(e->data, 1, to);
		break;
	case EV_PLATFORM_CONFIG_FLAGS:
		if (!name)
			put_ascii(e->data, 1, to);
		break;
	default:
		break;
	}
}

/* ---- what is computed instead ---- */

static RESULT acpi_event(struct maker *m, struct digest_value *ret)
{
	const struct bytes files[] = { m->in->acpi_loader, m->in->acpi_rsdp, m->in->acpi_tables };

	if (m->acpi >= ARRAY_LEN(files))
		return OK;
	return td_file_event(files[m->acpi++], ret);
}

static RESULT kernel_event(struct maker *m, struct digest_value *ret)
{
	if (m->in->kernel.n > 0 && m->images > 0)
		return err_new(ERR_USAGE,
			"the log is of a boot through a loader, several images were started: leave "
			"the kernel away");
	m->images++;
	return td_kernel_event(m->in, ret);
}

static RESULT tag_event(
	const struct maker *m, const struct event *e, const char **input, struct digest_value *ret)
{
	uint32_t id = 0;
	struct bytes data = { 0 };

	if (!event_tag(e, &id, &data))
		return OK;
	if (id == EVENT_TAG_LOAD_OPTIONS) {
		*input = "append";
		return td_cmdline_event(m->in, ret);
	}
	if (id != EVENT_TAG_INITRD)
		return OK;
	*input = "initrd";
	return td_initrd_event(m->in, ret);
}

/* n = 0: nothing of the inputs makes this event. */
static RESULT compute(
	struct maker *m, const struct event *e, const char **input, struct digest_value *ret)
{
	if (e->type == EV_EFI_HANDOFF_TABLES2 && e->pcr == MR_RTMR0) {
		*input = "firmware, memory";
		return td_hob_event(m->in, ret);
	}
	if (e->type == EV_EFI_PLATFORM_FIRMWARE_BLOB2 && e->pcr == MR_RTMR0) {
		*input = "firmware";
		return td_cfv_event(m->in, ret);
	}
	if (is_acpi(e)) {
		*input = "acpi";
		return acpi_event(m, ret);
	}
	if (e->type == EV_EFI_BOOT_SERVICES_APPLICATION) {
		*input = "kernel";
		return kernel_event(m, ret);
	}
	return e->type == EV_EVENT_TAG ? tag_event(m, e, input, ret) : OK;
}

static RESULT add_event(struct maker *m, const struct event *e)
{
	struct td_boot_event to = { .rtmr = e->pcr - MR_RTMR0, .type = e->type };
	struct bytes logged = event_digest(e, DIGEST_SHA384);

	if (e->type == EV_NO_ACTION)
		return OK;
	if (e->pcr < MR_RTMR0 || to.rtmr >= TD_BOOT_RTMRS)
		return err_new(ERR_FORMAT, "event log: register %u: a TD has 1 to %d", e->pcr,
			TD_BOOT_RTMRS);
	name_event(m, e, to.what);
	TRY(compute(m, e, &to.input, &to.digest));
	if (to.digest.n > 0)
		return td_boot_add(&m->boot, &to);
	if (logged.n != DIGEST_SHA384_SIZE)
		return err_new(ERR_FORMAT, "event log: an event without SHA-384: not of a TD");
	to.input = "event-log";
	to.digest = (struct digest_value){ .alg = DIGEST_SHA384, .n = DIGEST_SHA384_SIZE };
	memcpy(to.digest.v, logged.p, DIGEST_SHA384_SIZE);
	return td_boot_add(&m->boot, &to);
}

static void maker_done(struct maker *m)
{
	td_boot_done(&m->boot);
}

RESULT td_boot_from_log(const struct td_boot_inputs *in, struct bytes log, struct td_boot *ret_boot)
{
	AUTO(eventlog_done) struct eventlog l = { 0 };
	AUTO(maker_done) struct maker m = { .in = in };

	td_boot_init(&m.boot);
	TRY(eventlog_parse(log, EVENTLOG_PADDED, &l));
	for (size_t i = 0; i < l.n; i++)
		TRY(add_event(&m, &l.v[i]));
	*ret_boot = m.boot;
	m.boot = (struct td_boot){ 0 };
	return OK;
}
