#include <stdio.h>

#include <measured-boot/cmdline.h>
#include <measured-boot/guest_manifest.h>
#include <measured-boot/launch.h>
#include <measured-boot/se_image.h>
#include <measured-boot/td_boot.h>
#include <measured-boot/vtpm_boot.h>

enum {
	LABEL_MAX = 128
};

static const struct {
	const char *text;
	bool debug;
} cmdlines[] = {
	{ LINUX_CMDLINE_DEFAULT, false },
	{ LINUX_CMDLINE_DEBUG, true },
};

static RESULT add_value(struct manifest *m, const char *id, const char *label, bool debug,
	const struct digest_value *d)
{
	const struct manifest_entry e = {
		.id = id, .text = label, .debug = debug, .v = digest_bytes(d)
	};

	return manifest_add_value(m, &e);
}

/* ---- inputs ---- */

static RESULT add_input(
	struct manifest *m, const char *id, const char *text, bool debug, struct bytes data)
{
	struct digest_value d;

	TRY(digest(DIGEST_SHA256, data, &d));
	const struct manifest_entry e = {
		.id = id, .text = text, .debug = debug, .v = digest_bytes(&d)
	};
	return manifest_add_input(m, &e);
}

/* The command line of a Secure Execution image is inside of it. */
static RESULT add_cmdlines(const struct guest_manifest_inputs *in, struct manifest *m)
{
	if (in->boot->firmware.n == 0 && in->snp_firmware.n == 0 && in->tdx_firmware.n == 0)
		return OK;
	for (size_t i = 0; i < ARRAY_LEN(cmdlines); i++)
		TRY(add_input(m, "cmdline", cmdlines[i].text, cmdlines[i].debug,
			bytes_str(cmdlines[i].text)));
	return OK;
}

static RESULT add_inputs(const struct guest_manifest_inputs *in, struct manifest *m)
{
	const struct boot_reference_inputs *boot = in->boot;

	if (boot->firmware.n > 0) {
		TRY(add_input(m, "machine", QEMU_MACHINE, false, bytes_str(QEMU_MACHINE)));
		TRY(add_input(m, "firmware", boot->firmware_version, false, boot->firmware));
	}
	if (in->snp_firmware.n > 0)
		TRY(add_input(m, "snp-firmware", NULL, false, in->snp_firmware));
	if (in->tdx_firmware.n > 0)
		TRY(add_input(m, "tdx-firmware", NULL, false, in->tdx_firmware));
	if (in->se_image.n > 0)
		TRY(add_input(m, "se-image", NULL, false, in->se_image));
	TRY(add_input(m, "kernel", boot->kernel_version, false, boot->kernel));
	TRY(add_input(m, "initrd", NULL, false, boot->initrd));
	return add_cmdlines(in, m);
}

/* ---- platform vtpm ---- */

static RESULT add_firmware_events(const struct boot_reference_values *v, struct manifest *m)
{
	char label[LABEL_MAX];

	TRY(add_value(m, "vtpm.crtm", "without a version", false, &v->crtm));
	if (v->crtm_version.n > 0)
		TRY(add_value(m, "vtpm.crtm", "with its version", false, &v->crtm_version));
	TRY(add_value(m, "vtpm.firmware", "DXE volume", false, &v->dxe));
	TRY(add_value(m, "vtpm.firmware", "PEI volume, untouched", false, &v->pei));
	if (v->pei_timer.n > 0)
		TRY(add_value(m, "vtpm.firmware", "PEI volume, with timer", false, &v->pei_timer));
	for (size_t i = 0; i < v->n_machines; i++) {
		(void)snprintf(label, sizeof(label), "PEI volume, %u vCPU%s", v->machines[i].cpus,
			v->machines[i].cpus > 1 ? "s" : "");
		TRY(add_value(m, "vtpm.firmware", label, false, &v->machines[i].pei));
	}
	return OK;
}

static RESULT add_events(const struct guest_manifest_inputs *in, struct manifest *m)
{
	struct boot_reference_values v = { 0 };

	TRY(boot_reference_compute(in->boot, &v));
	TRY(add_firmware_events(&v, m));
	TRY(add_value(m, "vtpm.kernel", NULL, false, &v.kernel));
	for (size_t i = 0; i < v.n_cmdlines; i++)
		TRY(add_value(m, "vtpm.cmdline", v.cmdlines[i].name,
			!str_equal(v.cmdlines[i].name, "default"), &v.cmdlines[i].digest));
	return add_value(m, "vtpm.initrd", NULL, false, &v.initrd);
}

/* PCR 0 is the one that the number of processors may change. */
static RESULT add_pcrs(const struct vtpm_boot *b, unsigned cpus, bool debug, struct manifest *m)
{
	char id[32], label[LABEL_MAX];

	for (unsigned pcr = 0; pcr < VTPM_BOOT_PCRS; pcr++) {
		bool by_cpus = pcr == 0;
		if (b->pcr[pcr].n == 0 || pcr == 8 || (pcr == 1 && !b->has_pcr1))
			continue;
		(void)snprintf(id, sizeof(id), "vtpm.pcr%u", pcr);
		(void)snprintf(label, sizeof(label), "%u vCPU%s", cpus, cpus > 1 ? "s" : "");
		TRY(add_value(m, id, by_cpus ? label : NULL, debug, &b->pcr[pcr]));
	}
	return OK;
}

static RESULT predict(const struct guest_manifest_inputs *in, unsigned cpus, const char *append,
	struct vtpm_boot *ret)
{
	const struct vtpm_boot_inputs boot = {
		.firmware = in->boot->firmware,
		.kernel = in->boot->kernel,
		.initrd = in->boot->initrd,
		.append = append,
		.memory_mib = MACHINE_MEMORY_MIN_MIB,
		.cpus = cpus,
		.alg = DIGEST_SHA256,
	};

	return vtpm_boot_predict(&boot, ret);
}

static RESULT add_vtpm(const struct guest_manifest_inputs *in, struct manifest *m)
{
	struct vtpm_boot boot;

	if (in->boot->firmware.n == 0)
		return OK;
	TRY(add_events(in, m));
	for (unsigned cpus = 1; cpus <= in->cpus && cpus <= MACHINE_CPUS_MAX; cpus++) {
		/* Of a firmware that is not known so well, the events alone are. */
		struct err e = predict(in, cpus, cmdlines[0].text, &boot);
		if (e.code == ERR_UNSUPPORTED)
			return OK;
		TRY(e);
		TRY(add_pcrs(&boot, cpus, false, m));
	}
	for (size_t i = 1; i < ARRAY_LEN(cmdlines); i++) {
		TRY(predict(in, 1, cmdlines[i].text, &boot));
		TRY(add_pcrs(&boot, 1, cmdlines[i].debug, m));
	}
	return OK;
}

/* ---- SEV-SNP ---- */

/* Those of QEMU that name different processors with SNP. */
static const char *const snp_models[] = { "EPYC-v4", "EPYC-Milan", "EPYC-Genoa", "EPYC-Turin" };

/* KVM turns on that debug registers are swapped (bit 5) in some versions of Linux, not in others.
 */
static const uint64_t snp_features[] = { 0x1, 0x21 };

struct snp_variant {
	const char *model;
	uint64_t features;
	size_t cmdline;
	struct bytes firmware_digest;
};

static RESULT add_snp_variant(
	const struct guest_manifest_inputs *in, const struct snp_variant *v, struct manifest *m)
{
	const struct launch_kernel kernel = { .kernel = in->boot->kernel,
		.initrd = in->boot->initrd,
		.append = cmdlines[v->cmdline].text };
	struct launch_machine machine = { .vmm = LAUNCH_QEMU,
		.firmware = in->snp_firmware,
		.firmware_digest = v->firmware_digest,
		.kernel = &kernel,
		.guest_features = v->features };
	struct digest_value d;
	char label[LABEL_MAX];

	TRY(launch_cpu_signature_by_name(v->model, &machine.cpu_signature));
	for (unsigned cpus = 1; cpus <= in->cpus; cpus++) {
		machine.vcpus = cpus;
		TRY(launch_snp_digest(&machine, &d));
		(void)snprintf(label, sizeof(label), "%u vCPU%s, %s, features 0x%llx", cpus,
			cpus > 1 ? "s" : "", v->model, (unsigned long long)v->features);
		TRY(add_value(m, "snp_launch_measurement", label, cmdlines[v->cmdline].debug, &d));
	}
	return OK;
}

static RESULT add_snp_model(
	const struct guest_manifest_inputs *in, const struct snp_variant *of, struct manifest *m)
{
	struct snp_variant v = *of;

	if (in->guest_features) {
		v.features = in->guest_features;
		return add_snp_variant(in, &v, m);
	}
	for (size_t i = 0; i < ARRAY_LEN(snp_features); i++) {
		v.features = snp_features[i];
		TRY(add_snp_variant(in, &v, m));
	}
	return OK;
}

static RESULT add_snp(const struct guest_manifest_inputs *in, struct manifest *m)
{
	bool own = in->cpu_models.n > 0;
	size_t n = own ? in->cpu_models.n : ARRAY_LEN(snp_models);
	struct digest_value firmware;
	struct snp_variant v = { 0 };

	if (in->snp_firmware.n == 0)
		return OK;
	/* The firmware's pages come first in every launch: hashed once. */
	TRY(launch_snp_firmware_digest(in->snp_firmware, &firmware));
	v.firmware_digest = digest_bytes(&firmware);
	for (v.cmdline = 0; v.cmdline < ARRAY_LEN(cmdlines); v.cmdline++)
		for (size_t i = 0; i < n; i++) {
			v.model = own ? in->cpu_models.v[i] : snp_models[i];
			TRY(add_snp_model(in, &v, m));
		}
	return OK;
}

/* ---- TDX ---- */

/* Of RTMR 0 and 3 nothing follows from the image. A register that cannot be determined stays out.
 */
static RESULT add_rtmrs(
	const struct guest_manifest_inputs *in, size_t cmdline, bool patched, struct manifest *m)
{
	AUTO(td_boot_done) struct td_boot boot = { 0 };
	const struct td_boot_inputs inputs = { .firmware = in->tdx_firmware,
		.memory = { .size = (uint64_t)MACHINE_MEMORY_MIN_MIB << 20,
			.max_below_4g = (uint64_t)MACHINE_MEMORY_MIN_MIB << 20 },
		.kernel = in->boot->kernel,
		.kernel_patched = patched,
		.initrd = in->boot->initrd,
		.append = cmdlines[cmdline].text };
	bool debug = cmdlines[cmdline].debug;

	TRY(td_boot_predict(&inputs, &boot));
	if (boot.rtmr[1].n > 0)
		TRY(add_value(m, "rtmr_1", patched ? "QEMU before 10.2" : "QEMU 10.2 and later",
			debug, &boot.rtmr[1]));
	if (boot.rtmr[2].n > 0)
		TRY(add_value(m, "rtmr_2", NULL, debug, &boot.rtmr[2]));
	return OK;
}

static RESULT add_tdx(const struct guest_manifest_inputs *in, struct manifest *m)
{
	struct digest_value d;

	if (in->tdx_firmware.n == 0)
		return OK;
	TRY(mrtd_digest(in->tdx_firmware, MRTD_SINGLE_PASS, &d));
	TRY(add_value(m, "mr_td", "Linux 6.16, QEMU 10.1 and later", false, &d));
	TRY(mrtd_digest(in->tdx_firmware, MRTD_TWO_PASS, &d));
	TRY(add_value(m, "mr_td", "the kernels and QEMUs before", false, &d));
	for (size_t c = 0; c < ARRAY_LEN(cmdlines); c++) {
		TRY(add_rtmrs(in, c, true, m));
		TRY(add_rtmrs(in, c, false, m));
	}
	return OK;
}

/* ---- Secure Execution ---- */

static RESULT add_bytes(struct manifest *m, const char *id, struct bytes v)
{
	const struct manifest_entry e = { .id = id, .v = v };

	return manifest_add_value(m, &e);
}

/* The image has its command line inside. Any of its hosts may run and attest it. */
static RESULT add_se(const struct guest_manifest_inputs *in, struct manifest *m)
{
	struct se_image_measurement s;

	if (in->se_image.n == 0)
		return OK;
	TRY(se_image_measure(in->se_image, &s));
	TRY(add_bytes(m, "se_tag", BYTES_OF(s.tag)));
	TRY(add_bytes(m, "se_pld", BYTES_OF(s.pld)));
	TRY(add_bytes(m, "se_ald", BYTES_OF(s.ald)));
	TRY(add_bytes(m, "se_tld", BYTES_OF(s.tld)));
	for (size_t i = 0; i < s.n_phkh; i++) {
		TRY(add_bytes(m, "se_image_phkh", BYTES_OF(s.phkh[i])));
		TRY(add_bytes(m, "se_attestation_phkh", BYTES_OF(s.phkh[i])));
	}
	return OK;
}

static RESULT of_platform(struct err e, const char *platform)
{
	return failed(e) ? err_add(e, "platform %s", platform) : OK;
}

RESULT guest_manifest_make(const struct guest_manifest_inputs *in, struct manifest *ret_manifest)
{
	AUTO(ref_manifest_done) struct manifest m = { .version = in->version };

	TRY(str_dup(in->name, &m.name));
	TRY(add_inputs(in, &m));
	TRY(of_platform(add_vtpm(in, &m), "vtpm"));
	TRY(of_platform(add_snp(in, &m), "snp"));
	TRY(of_platform(add_tdx(in, &m), "tdx"));
	TRY(of_platform(add_se(in, &m), "se"));
	TRY(manifest_check(&m));
	*ret_manifest = m;
	m = (struct manifest){ 0 };
	return OK;
}
