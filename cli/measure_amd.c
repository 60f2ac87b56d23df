/* sealpod measure snp|sev-es|sev */
#include "measure.h"

#include <inttypes.h>

#include <base/encode.h>
#include <base/file.h>
#include <measured-boot/initdata.h>
#include <measured-boot/linux_boot.h>

enum {
	MATCH_VCPUS = 64, /* tried without --vcpus */
	MEASURE_MATCH_MAX = 4096
};

struct amd {
	struct measure_doc doc;
	struct measure_files files;
	struct launch_kernel kernel;
	struct launch_svsm svsm;
	struct launch_log log;
	struct launch_machine machine;
	uint8_t firmware_digest[DIGEST_SHA384_SIZE];
	struct measure_options options; /* as given, and as the pod says */
	struct measure_pod pod;
	char *append; /* the command line with initdata bound by it */
};

static void amd_done(struct amd *a)
{
	measure_doc_done(&a->doc);
	measure_files_done(&a->files);
	measure_pod_done(&a->pod);
	free(a->append);
}

static RESULT read_cpu(struct amd *a, const struct measure_options *o)
{
	struct launch_machine *m = &a->machine;
	uint64_t v = 1;

	TRY(launch_vmm_parse(o->vmm ? o->vmm : "qemu", &m->vmm));
	TRY(measure_add_text(&a->doc, "vmm", o->vmm ? o->vmm : "qemu"));
	m->vcpus = o->vcpus ? (unsigned)o->vcpus : 1;
	TRY(measure_add_number(&a->doc, "vcpus", m->vcpus));
	if (o->guest_features)
		TRY(measure_parse_number("guest-features", o->guest_features, UINT64_MAX, &v));
	m->guest_features = v;
	if (o->cpu_signature && o->cpu_model)
		return err_new(ERR_USAGE, "--cpu-model or --cpu-signature, not both");
	if (o->cpu_signature) {
		TRY(measure_parse_number("cpu-signature", o->cpu_signature, UINT32_MAX, &v));
		m->cpu_signature = (uint32_t)v;
		return measure_add_text(&a->doc, "cpu-signature", o->cpu_signature);
	}
	const char *model = o->cpu_model ? o->cpu_model : "EPYC-v4";
	TRY(launch_cpu_signature_by_name(model, &m->cpu_signature));
	return measure_add_text(&a->doc, "cpu-model", model);
}

static RESULT read_kernel(struct amd *a, const struct measure_options *o)
{
	struct measure_files *f = &a->files;

	if (!o->kernel) {
		if (o->initrd || o->append)
			return err_new(ERR_USAGE, "--initrd and --append need --kernel");
		return OK;
	}
	TRY(measure_read(&a->doc, "kernel", o->kernel, LINUX_KERNEL_MAX, &f->kernel));
	TRY(measure_read(&a->doc, "initrd", o->initrd, MEASURE_INITRD_MAX, &f->initrd));
	TRY(str_dup(o->append ? o->append : "", &a->append));
	a->kernel = (struct launch_kernel){ .kernel = buf_bytes(&f->kernel),
		.initrd = buf_bytes(&f->initrd),
		.append = a->append };
	a->machine.kernel = &a->kernel;
	return OK;
}

/* Launches without a field for initdata measure its digest in the command line. */
static RESULT append_initdata(struct amd *a, const struct measure_options *o)
{
	struct digest_value d = { 0 };
	char *bound = NULL;

	TRY(measure_options_initdata(&a->doc, o, &d));
	if (d.n == 0)
		return OK;
	if (!o->kernel)
		return err_new(ERR_USAGE,
			"--initdata needs --kernel: it is bound by the command line that is "
			"measured");
	TRY(initdata_append(a->append, &d, &bound));
	free(a->append);
	a->kernel.append = a->append = bound;
	return OK;
}

static RESULT note_append(struct amd *a)
{
	return a->append ? measure_add_text(&a->doc, "append", a->append) : OK;
}

static RESULT read_svsm(struct amd *a, const struct measure_options *o)
{
	if (!o->svsm)
		return OK;
	TRY(measure_read(&a->doc, "svsm", o->svsm, OVMF_CODE_MAX, &a->files.svsm));
	TRY(measure_add_number(&a->doc, "vars-size", o->vars_size));
	a->svsm = (struct launch_svsm){ .image = buf_bytes(&a->files.svsm),
		.vars_size = o->vars_size };
	a->machine.svsm = &a->svsm;
	return OK;
}

static RESULT read_inputs(struct amd *a)
{
	const struct measure_options *o = &a->options;

	TRY(measure_pod_apply(&a->doc, &a->options, &a->pod));
	a->doc.explain = o->explain;
	a->log = (struct launch_log){ .step = measure_launch_step, .arg = &a->doc };
	a->machine.log = o->explain ? &a->log : NULL;
	TRY(measure_read(&a->doc, "firmware", o->firmware, OVMF_CODE_MAX, &a->files.firmware));
	a->machine.firmware = buf_bytes(&a->files.firmware);
	return read_kernel(a, o);
}

static RESULT read_firmware_digest(struct amd *a, const struct measure_options *o)
{
	if (!o->firmware_digest)
		return OK;
	TRY(hex_decode_fixed(bytes_str(o->firmware_digest), "--firmware-digest", a->firmware_digest,
		sizeof(a->firmware_digest)));
	a->machine.firmware_digest = BYTES_OF(a->firmware_digest);
	return measure_add_text(&a->doc, "firmware-digest", o->firmware_digest);
}

/* Which machine has the digest that somebody reports. */
static RESULT print_match(const struct amd *a, bool json)
{
	AUTO(buf_done) struct buf out = BUF_INIT(MEASURE_MATCH_MAX);
	uint8_t wanted[DIGEST_SHA384_SIZE];
	struct launch_machine m = a->machine;
	struct launch_match found = { 0 };

	TRY(hex_decode_fixed(bytes_str(a->options.match), "--match", wanted, sizeof(wanted)));
	m.log = NULL;
	m.vcpus = a->options.vcpus ? (unsigned)a->options.vcpus : MATCH_VCPUS;
	TRY(launch_snp_match(&m, BYTES_OF(wanted), &found));
	if (json) {
		struct json_writer w = jw_of(&out);
		jw_object(&w);
		jw_kstr(&w, "cpu-model", found.cpu_model);
		jw_ku64(&w, "vcpus", found.vcpus);
		jw_ku64(&w, "guest-features", found.guest_features);
		jw_object_end(&w);
		buf_puts(&out, "\n");
	} else {
		buf_printf(&out, "cpu-model %s, vcpus %u, guest-features 0x%" PRIx64 "\n",
			found.cpu_model, found.vcpus, found.guest_features);
	}
	TRY(buf_end(&out, "output"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(&out));
}

RESULT measure_snp_run(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(amd_done)
	struct amd a = { .options = *(const struct measure_options *)options,
		.doc = { .platform = "snp" } };
	const struct measure_options *o = &a.options;
	struct digest_value d = { 0 };

	(void)ret_exit;
	TRY(read_inputs(&a));
	TRY(note_append(&a));
	TRY(read_cpu(&a, o));
	TRY(read_firmware_digest(&a, o));
	TRY(read_svsm(&a, o));
	if (o->match)
		return print_match(&a, args->json);
	TRY(measure_add_text(
		&a.doc, "guest-features", o->guest_features ? o->guest_features : "0x1"));
	TRY(launch_snp_digest(&a.machine, &d));
	TRY(measure_add_value(&a.doc, "measurement", &d));
	TRY(measure_bind_initdata(&a.doc, o, "host_data", 32));
	return measure_print(&a.doc, args->json);
}

/* Without encrypted registers processors are not measured. */
static RESULT print_sev(const struct measure_options *options, bool es, bool json)
{
	AUTO(amd_done)
	struct amd a = { .options = *options, .doc = { .platform = es ? "sev-es" : "sev" } };
	struct digest_value d = { 0 };

	TRY(read_inputs(&a));
	TRY(append_initdata(&a, &a.options));
	TRY(note_append(&a));
	if (es)
		TRY(read_cpu(&a, &a.options));
	TRY(es ? launch_sev_es_digest(&a.machine, &d) : launch_sev_digest(&a.machine, &d));
	TRY(measure_add_value(&a.doc, "launch_digest", &d));
	return measure_print(&a.doc, json);
}

RESULT measure_sev_es_run(const void *options, const struct cli_args *args, int *ret_exit)
{
	(void)ret_exit;
	return print_sev(options, true, args->json);
}

RESULT measure_sev_run(const void *options, const struct cli_args *args, int *ret_exit)
{
	(void)ret_exit;
	return print_sev(options, false, args->json);
}
