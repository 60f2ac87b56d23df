#include <measured-boot/authenticode.h>
#include <measured-boot/cmdline.h>
#include <measured-boot/linux_boot.h>
#include <measured-boot/machine.h>
#include <measured-boot/ovmf.h>
#include <measured-boot/pcr_predict.h>
#include <measured-boot/reference.h>
#include <tee/eventlog.h>

static const enum digest_alg bank = DIGEST_SHA256;

static const struct {
	const char *name, *text;
} cmdlines[] = {
#define X(name, text) { name, text },
	LINUX_CMDLINES(X)
#undef X
};

static const struct digest_value pcr_start = { .alg = DIGEST_SHA256, .n = DIGEST_SHA256_SIZE };

static RESULT extend_separator(struct digest_value *pcr)
{
	static const uint8_t zero[4];
	struct digest_value event = { 0 };

	TRY(digest(bank, BYTES_OF(zero), &event));
	return pcr_extend(pcr, digest_bytes(&event));
}

static RESULT compute_kernel(
	const struct boot_reference_inputs *in, struct boot_reference_values *v)
{
	AUTO(buf_done) struct buf patched = BUF_INIT(LINUX_KERNEL_MAX);

	TRY(linux_qemu_kernel(in->kernel, MACHINE_MEMORY_MIN_MIB, in->initrd.n, &patched));
	TRY(authenticode_digest(buf_bytes(&patched), bank, &v->kernel));
	return pcr4_predict(PCR_BOOT_DIRECT, &v->kernel, 1, &v->pcr4);
}

/* The EFI stub measures its options, then the initrd; nothing else goes to PCR 9. */
static RESULT compute_cmdlines(struct boot_reference_values *v)
{
	for (size_t i = 0; i < ARRAY_LEN(cmdlines); i++) {
		struct boot_reference_cmdline *c = &v->cmdlines[i];
		c->name = cmdlines[i].name;
		c->text = cmdlines[i].text;
		TRY(linux_cmdline_digest(c->text, bank, &c->digest));
		TRY(pcr9_predict(&c->digest, &v->initrd, &c->pcr9));
	}
	v->n_cmdlines = ARRAY_LEN(cmdlines);
	return OK;
}

static RESULT pcr0(const struct boot_reference_values *v, const struct digest_value *pei,
	struct digest_value *ret)
{
	struct digest_value pcr = pcr_start;

	TRY(pcr_extend(&pcr, digest_bytes(&v->crtm)));
	TRY(pcr_extend(&pcr, digest_bytes(pei)));
	TRY(pcr_extend(&pcr, digest_bytes(&v->dxe)));
	TRY(extend_separator(&pcr));
	*ret = pcr;
	return OK;
}

static RESULT compute_machines(const struct ovmf_volumes *volumes, struct boot_reference_values *v)
{
	for (unsigned cpus = 1; cpus <= MACHINE_CPUS_MAX; cpus++) {
		struct boot_reference_machine *m = &v->machines[cpus - 1];
		struct err e = ovmf_pei_digest(volumes, cpus, bank, &m->pei);
		if (e.code == ERR_UNSUPPORTED)
			return OK;
		TRY(e);
		m->cpus = cpus;
		TRY(pcr0(v, &m->pei, &m->pcr0));
		v->n_machines = cpus;
	}
	return OK;
}

static RESULT compute_firmware(
	const struct boot_reference_inputs *in, struct boot_reference_values *v)
{
	AUTO(ovmf_volumes_done) struct ovmf_volumes volumes = { 0 };

	TRY(ovmf_crtm_digest("", bank, &v->crtm));
	if (in->firmware_version)
		TRY(ovmf_crtm_digest(in->firmware_version, bank, &v->crtm_version));
	TRY(ovmf_volumes_read(in->firmware, &volumes));
	TRY(digest(bank, volumes.dxe, &v->dxe));
	TRY(ovmf_pei_digest(&volumes, OVMF_CPUS_UNTOUCHED, bank, &v->pei));
	struct err e = ovmf_pei_digest(&volumes, OVMF_CPUS_TIMER_ONLY, bank, &v->pei_timer);
	if (failed(e) && e.code != ERR_UNSUPPORTED)
		return e;
	return compute_machines(&volumes, v);
}

RESULT boot_reference_compute(
	const struct boot_reference_inputs *in, struct boot_reference_values *ret_values)
{
	struct boot_reference_values v = { 0 };

	TRY(compute_firmware(in, &v));
	TRY(digest(bank, in->initrd, &v.initrd));
	TRY(compute_kernel(in, &v));
	TRY(compute_cmdlines(&v));
	*ret_values = v;
	return OK;
}
