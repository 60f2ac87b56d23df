#include "launch_kernel.h"
#include "launch_names.h"
#include "snp_pages.h"
#include "vmsa.h"

static const uint64_t gib4 = UINT64_C(1) << 32;
/* Where KVM measures the pages with registers. */
static const uint64_t vmsa_gpa = 0xfffffffff000;
static const uint64_t features_tried[] = { 0x1, 0x21 };

static RESULT check_image(struct bytes image, const char *what)
{
	if (image.n == 0 || image.n % LAUNCH_PAGE != 0)
		return err_new(ERR_FORMAT, "%s: %zu bytes are not whole pages", what, image.n);
	if (image.n > OVMF_CODE_MAX)
		return err_new(ERR_LIMIT, "%s: more than %d bytes", what, OVMF_CODE_MAX);
	return OK;
}

static RESULT check_machine(const struct launch_machine *m)
{
	TRY(check_image(m->firmware, "firmware"));
	if (m->vcpus == 0 || m->vcpus > LAUNCH_VCPUS_MAX)
		return err_new(ERR_USAGE, "%u processors", m->vcpus);
	if (!m->svsm)
		return OK;
	TRY(check_image(m->svsm->image, "SVSM"));
	if (m->vmm != LAUNCH_QEMU || m->kernel)
		return err_new(ERR_USAGE, "an SVSM is started by QEMU, without a kernel");
	if (m->svsm->vars_size % LAUNCH_PAGE != 0 ||
		m->svsm->vars_size > gib4 - m->firmware.n - m->svsm->image.n)
		return err_new(ERR_USAGE, "variables of %llu bytes",
			(unsigned long long)m->svsm->vars_size);
	return OK;
}

/* The page in which the firmware looks for the digests of the kernel. */
static RESULT add_kernel(struct snp_pages *p, const struct ovmf_table *t,
	const struct ovmf_sev_section *s, const struct launch_kernel *k)
{
	uint8_t page[LAUNCH_PAGE] = { 0 };
	uint8_t hashes[KERNEL_HASHES_SIZE];
	size_t offset = t->hashes.gpa % LAUNCH_PAGE;

	if (t->hashes.size < KERNEL_HASHES_SIZE || offset > LAUNCH_PAGE - KERNEL_HASHES_SIZE ||
		t->hashes.gpa - offset != s->area.gpa || s->area.size != LAUNCH_PAGE)
		return err_new(ERR_FORMAT, "OVMF table: the SEV hash table is not in its section");
	TRY(launch_kernel_hashes(k, hashes));
	memcpy(page + offset, hashes, sizeof(hashes));
	snp_pages_name(p, "SEV hash table", "kernel, initrd, append");
	return snp_pages_data(p, SNP_PAGE_NORMAL, s->area.gpa, BYTES_OF(page));
}

static const char *section_name(uint32_t type)
{
	switch (type) {
	case OVMF_SEV_SECRETS:
		return "secrets page";
	case OVMF_SEV_CPUID:
		return "CPUID page";
	case OVMF_SEV_SVSM_CAA:
		return "SVSM calling area";
	case OVMF_SEV_KERNEL_HASHES:
		return "SEV hash table, none";
	default:
		return "firmware's memory";
	}
}

static RESULT add_section(struct snp_pages *p, const struct ovmf_table *t,
	const struct ovmf_sev_section *s, const struct launch_machine *m)
{
	uint64_t gpa = s->area.gpa;

	snp_pages_name(p, section_name(s->type), "firmware");
	switch (s->type) {
	case OVMF_SEV_MEMORY:
		return snp_pages_place(p,
			m->vmm == LAUNCH_GCE ? SNP_PAGE_UNMEASURED : SNP_PAGE_ZERO, gpa,
			s->area.size);
	case OVMF_SEV_SECRETS:
		return snp_pages_place(p, SNP_PAGE_SECRETS, gpa, LAUNCH_PAGE);
	case OVMF_SEV_CPUID:
		return snp_pages_place(p, SNP_PAGE_CPUID, gpa, LAUNCH_PAGE);
	case OVMF_SEV_SVSM_CAA:
		return snp_pages_place(p, SNP_PAGE_ZERO, gpa, s->area.size);
	case OVMF_SEV_KERNEL_HASHES:
		if (m->kernel)
			return add_kernel(p, t, s, m->kernel);
		return snp_pages_place(p, SNP_PAGE_ZERO, gpa, s->area.size);
	default:
		return err_new(ERR_UNSUPPORTED, "SEV metadata: a section of type %u", s->type);
	}
}

static RESULT check_sections(const struct ovmf_table *t, const struct launch_kernel *k)
{
	uint64_t pages = 0;
	bool has_hashes = false;

	if (t->n_sections == 0)
		return err_new(ERR_UNSUPPORTED, "firmware: not for SNP, it has no SEV metadata");
	for (size_t i = 0; i < t->n_sections; i++) {
		pages += t->sections[i].area.size / LAUNCH_PAGE;
		has_hashes = has_hashes || t->sections[i].type == OVMF_SEV_KERNEL_HASHES;
	}
	if (pages > LAUNCH_PAGES_MAX)
		return err_new(ERR_LIMIT, "SEV metadata: more than %d pages", LAUNCH_PAGES_MAX);
	/* Such a firmware would start any kernel. */
	if (k && !has_hashes)
		return err_new(ERR_UNSUPPORTED,
			"firmware: does not measure a kernel, it has no section for its digests");
	return OK;
}

static RESULT add_sections(
	struct snp_pages *p, const struct ovmf_table *t, const struct launch_machine *m)
{
	bool cpuid_last = m->vmm == LAUNCH_EC2 || m->vmm == LAUNCH_EC2_RDX_0;

	TRY(check_sections(t, m->kernel));
	for (size_t i = 0; i < t->n_sections; i++)
		if (!cpuid_last || t->sections[i].type != OVMF_SEV_CPUID)
			TRY(add_section(p, t, &t->sections[i], m));
	for (size_t i = 0; i < t->n_sections && cpuid_last; i++)
		if (t->sections[i].type == OVMF_SEV_CPUID)
			TRY(add_section(p, t, &t->sections[i], m));
	return OK;
}

/* Firmware, then what starts it. */
struct prepared {
	struct snp_pages pages;
	struct ovmf_table table; /* of what has the processors' entry: firmware, or SVSM */
	uint64_t svsm_gpa;
};

static void prepared_done(struct prepared *p)
{
	snp_pages_done(&p->pages);
}

static RESULT prepare(const struct launch_machine *m, struct prepared *p)
{
	uint64_t gpa = gib4 - m->firmware.n;

	TRY(snp_pages_init(&p->pages, m->firmware_digest));
	p->pages.log = m->log;
	snp_pages_name(&p->pages, "firmware", "firmware");
	if (m->firmware_digest.n == 0)
		TRY(snp_pages_data(&p->pages, SNP_PAGE_NORMAL, gpa, m->firmware));
	if (m->svsm) {
		p->svsm_gpa = gpa - m->svsm->vars_size - m->svsm->image.n;
		snp_pages_name(&p->pages, "SVSM", "svsm, vars-size");
		TRY(snp_pages_data(&p->pages, SNP_PAGE_NORMAL, p->svsm_gpa, m->svsm->image));
	}
	TRY(ovmf_table_parse(m->svsm ? m->svsm->image : m->firmware, &p->table));
	return add_sections(&p->pages, &p->table, m);
}

static RESULT first_instruction(
	const struct prepared *p, const struct launch_machine *m, unsigned cpu, uint32_t *ret_eip)
{
	if (m->svsm) {
		if (!p->table.has_svsm_entry)
			return err_new(ERR_UNSUPPORTED, "SVSM: no entry in its table");
		if (p->table.svsm_entry >= m->svsm->image.n)
			return err_new(ERR_FORMAT, "SVSM: its entry lies outside");
		*ret_eip = (uint32_t)(p->svsm_gpa + p->table.svsm_entry);
		return OK;
	}
	if (cpu > 0 && !p->table.has_reset_eip)
		return err_new(ERR_UNSUPPORTED,
			"firmware: no SEV-ES reset block, so it runs one processor only");
	*ret_eip = cpu > 0 ? p->table.reset_eip : VMSA_RESET_EIP;
	return OK;
}

static RESULT add_processor(
	struct prepared *p, const struct launch_machine *m, unsigned cpu, struct digest_value *ret)
{
	uint8_t page[LAUNCH_PAGE];
	struct vmsa v = { .vmm = m->vmm,
		.svsm = m->svsm,
		.signature = m->cpu_signature,
		.features = m->svsm ? 1 : m->guest_features };

	TRY(first_instruction(p, m, cpu, &v.eip));
	vmsa_make(&v, page);
	snp_pages_name(&p->pages, cpu > 0 ? "further processor" : "first processor",
		"vcpus, cpu-model, guest-features, vmm");
	TRY(snp_pages_data(&p->pages, SNP_PAGE_VMSA, vmsa_gpa, BYTES_OF(page)));
	*ret = p->pages.ld;
	return OK;
}

RESULT launch_snp_digest(const struct launch_machine *m, struct digest_value *ret_digest)
{
	AUTO(prepared_done) struct prepared p = { 0 };
	struct digest_value d = { 0 };

	TRY(check_machine(m));
	TRY(prepare(m, &p));
	for (unsigned cpu = 0; cpu < m->vcpus; cpu++)
		TRY(add_processor(&p, m, cpu, &d));
	*ret_digest = d;
	return OK;
}

RESULT launch_snp_firmware_digest(struct bytes firmware, struct digest_value *ret_digest)
{
	AUTO(snp_pages_done) struct snp_pages p = { 0 };

	TRY(check_image(firmware, "firmware"));
	TRY(snp_pages_init(&p, BYTES_NONE));
	TRY(snp_pages_data(&p, SNP_PAGE_NORMAL, gib4 - firmware.n, firmware));
	*ret_digest = p.ld;
	return OK;
}

/* One chain of processors passes all their numbers. */
static RESULT try_processors(struct prepared *p, const struct launch_machine *m,
	struct bytes wanted, unsigned *ret_vcpus)
{
	struct digest_value d = { 0 };

	for (unsigned cpu = 0; cpu < m->vcpus; cpu++) {
		if (cpu > 0 && !m->svsm && !p->table.has_reset_eip)
			break;
		TRY(add_processor(p, m, cpu, &d));
		if (!bytes_equal(digest_bytes(&d), wanted))
			continue;
		*ret_vcpus = cpu + 1;
		return OK;
	}
	*ret_vcpus = 0;
	return OK;
}

RESULT launch_snp_match(
	const struct launch_machine *m, struct bytes wanted, struct launch_match *ret_match)
{
	AUTO(prepared_done) struct prepared p = { 0 };

	TRY(check_machine(m));
	TRY(prepare(m, &p));
	const struct digest_value start = p.pages.ld;
	for (size_t i = 0; i < launch_cpus_n * ARRAY_LEN(features_tried); i++) {
		const struct launch_cpu *c = &launch_cpus[i / ARRAY_LEN(features_tried)];
		struct launch_machine one = *m;
		unsigned vcpus = 0;
		one.cpu_signature = launch_cpu_signature(c->family, c->model, c->stepping);
		one.guest_features = features_tried[i % ARRAY_LEN(features_tried)];
		p.pages.ld = start;
		TRY(try_processors(&p, &one, wanted, &vcpus));
		if (vcpus == 0)
			continue;
		*ret_match = (struct launch_match){
			.cpu_model = c->name, .vcpus = vcpus, .guest_features = one.guest_features
		};
		return OK;
	}
	return err_new(
		ERR_NOT_FOUND, "no CPU model with up to %u processors has this digest", m->vcpus);
}
