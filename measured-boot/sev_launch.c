/* SEV and SEV-ES: one digest over everything that is loaded. (SEV API 0.24, 6.2 to 6.5) */
#include "launch_kernel.h"
#include "vmsa.h"

/* Adds to the digest, and tells of it. */
static RESULT add(
	struct digest_ctx *c, const struct launch_log *log, struct launch_step s, struct bytes data)
{
	TRY(digest_update(c, data));
	if (!log)
		return OK;
	s.type = "";
	s.size = data.n;
	TRY(digest(DIGEST_SHA256, data, &s.contents));
	return log->step(log->arg, &s);
}

static RESULT add_images(
	struct digest_ctx *c, const struct launch_machine *m, const struct ovmf_table *t)
{
	uint8_t hashes[KERNEL_HASHES_SIZE];

	if (m->firmware.n > OVMF_CODE_MAX)
		return err_new(ERR_LIMIT, "firmware: more than %d bytes", OVMF_CODE_MAX);
	if (m->firmware.n == 0 || m->firmware.n % LAUNCH_PAGE != 0)
		return err_new(
			ERR_FORMAT, "firmware: %zu bytes are not whole pages", m->firmware.n);
	if (m->svsm || m->firmware_digest.n > 0)
		return err_new(ERR_USAGE, "an SVSM or a firmware's digest: of SNP only");
	TRY(add(c, m->log,
		(struct launch_step){ .what = "firmware",
			.input = "firmware",
			.gpa = (UINT64_C(1) << 32) - m->firmware.n },
		m->firmware));
	if (!m->kernel)
		return OK;
	/* Such a firmware would start any kernel. */
	if (t->hashes.size < KERNEL_HASHES_SIZE)
		return err_new(ERR_UNSUPPORTED,
			"firmware: does not measure a kernel, it has no table for its digests");
	TRY(launch_kernel_hashes(m->kernel, hashes));
	return add(c, m->log,
		(struct launch_step){ .what = "SEV hash table",
			.input = "kernel, initrd, append",
			.gpa = t->hashes.gpa },
		BYTES_OF(hashes));
}

static RESULT add_processors(
	struct digest_ctx *c, const struct launch_machine *m, const struct ovmf_table *t)
{
	uint8_t page[LAUNCH_PAGE];

	if (m->vcpus == 0 || m->vcpus > LAUNCH_VCPUS_MAX)
		return err_new(ERR_USAGE, "%u processors", m->vcpus);
	if (m->vcpus > 1 && !t->has_reset_eip)
		return err_new(ERR_UNSUPPORTED,
			"firmware: no SEV-ES reset block, so it runs one processor only");
	for (unsigned cpu = 0; cpu < m->vcpus; cpu++) {
		struct vmsa v = { .vmm = m->vmm,
			.eip = cpu > 0 ? t->reset_eip : VMSA_RESET_EIP,
			.signature = m->cpu_signature };
		vmsa_make(&v, page);
		TRY(add(c, m->log,
			(struct launch_step){
				.what = cpu > 0 ? "further processor" : "first processor",
				.input = "vcpus, cpu-model, vmm" },
			BYTES_OF(page)));
	}
	return OK;
}

static RESULT compute(const struct launch_machine *m, bool es, struct digest_value *ret_digest)
{
	AUTO(digest_freep) struct digest_ctx *c = NULL;
	struct ovmf_table t = { 0 };

	TRY(ovmf_table_parse(m->firmware, &t));
	TRY(digest_new(DIGEST_SHA256, &c));
	TRY(add_images(c, m, &t));
	if (es)
		TRY(add_processors(c, m, &t));
	return digest_final(c, ret_digest);
}

RESULT launch_sev_es_digest(const struct launch_machine *m, struct digest_value *ret_digest)
{
	return compute(m, true, ret_digest);
}

RESULT launch_sev_digest(const struct launch_machine *m, struct digest_value *ret_digest)
{
	return compute(m, false, ret_digest);
}
