#include "runtime/host_probe.h"

#include "host_check.h"

#include <base/file.h>

const char *host_status_name(enum host_status s)
{
	static const char *const names[] = { [HOST_OK] = "ok",
		[HOST_WARN] = "warning",
		[HOST_BAD] = "missing",
		[HOST_SKIPPED] = "skipped" };

	return names[s];
}

bool host_checks_pass(const struct host_checks *c)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->v[i].status == HOST_BAD)
			return false;
	}
	return c->n > 0;
}

struct host_sev host_sev_of(const struct host_cpuid *id)
{
	return (struct host_sev){
		.sev = id->eax >> 1 & 1,
		.sev_es = id->eax >> 3 & 1,
		.snp = id->eax >> 4 & 1,
		.cbitpos = id->ebx & 0x3f,
		.reduced_phys_bits = id->ebx >> 6 & 0x3f,
		.guests = id->ecx,
		.first_sev_asid = id->edx,
	};
}

/* ---- what platforms need ---- */
static const struct host_need sev_need = {
	.module = "kvm_amd",
	.kernel = { 4, 16 },
	.qemu = { 6, 2 }, /* kernel-hashes */
	.object = "sev-guest",
	.cpu = host_cpu_sev,
	.cpu_fix = "AMD EPYC; in the firmware's setup: SMEE and SEV on",
	.parameter = "/sys/module/kvm_amd/parameters/sev",
	.parameter_fix = "modprobe kvm_amd sev=1 (options kvm_amd sev=1 in /etc/modprobe.d)",
	.device = "/dev/sev",
	.firmware = HOST_FIRMWARE_SEV,
	.firmware_fix = "edk2's OvmfPkg/AmdSev build: name it with --firmware",
};

static const struct host_need sev_es_need = {
	.module = "kvm_amd",
	.kernel = { 5, 11 },
	.qemu = { 6, 2 },
	.object = "sev-guest",
	.cpu = host_cpu_sev_es,
	.cpu_fix = "AMD EPYC 7002 or later; in the firmware's setup: SMEE, SEV-ES, and an SEV-ES "
		   "ASID space limit above 1",
	.parameter = "/sys/module/kvm_amd/parameters/sev_es",
	.parameter_fix = "modprobe kvm_amd sev=1 sev_es=1",
	.device = "/dev/sev",
	.firmware = HOST_FIRMWARE_SEV_ES,
	.firmware_fix = "edk2's OvmfPkg/AmdSev build: name it with --firmware",
};

static const struct host_need snp_need = {
	.module = "kvm_amd",
	.kernel = { 6, 11 },
	.qemu = { 9, 1 },
	.object = "sev-snp-guest",
	.cpu = host_cpu_snp,
	.cpu_fix = "AMD EPYC 7003 or later; in the firmware's setup: SMEE, SEV-SNP, SNP memory "
		   "coverage, IOMMU, and an SEV-ES ASID space limit above 1",
	.parameter = "/sys/module/kvm_amd/parameters/sev_snp",
	.parameter_fix = "modprobe kvm_amd sev_snp=1; the IOMMU must be on and not in passthrough "
			 "mode (kernel log: 'SEV-SNP')",
	.device = "/dev/sev",
	.firmware = HOST_FIRMWARE_SNP,
	.firmware_fix = "edk2's OvmfPkg/AmdSev build: name it with --firmware",
};

static const struct host_need tdx_need = {
	.module = "kvm_intel",
	.kernel = { 6, 16 },
	.qemu = { 10, 1 },
	.object = "tdx-guest",
	.cpu = host_cpu_tdx,
	.cpu_fix =
		"Intel Xeon of the 5th generation or later; in the firmware's setup: TME-MT, TDX, "
		"SEAM loader",
	.parameter = "/sys/module/kvm_intel/parameters/tdx",
	.parameter_fix = "modprobe kvm_intel tdx=1 (kernel with CONFIG_KVM_INTEL_TDX; kernel log: "
			 "'virt/tdx')",
	.firmware = HOST_FIRMWARE_TDX,
	.firmware_fix = "edk2's OvmfPkg/IntelTdx build: name it with --firmware",
	.quotes = true,
};

static const struct host_need se_need = {
	.module = "kvm",
	.kernel = { 5, 7 },
	.qemu = { 6, 0 },
	.object = "s390-pv-guest",
	.cpu = host_cpu_se,
	.cpu_fix = "IBM z15 or LinuxONE III or later, with the Secure Execution feature",
	.parameter = "/sys/firmware/uv/prot_virt_host",
	.parameter_fix = "prot_virt=1 on the host's kernel command line",
};

static const struct host_need vtpm_need = {
	.module = "kvm",
	.qemu = { 7, 0 },
	.cpu = host_cpu_any,
	.soft = true,
	.firmware = HOST_FIRMWARE_ANY,
	.firmware_fix = "install ovmf, or name an OVMF_CODE image with --firmware",
	.program = "swtpm",
};

static const struct host_need none_need = {
	.module = "kvm",
	.qemu = { 7, 0 },
	.cpu = host_cpu_any,
	.soft = true,
};

static const struct {
	const struct vm_platform *platform;
	const struct host_need *need;
} needs[] = {
	{ &vm_tdx, &tdx_need },
	{ &vm_snp, &snp_need },
	{ &vm_sev, &sev_need },
	{ &vm_sev_es, &sev_es_need },
	{ &vm_se, &se_need },
	{ &vm_vtpm, &vtpm_need },
	{ &vm_none, &none_need },
};

void host_probe(
	const struct host_facts *f, const struct host_question *q, struct host_checks *ret_checks)
{
	*ret_checks = (struct host_checks){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
		if (needs[i].platform == q->platform)
			host_check_all(f, q, needs[i].need, ret_checks);
	}
}

RESULT host_require(const struct host_facts *f, const struct host_question *q)
{
	struct host_checks checks;
	const struct host_check *first = NULL;
	size_t bad = 0;

	host_probe(f, q, &checks);
	for (size_t i = 0; i < checks.n; i++) {
		if (checks.v[i].status != HOST_BAD)
			continue;
		if (bad++ == 0)
			first = &checks.v[i];
	}
	if (!first)
		return OK;
	return err_new(ERR_UNSUPPORTED,
		"platform %s cannot start on this host: %s: %s. To do: %s. (%zu of %zu checks "
		"fail; "
		"all of them: sealpod doctor --platform %s)",
		q->platform->name, first->what, first->found, first->fix, bad, checks.n,
		q->platform->name);
}

const char *host_quote_socket(const char *root)
{
	static const char usual[] = "unix:///var/run/tdx-qgs/qgs.socket";
	AUTO(auto_free) char *file = NULL;

	if (!failed(str_format(&file, "%s%s", root, usual + strlen("unix://"))) &&
		file_exists(file))
		return usual;
	return "vsock://2:4050";
}

bool host_program(const char *root, const char *name)
{
	static const char *const places[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
		"/usr/bin", "/sbin", "/bin" };

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		AUTO(auto_free) char *file = NULL;

		if (!failed(str_format(&file, "%s%s/%s", root, places[i], name)) &&
			access(file, X_OK) == 0)
			return true;
	}
	return false;
}
