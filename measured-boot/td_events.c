#include "td_events.h"

#include <base/reader.h>
#include <measured-boot/authenticode.h>
#include <measured-boot/linux_boot.h>
#include <tee/eventlog.h>

enum {
	EVENTS_ROOM = 64,

	/* EFI_FIRMWARE_VOLUME_HEADER, then VARIABLE_STORE_HEADER, then variables (edk2) */
	FV_HEADER_LENGTH = 0x30,
	STORE_HEADER = 28,
	VARIABLE_START = 0x55aa
};

void td_boot_done(struct td_boot *b)
{
	free(b->events);
	*b = (struct td_boot){ 0 };
}

void td_boot_init(struct td_boot *b)
{
	for (size_t i = 0; i < TD_BOOT_RTMRS; i++)
		b->rtmr[i] = (struct digest_value){ .alg = DIGEST_SHA384, .n = DIGEST_SHA384_SIZE };
}

void td_boot_open(struct td_boot *b, uint32_t rtmr, const char *why)
{
	b->rtmr[rtmr].n = 0;
	if (!b->missing[rtmr][0])
		(void)snprintf(b->missing[rtmr], sizeof(b->missing[rtmr]), "%s", why);
}

static RESULT make_room(struct td_boot *b)
{
	size_t room = b->room ? 2 * b->room : EVENTS_ROOM;

	if (b->n_events < b->room)
		return OK;
	if (b->n_events >= EVENTLOG_EVENTS_MAX)
		return err_new(ERR_LIMIT, "a boot of more than %d events", EVENTLOG_EVENTS_MAX);
	struct td_boot_event *more = reallocarray(b->events, room, sizeof(*more));
	if (!more)
		return err_new(ERR_NOMEM, "events of a boot");
	b->events = more;
	b->room = room;
	return OK;
}

RESULT td_boot_add(struct td_boot *b, const struct td_boot_event *e)
{
	struct digest_value *rtmr = &b->rtmr[e->rtmr];

	TRY(make_room(b));
	if (e->digest.n == 0)
		td_boot_open(b, e->rtmr, e->what);
	if (rtmr->n > 0)
		TRY(pcr_extend(rtmr, digest_bytes(&e->digest)));
	b->events[b->n_events] = *e;
	b->events[b->n_events++].after = *rtmr;
	return OK;
}

/* ---- what events hash ---- */

RESULT td_hob_event(const struct td_boot_inputs *in, struct digest_value *ret)
{
	if (in->memory.size == 0 || in->firmware.n == 0)
		return OK;
	return td_hob_digest(in->firmware, in->memory, ret);
}

static RESULT find_cfv(const struct td_boot_inputs *in, struct bytes *ret)
{
	struct tdvf t = { 0 };

	TRY(tdvf_parse(in->firmware, &t));
	for (size_t i = 0; i < t.n; i++) {
		const struct tdvf_section *s = &t.sections[i];
		if (s->type != TDVF_CFV)
			continue;
		*ret = bytes_of(in->firmware.p + s->data_offset, s->raw_size);
		return OK;
	}
	return err_new(ERR_UNSUPPORTED, "TDVF: no configuration volume (CFV)");
}

RESULT td_cfv_event(const struct td_boot_inputs *in, struct digest_value *ret)
{
	struct bytes cfv = { 0 };

	if (in->firmware.n == 0)
		return OK;
	TRY(find_cfv(in, &cfv));
	return digest(DIGEST_SHA384, cfv, ret);
}

/* Variables enrolled into the image would be other events. */
RESULT td_check_store(const struct td_boot_inputs *in)
{
	struct bytes cfv = { 0 };

	TRY(find_cfv(in, &cfv));
	struct reader header = rd_of(cfv);
	rd_skip(&header, FV_HEADER_LENGTH);
	struct reader store = rd_of(cfv);
	rd_skip(&store, rd_le16(&header));
	rd_skip(&store, STORE_HEADER);
	if (rd_le16(&store) == VARIABLE_START && rd_ok(&store))
		return err_new(ERR_UNSUPPORTED, "variables are enrolled into the firmware");
	return OK;
}

RESULT td_kernel_event(const struct td_boot_inputs *in, struct digest_value *ret)
{
	AUTO(buf_done) struct buf patched = BUF_INIT(LINUX_KERNEL_MAX);
	uint64_t memory = in->memory.size;

	if (in->kernel.n == 0 || (in->kernel_patched && memory == 0))
		return OK;
	if (!in->kernel_patched)
		return authenticode_digest(in->kernel, DIGEST_SHA384, ret);
	if (in->memory.max_below_4g > 0 && memory > in->memory.max_below_4g)
		memory = in->memory.max_below_4g;
	TRY(linux_qemu_kernel(in->kernel, memory >> 20, in->initrd.n, &patched));
	return authenticode_digest(buf_bytes(&patched), DIGEST_SHA384, ret);
}

/* The name of the initrd is added by whoever loads it. */
RESULT td_cmdline_event(const struct td_boot_inputs *in, struct digest_value *ret)
{
	const char *append = in->append ? in->append : "";

	if (in->kernel.n == 0)
		return OK;
	if (in->initrd.n > 0)
		return linux_cmdline_digest(append, DIGEST_SHA384, ret);
	return linux_load_options_digest(append, DIGEST_SHA384, ret);
}

RESULT td_initrd_event(const struct td_boot_inputs *in, struct digest_value *ret)
{
	return td_file_event(in->initrd, ret);
}

RESULT td_file_event(struct bytes file, struct digest_value *ret)
{
	return file.n > 0 ? digest(DIGEST_SHA384, file, ret) : OK;
}
