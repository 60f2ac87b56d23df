/* sealpod measure tdx */
#include "measure.h"

#include <base/file.h>
#include <measured-boot/linux_boot.h>
#include <measured-boot/machine.h>
#include <measured-boot/td_boot.h>
#include <runtime/vm.h>
#include <tee/eventlog.h>

enum {
	ACPI_MAX = 4 * 1024 * 1024
};

static const uint64_t mib = 1024 * 1024;
static const char *const rtmr_names[TD_BOOT_RTMRS] = { "rtmr_0", "rtmr_1", "rtmr_2", "rtmr_3" };

static RESULT read_acpi_file(
	struct measure_doc *d, const char *dir, const char *name, struct buf *to)
{
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(dir, name, &path));
	return measure_read(d, name, path, ACPI_MAX, to);
}

static RESULT read_files(
	struct measure_doc *d, const struct measure_options *o, struct measure_files *f)
{
	if (!o->kernel && (o->initrd || o->append))
		return err_new(ERR_USAGE, "--initrd and --append need --kernel");
	TRY(measure_read(d, "kernel", o->kernel, LINUX_KERNEL_MAX, &f->kernel));
	TRY(measure_read(d, "initrd", o->initrd, MEASURE_INITRD_MAX, &f->initrd));
	TRY(measure_read(d, "event-log", o->event_log, EVENTLOG_MAX, &f->event_log));
	if (!o->acpi)
		return OK;
	TRY(read_acpi_file(d, o->acpi, "table-loader", &f->acpi_loader));
	TRY(read_acpi_file(d, o->acpi, "rsdp", &f->acpi_rsdp));
	return read_acpi_file(d, o->acpi, "tables", &f->acpi_tables);
}

/* A log tells the memory of its own machine: only --memory replaces that. */
static RESULT boot_inputs(struct measure_doc *d, const struct measure_options *o,
	const struct measure_files *f, struct td_boot_inputs *in)
{
	const char *machine = o->machine ? o->machine : "sealpod";
	const char *header = o->kernel_header ? o->kernel_header : "as-is";
	uint64_t memory = o->memory ? o->memory : o->event_log ? 0 : VM_MEMORY_MIB;

	*in = (struct td_boot_inputs){ .firmware = buf_bytes(&f->firmware),
		.memory.size = memory * mib,
		.memory.max_below_4g = str_equal(machine, "q35") ? 0 : MACHINE_MEMORY_MIN_MIB * mib,
		.kernel = buf_bytes(&f->kernel),
		.kernel_patched = str_equal(header, "patched"),
		.initrd = buf_bytes(&f->initrd),
		.append = o->append,
		.acpi_loader = buf_bytes(&f->acpi_loader),
		.acpi_rsdp = buf_bytes(&f->acpi_rsdp),
		.acpi_tables = buf_bytes(&f->acpi_tables) };
	if (o->kernel)
		TRY(measure_add_text(d, "append", o->append ? o->append : ""));
	if (o->kernel)
		TRY(measure_add_text(d, "kernel-header", header));
	if (memory == 0)
		return OK;
	TRY(measure_add_number(d, "memory", memory));
	return measure_add_text(d, "machine", machine);
}

static RESULT add_steps(struct measure_doc *d, const struct td_boot *b)
{
	for (size_t i = 0; i < b->n_events; i++) {
		const struct td_boot_event *e = &b->events[i];
		const struct measure_event event = { "RTMR", e->what, e->input, e->rtmr, e->type,
			&e->digest, &e->after };
		TRY(measure_add_event(d, &event));
	}
	return OK;
}

static RESULT add_rtmrs(struct measure_doc *d, const struct td_boot *b)
{
	for (size_t i = 0; i < TD_BOOT_RTMRS; i++) {
		AUTO(auto_free) char *why = NULL;

		if (b->rtmr[i].n > 0) {
			TRY(measure_add_value(d, rtmr_names[i], &b->rtmr[i]));
			continue;
		}
		TRY(str_format(
			&why, "%s%s", b->missing[i], i == 0 ? "; give --acpi or --event-log" : ""));
		TRY(measure_add_open(d, rtmr_names[i], why));
	}
	return OK;
}

static RESULT add_boot(struct measure_doc *d, const struct measure_options *o,
	struct measure_files *f, struct td_boot *b)
{
	struct td_boot_inputs in = { 0 };

	if (!o->kernel && !o->event_log) {
		if ((o->memory && !o->pod) || o->acpi)
			return err_new(ERR_USAGE, "--memory and --acpi need --kernel or "
						  "--event-log");
		return OK;
	}
	TRY(boot_inputs(d, o, f, &in));
	if (o->event_log)
		TRY(td_boot_from_log(&in, buf_bytes(&f->event_log), b));
	else
		TRY(td_boot_predict(&in, b));
	TRY(add_rtmrs(d, b));
	return add_steps(d, b);
}

RESULT measure_tdx_run(const void *options, const struct cli_args *args, int *ret_exit)
{
	struct measure_options chosen = *(const struct measure_options *)options;
	const struct measure_options *o = &chosen;
	const char *order = o->order ? o->order : "single-pass";
	AUTO(measure_doc_done) struct measure_doc d = { .platform = "tdx", .explain = o->explain };
	AUTO(measure_files_done) struct measure_files f = { 0 };
	AUTO(measure_pod_done) struct measure_pod pod = { 0 };
	AUTO(td_boot_done) struct td_boot b = { 0 };
	struct launch_log log = { .step = measure_launch_step, .arg = &d };
	struct digest_value v = { 0 };

	(void)ret_exit;
	TRY(measure_pod_apply(&d, &chosen, &pod));
	TRY(measure_read(&d, "firmware", o->firmware, OVMF_CODE_MAX, &f.firmware));
	TRY(measure_add_text(&d, "order", order));
	TRY(read_files(&d, o, &f));
	TRY(mrtd_explain(buf_bytes(&f.firmware),
		str_equal(order, "two-pass") ? MRTD_TWO_PASS : MRTD_SINGLE_PASS,
		o->explain ? &log : NULL, &v));
	TRY(measure_add_value(&d, "mr_td", &v));
	TRY(add_boot(&d, o, &f, &b));
	TRY(measure_bind_initdata(&d, o, "mr_config_id", 48));
	return measure_print(&d, args->json);
}
