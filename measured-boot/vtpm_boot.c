#include "ovmf_menu.h"
#include "secure_boot.h"

#include <measured-boot/authenticode.h>
#include <measured-boot/linux_boot.h>
#include <measured-boot/machine.h>
#include <measured-boot/ovmf.h>
#include <measured-boot/vtpm_boot.h>
#include <tee/eventlog.h>
#include <tee/tee.h>

enum {
	PCR_INITDATA = 8
};

/* What a test of the volume's own kind of OVMF tells apart, see ovmf_pei_digest(). */
static const char firmware_only[] = "firmware", firmware_cpus[] = "firmware, vcpus";

struct maker {
	const struct vtpm_boot_inputs *in;
	struct vtpm_boot boot;
};

struct place { /* of an event */
	uint32_t pcr, type;
	const char *what, *input;
};

static RESULT add(struct maker *m, struct place p, const struct digest_value *d)
{
	struct vtpm_boot *b = &m->boot;

	if (b->n_events == ARRAY_LEN(b->events))
		return err_new(ERR_LIMIT, "events of a boot");
	TRY(pcr_extend(&b->pcr[p.pcr], digest_bytes(d)));
	b->events[b->n_events++] = (struct vtpm_boot_event){ .pcr = p.pcr,
		.type = p.type,
		.digest = *d,
		.after = b->pcr[p.pcr],
		.what = p.what,
		.input = p.input };
	return OK;
}

static RESULT add_data(struct maker *m, struct place p, struct bytes data)
{
	struct digest_value d = { 0 };

	TRY(digest(m->in->alg, data, &d));
	return add(m, p, &d);
}

static RESULT add_action(struct maker *m, uint32_t pcr, const char *text)
{
	return add_data(m, (struct place){ pcr, EV_EFI_ACTION, text, "" }, bytes_str(text));
}

static RESULT add_separator(struct maker *m, uint32_t pcr)
{
	static const uint8_t zero[4];

	return add_data(m, (struct place){ pcr, EV_SEPARATOR, "separator", "" }, BYTES_OF(zero));
}

/* Each OVMF writes into its PEI volume, or not, as it was built: the first that has the place. */
static RESULT pei_digest(const struct maker *m, const struct ovmf_volumes *v,
	struct digest_value *ret, const char **input)
{
	*input = firmware_cpus;
	struct err e = ovmf_pei_digest(v, m->in->cpus, m->in->alg, ret);
	if (e.code != ERR_UNSUPPORTED)
		return e;
	*input = firmware_only;
	e = ovmf_pei_digest(v, OVMF_CPUS_TIMER_ONLY, m->in->alg, ret);
	if (e.code != ERR_UNSUPPORTED)
		return e;
	return ovmf_pei_digest(v, OVMF_CPUS_UNTOUCHED, m->in->alg, ret);
}

static RESULT add_firmware(struct maker *m, const struct ovmf_volumes *v)
{
	const char *version = m->in->firmware_version ? m->in->firmware_version : "";
	const char *input = NULL;
	struct digest_value d = { 0 };

	TRY(ovmf_crtm_digest(version, m->in->alg, &d));
	TRY(add(m, (struct place){ 0, EV_S_CRTM_VERSION, "firmware version", firmware_only }, &d));
	TRY(pei_digest(m, v, &d, &input));
	TRY(add(m, (struct place){ 0, EV_EFI_PLATFORM_FIRMWARE_BLOB, "PEI volume", input }, &d));
	return add_data(m,
		(struct place){ 0, EV_EFI_PLATFORM_FIRMWARE_BLOB, "DXE volume", firmware_only },
		v->dxe);
}

/* Without keys Secure Boot is off and every database empty. PCR 7 gets the digest of the whole. */
static RESULT add_secure_boots(struct maker *m)
{
	static const uint8_t off[] = { 0 };

	for (size_t i = 0; i < SECURE_BOOT_VARIABLES; i++) {
		AUTO(buf_done) struct buf data = BUF_INIT(SECURE_BOOT_DATA_MAX);
		const struct place p = { 7, EV_EFI_VARIABLE_DRIVER_CONFIG, secure_boot_name(i),
			"" };
		TRY(secure_boot_data(i, i == 0 ? BYTES_OF(off) : BYTES_NONE, &data));
		TRY(add_data(m, p, buf_bytes(&data)));
	}
	return add_separator(m, 7);
}

static RESULT add_kernel(struct maker *m)
{
	AUTO(buf_done) struct buf patched = BUF_INIT(LINUX_KERNEL_MAX);
	struct digest_value d = { 0 };

	TRY(linux_qemu_kernel(m->in->kernel, MACHINE_MEMORY_MIN_MIB, m->in->initrd.n, &patched));
	TRY(authenticode_digest(buf_bytes(&patched), m->in->alg, &d));
	return add(m,
		(struct place){ 4, EV_EFI_BOOT_SERVICES_APPLICATION,
			"kernel as QEMU loads it (Authenticode)", "kernel, size of initrd" },
		&d);
}

/* Of boot variables the value alone is hashed. An empty store holds one option: OVMF's menu. */
static RESULT add_boot_variables(struct maker *m, const struct ovmf_volumes *v)
{
	static const uint8_t order[] = { 0, 0 };
	AUTO(buf_done) struct buf option = BUF_INIT(OVMF_BOOT_OPTION_MAX);

	struct err e = ovmf_menu_option(v->dxe, &option);
	if (e.code == ERR_NOT_FOUND)
		return OK;
	TRY(e);
	m->boot.has_pcr1 = true;
	TRY(add_data(
		m, (struct place){ 1, EV_EFI_VARIABLE_BOOT, "BootOrder", "" }, BYTES_OF(order)));
	return add_data(m, (struct place){ 1, EV_EFI_VARIABLE_BOOT, "Boot0000", firmware_only },
		buf_bytes(&option));
}

static RESULT add_stub(struct maker *m)
{
	struct digest_value d = { 0 };

	/* The name of the initrd is added by whoever loads it. */
	if (m->in->initrd.n > 0)
		TRY(linux_cmdline_digest(m->in->append, m->in->alg, &d));
	else
		TRY(linux_load_options_digest(m->in->append, m->in->alg, &d));
	TRY(add(m, (struct place){ 9, EV_EVENT_TAG, "command line", "append" }, &d));
	if (m->in->initrd.n == 0)
		return OK;
	return add_data(m, (struct place){ 9, EV_EVENT_TAG, "initrd", "initrd" }, m->in->initrd);
}

/* No firmware's event: the agent extends it before anything else. */
static RESULT add_initdata(struct maker *m)
{
	struct digest_value d = { .alg = m->in->alg, .n = digest_size(m->in->alg) };

	if (m->in->initdata_digest.n == 0)
		return OK;
	tee_fit_digest(m->in->initdata_digest, d.v, d.n);
	return add(m,
		(struct place){ PCR_INITDATA, EV_NO_ACTION, "initdata, by the agent", "initdata" },
		&d);
}

static RESULT add_all(struct maker *m, const struct ovmf_volumes *v)
{
	TRY(add_firmware(m, v));
	TRY(add_secure_boots(m));
	TRY(add_kernel(m));
	TRY(add_boot_variables(m, v));
	TRY(add_action(m, 4, "Calling EFI Application from Boot Option"));
	for (uint32_t pcr = 0; pcr < 7; pcr++)
		TRY(add_separator(m, pcr));
	TRY(add_stub(m));
	TRY(add_action(m, 5, "Exit Boot Services Invocation"));
	TRY(add_action(m, 5, "Exit Boot Services Returned with Success"));
	return add_initdata(m);
}

static RESULT check_machine(const struct vtpm_boot_inputs *in)
{
	if (in->memory_mib < MACHINE_MEMORY_MIN_MIB)
		return err_new(ERR_USAGE, "memory of %llu MiB: from %d MiB on",
			(unsigned long long)in->memory_mib, MACHINE_MEMORY_MIN_MIB);
	if (in->cpus == 0 || in->cpus > MACHINE_CPUS_MAX)
		return err_new(ERR_USAGE, "%u processors: 1 to %d", in->cpus, MACHINE_CPUS_MAX);
	return OK;
}

RESULT vtpm_boot_predict(const struct vtpm_boot_inputs *in, struct vtpm_boot *ret_boot)
{
	AUTO(ovmf_volumes_done) struct ovmf_volumes volumes = { 0 };
	AUTO(auto_free) struct maker *m = calloc(1, sizeof(*m));

	if (!m)
		return err_new(ERR_NOMEM, "events of a boot");
	m->in = in;
	for (size_t i = 0; i < VTPM_BOOT_PCRS; i++)
		m->boot.pcr[i] = (struct digest_value){ .alg = in->alg, .n = digest_size(in->alg) };
	TRY(check_machine(in));
	TRY(ovmf_volumes_read(in->firmware, &volumes));
	TRY(add_all(m, &volumes));
	*ret_boot = m->boot;
	return OK;
}
