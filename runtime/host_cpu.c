/* What the processor must show, by CPUID or by what the kernel prints of it. */
#include "host_check.h"

#include <base/file.h>

enum {
	CPUINFO_MAX = 16 * 1024 * 1024,
	FACILITY_SE = 158 /* z/Architecture: ultravisor call */
};

static bool cpuinfo_has(const struct host_facts *f, const char *key, const char *word)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CPUINFO_MAX);
	AUTO(auto_free) char *path = NULL;

	if (failed(str_format(&path, "%s/proc/cpuinfo", f->root)) || failed(file_read(path, &text)))
		return false;
	return vm_cpuinfo_has(buf_bytes(&text), key, word);
}

/* Software emulation needs nothing. */
bool host_cpu_any(const struct host_facts *f, char *found, size_t size)
{
	bool kvm = cpuinfo_has(f, "flags", "svm") || cpuinfo_has(f, "flags", "vmx") ||
		   cpuinfo_has(f, "features", "sie");

	(void)snprintf(found, size, "%s",
		kvm ? "shows virtualisation"
		    : "shows no virtualisation: guests run in slow software emulation");
	return kvm;
}

/* What both later generations share with the first. */
static bool amd(const struct host_facts *f, const char *name, unsigned bit, bool asids, char *found,
	size_t size)
{
	struct host_sev sev = host_sev_of(&f->cpuid);

	if (!(f->cpuid.eax >> bit & 1)) {
		(void)snprintf(found, size, "no %s: CPUID 8000001Fh EAX is %08xh, bit %u is clear",
			name, f->cpuid.eax, bit);
		return false;
	}
	if (asids && sev.first_sev_asid <= 1) {
		(void)snprintf(found, size,
			"no ASID for %s guests: CPUID 8000001Fh EDX gives all of them to SEV",
			name);
		return false;
	}
	(void)snprintf(found, size, "%s, C-bit %u, %u address bits less, %u guests", name,
		sev.cbitpos, sev.reduced_phys_bits,
		asids ? sev.first_sev_asid - 1 : sev.guests - sev.first_sev_asid + 1);
	return true;
}

bool host_cpu_sev(const struct host_facts *f, char *found, size_t size)
{
	return amd(f, "SEV", 1, false, found, size);
}

bool host_cpu_sev_es(const struct host_facts *f, char *found, size_t size)
{
	return amd(f, "SEV-ES", 3, true, found, size);
}

bool host_cpu_snp(const struct host_facts *f, char *found, size_t size)
{
	return amd(f, "SEV-SNP", 4, true, found, size);
}

/* CPUID does not tell: Linux reads an MSR and shows the result. */
bool host_cpu_tdx(const struct host_facts *f, char *found, size_t size)
{
	bool has = cpuinfo_has(f, "flags", "tdx_host_platform");

	(void)snprintf(found, size, "%s",
		has ? "tdx_host_platform"
		    : "no tdx_host_platform among the flags of /proc/cpuinfo");
	return has;
}

bool host_cpu_se(const struct host_facts *f, char *found, size_t size)
{
	char facility[8];

	(void)snprintf(facility, sizeof(facility), "%d", FACILITY_SE);
	bool has = cpuinfo_has(f, "facilities", facility);
	(void)snprintf(found, size, "%s %s", has ? "facility" : "/proc/cpuinfo lists no facility",
		facility);
	return has;
}
