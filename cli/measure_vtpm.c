/* sealpod measure vtpm */
#include "measure.h"

#include <limits.h>

#include <base/file.h>
#include <measured-boot/cmdline.h>
#include <measured-boot/linux_boot.h>
#include <measured-boot/machine.h>
#include <measured-boot/vtpm_boot.h>
#include <runtime/guest_files.h>
#include <runtime/host_probe.h>
#include <tee/eventlog.h>

static const char *const pcr_names[VTPM_BOOT_PCRS] = { "pcr0", "pcr1", "pcr2", "pcr3", "pcr4",
	"pcr5", "pcr6", "pcr7", "pcr8", "pcr9" };

/* The shipped guest, where nothing else is named. */
static RESULT read_guest(
	struct measure_doc *d, const struct measure_options *o, struct measure_files *f)
{
	AUTO(auto_free) char *dir = NULL;
	AUTO(auto_free) char *kernel = NULL;
	AUTO(auto_free) char *initrd = NULL;

	if (!o->kernel) {
		TRY(guest_files_dir(VM_ARCH_X86_64, &dir));
		TRY(path_join(dir, "vmlinuz", &kernel));
		TRY(path_join(dir, "initrd", &initrd));
	}
	TRY(measure_read(
		d, "kernel", o->kernel ? o->kernel : kernel, LINUX_KERNEL_MAX, &f->kernel));
	return measure_read(
		d, "initrd", o->initrd ? o->initrd : initrd, MEASURE_INITRD_MAX, &f->initrd);
}

static RESULT add_steps(struct measure_doc *d, const struct vtpm_boot *b)
{
	for (size_t i = 0; i < b->n_events; i++) {
		const struct vtpm_boot_event *e = &b->events[i];
		const struct measure_event event = { "PCR", e->what, e->input, e->pcr, e->type,
			&e->digest, &e->after };
		TRY(measure_add_event(d, &event));
	}
	return OK;
}

static RESULT add_pcrs(struct measure_doc *d, const struct vtpm_boot *b)
{
	for (size_t i = 0; i < VTPM_BOOT_PCRS; i++)
		if (i != 1 || b->has_pcr1)
			TRY(measure_add_value(d, pcr_names[i], &b->pcr[i]));
	return OK;
}

/* What is booted, without the files' contents. */
static RESULT read_machine(
	struct measure_doc *d, const struct measure_options *o, struct vtpm_boot_inputs *in)
{
	in->firmware_version = o->firmware_version;
	in->append = o->append ? o->append : o->debug ? LINUX_CMDLINE_DEBUG : LINUX_CMDLINE_DEFAULT;
	in->memory_mib = o->memory ? o->memory : VM_MEMORY_MIB;
	in->cpus = o->vcpus ? (unsigned)o->vcpus : 1;
	TRY(digest_alg_parse(o->bank ? o->bank : "sha256", &in->alg));
	TRY(measure_add_text(d, "append", in->append));
	TRY(measure_add_number(d, "vcpus", in->cpus));
	return measure_add_number(d, "memory", in->memory_mib);
}

static RESULT read_firmware(
	struct measure_doc *d, const struct measure_options *o, struct measure_files *f)
{
	AUTO(buf_done) struct buf path = BUF_INIT(PATH_MAX);

	if (o->firmware)
		return measure_read(d, "firmware", o->firmware, OVMF_CODE_MAX, &f->firmware);
	TRY(host_firmware("", &vm_vtpm, &path));
	return measure_read(d, "firmware", buf_cstr(&path), OVMF_CODE_MAX, &f->firmware);
}

RESULT measure_vtpm_run(const void *options, const struct cli_args *args, int *ret_exit)
{
	struct measure_options o = *(const struct measure_options *)options;
	AUTO(measure_doc_done) struct measure_doc d = { .platform = "vtpm", .explain = o.explain };
	AUTO(measure_files_done) struct measure_files f = { 0 };
	AUTO(measure_pod_done) struct measure_pod pod = { 0 };
	AUTO(auto_free) struct vtpm_boot *b = calloc(1, sizeof(*b));
	struct digest_value initdata = { 0 };
	struct vtpm_boot_inputs in = { 0 };

	(void)ret_exit;
	if (!b)
		return err_new(ERR_NOMEM, "events of a boot");
	TRY(measure_pod_apply(&d, &o, &pod));
	TRY(read_firmware(&d, &o, &f));
	TRY(read_guest(&d, &o, &f));
	TRY(read_machine(&d, &o, &in));
	TRY(measure_options_initdata(&d, &o, &initdata));
	in.firmware = buf_bytes(&f.firmware);
	in.kernel = buf_bytes(&f.kernel);
	in.initrd = buf_bytes(&f.initrd);
	in.initdata_digest = digest_bytes(&initdata);
	TRY(vtpm_boot_predict(&in, b));
	TRY(add_pcrs(&d, b));
	TRY(add_steps(&d, b));
	return measure_print(&d, args->json);
}
