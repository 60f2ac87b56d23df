/* What a host lacks, told from made-up hosts: files below a directory, CPUID values, QEMU's words.
 */
#include "launch_gen.h"
#include "util.h"

#include <fcntl.h>
#include <stdio.h>

#include <base/file.h>
#include <runtime/host_probe.h>
#include <sys/stat.h>

struct file {
	const char *path, *text;
};

static void put_file(const char *root, const char *path, const char *text)
{
	AUTO(auto_free) char *full = NULL;
	AUTO(auto_free) char *dir = NULL;

	assert_ok(str_format(&full, "%s%s", root, path));
	assert_ok(str_dup(full, &dir));
	*strrchr(dir, '/') = '\0';
	assert_ok(dir_make(dir, 0755));
	assert_ok(file_write_atomic(full, bytes_str(text), 0755));
}

#define AMD_FIRMWARE "/usr/share/ovmf/OVMF.amdsev.fd"
#define TDX_FIRMWARE "/usr/share/ovmf/OVMF.inteltdx.fd"

static void put_firmware(const char *root, const char *path, const uint8_t image[static GEN_SIZE])
{
	AUTO(auto_free) char *full = NULL;

	put_file(root, path, "");
	assert_ok(str_format(&full, "%s%s", root, path));
	assert_ok(file_write_atomic(full, bytes_of(image, GEN_SIZE), 0644));
}

static void drop_file(const char *root, const char *path)
{
	AUTO(auto_free) char *full = NULL;

	assert_ok(str_format(&full, "%s%s", root, path));
	assert_int_equal(unlink(full), 0);
}

/* An EPYC 9004 as its CPUID says, and Linux and QEMU of 2025. */
static const struct host_cpuid genoa = {
	.eax = 0x0101fd3f,
	.ebx = 0x00004173, /* C-bit 51, 5 address bits less */
	.ecx = 0x000003ee,
	.edx = 0x00000064,
};

static const struct file amd_files[] = {
	{ "/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu svm sev sev_es sev_snp\n" },
	{ "/sys/module/kvm_amd/parameters/sev", "Y\n" },
	{ "/sys/module/kvm_amd/parameters/sev_es", "Y\n" },
	{ "/sys/module/kvm_amd/parameters/sev_snp", "Y\n" },
	{ "/dev/kvm", "" },
	{ "/dev/sev", "" },
};
static const struct file intel_files[] = {
	{ "/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vmx tdx_host_platform\n" },
	{ "/sys/module/kvm_intel/parameters/tdx", "Y\n" },
	{ "/dev/kvm", "" },
	{ "/var/run/tdx-qgs/qgs.socket", "" },
};
static const struct file ibm_files[] = {
	{ "/proc/cpuinfo", "vendor_id       : IBM/S390\nfeatures\t: esan3 zarch sie\n"
			   "facilities      : 0 1 2 3 146 158 161\n" },
	{ "/sys/firmware/uv/prot_virt_host", "1\n" },
	{ "/dev/kvm", "" },
};
static const struct file plain_files[] = {
	{ "/proc/cpuinfo", "flags\t\t: fpu vmx\n" },
	{ "/dev/kvm", "" },
	{ "/usr/share/OVMF/OVMF_CODE_4M.fd", "x" },
	{ "/usr/bin/swtpm", "" },
};

struct host {
	struct host_facts facts;
	char *root;
};

static void host_done(struct host *h)
{
	host_facts_done(&h->facts);
	assert_ok(dir_remove_tree(h->root));
	free(h->root);
}

static void set_objects(struct host_qemu *q, const char *text)
{
	buf_done(&q->objects);
	q->objects = BUF_INIT(HOST_OBJECTS_MAX);
	buf_puts(&q->objects, text);
}

static void make_host(
	enum vm_arch arch, const struct file *files, size_t n_files, struct host *ret_host)
{
	static unsigned number;
	struct host h = { .facts = { .arch = arch, .kernel_major = 6, .kernel_minor = 18 } };

	assert_ok(str_format(&h.root, "%s/host%u", test_dir(), number++));
	for (size_t i = 0; i < n_files; i++)
		put_file(h.root, files[i].path, files[i].text);
	uint8_t image[GEN_SIZE];
	gen_firmware(image);
	put_firmware(h.root, AMD_FIRMWARE, image);
	put_firmware(h.root, TDX_FIRMWARE, image);
	h.facts.root = h.root;
	for (size_t i = 0; i < VM_ARCHS; i++) {
		h.facts.qemu[i] = (struct host_qemu){ .found = true, .major = 10, .minor = 1 };
		set_objects(&h.facts.qemu[i], "List of user creatable objects:\n  rng-random\n"
					      "  s390-pv-guest\n  sev-guest\n  sev-snp-guest\n"
					      "  tdx-guest\n");
	}
	*ret_host = h;
}

static void make_amd(struct host *ret_host)
{
	make_host(VM_ARCH_X86_64, amd_files, ARRAY_LEN(amd_files), ret_host);
	ret_host->facts.cpuid = genoa;
}

static void test_sev_bits(void **state)
{
	struct host_sev sev = host_sev_of(&genoa);
	const struct host_cpuid naples = { .eax = 0x0b, .ebx = 0x16f, .ecx = 15, .edx = 5 };

	(void)state;
	assert_true(sev.sev && sev.sev_es && sev.snp);
	assert_int_equal(sev.cbitpos, 51);
	assert_int_equal(sev.reduced_phys_bits, 5);
	assert_int_equal(sev.guests, 1006);
	assert_int_equal(sev.first_sev_asid, 100);
	sev = host_sev_of(&naples);
	assert_true(sev.sev && sev.sev_es && !sev.snp);
	assert_int_equal(sev.cbitpos, 47);
	assert_int_equal(sev.reduced_phys_bits, 5);
	sev = host_sev_of(&(struct host_cpuid){ 0 });
	assert_false(sev.sev || sev.sev_es || sev.snp);
}

static void test_versions(void **state)
{
	static const struct {
		const char *text;
		unsigned major, minor;
	} good[] = {
		{ "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\n", 10, 0 },
		{ "QEMU emulator version 7.2.22 (Debian)", 7, 2 },
		{ "QEMU emulator version 10.1.50 (v10.1.0-1-g1)", 10, 1 },
		{ "6.18.44-fc-v445", 6, 18 },
		{ "6.1-rc3", 6, 1 },
	};
	static const char *const wrong[] = { "", "version ", "version x.1", "10", "10.", ".1",
		"version 100000.1", "QEMU emulator" };
	unsigned major = 0, minor = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_ok(host_version_parse(good[i].text, &major, &minor));
		assert_int_equal(major, good[i].major);
		assert_int_equal(minor, good[i].minor);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_err(host_version_parse(wrong[i], &major, &minor), ERR_FORMAT);
}

static void assert_fit(const struct host *h, const struct vm_platform *p)
{
	const struct host_question q = { .platform = p };
	struct host_checks checks;

	host_probe(&h->facts, &q, &checks);
	for (size_t i = 0; i < checks.n; i++) {
		if (checks.v[i].status == HOST_BAD)
			fail_msg("%s: %s: %s", p->name, checks.v[i].what, checks.v[i].found);
	}
	assert_true(host_checks_pass(&checks));
	assert_ok(host_require(&h->facts, &q));
}

/* Exactly this is wrong, and the error says so, what to do, and where to read more. */
static void assert_lacks(
	const struct host *h, const struct host_question *q, const char *found, const char *fix)
{
	char line[64];

	assert_err(host_require(&h->facts, q), ERR_UNSUPPORTED);
	assert_err_text(found);
	assert_err_text(fix);
	(void)snprintf(
		line, sizeof(line), "platform %s cannot start on this host", q->platform->name);
	assert_err_text(line);
	(void)snprintf(line, sizeof(line), "(1 of ");
	assert_err_text(line);
	(void)snprintf(line, sizeof(line), "sealpod doctor --platform %s)", q->platform->name);
	assert_err_text(line);
}

static void test_fit_hosts(void **state)
{
	AUTO(host_done) struct host amd, intel, ibm, plain;

	(void)state;
	make_amd(&amd);
	assert_fit(&amd, &vm_snp);
	assert_fit(&amd, &vm_sev);
	assert_fit(&amd, &vm_sev_es);
	assert_fit(&amd, &vm_none);
	make_host(VM_ARCH_X86_64, intel_files, ARRAY_LEN(intel_files), &intel);
	assert_fit(&intel, &vm_tdx);
	make_host(VM_ARCH_S390X, ibm_files, ARRAY_LEN(ibm_files), &ibm);
	assert_fit(&ibm, &vm_se);
	assert_fit(&ibm, &vm_none);
	make_host(VM_ARCH_X86_64, plain_files, ARRAY_LEN(plain_files), &plain);
	assert_fit(&plain, &vm_vtpm);
	assert_fit(&plain, &vm_none);
}

static void test_amd_files(void **state)
{
	static const struct {
		const struct vm_platform *platform;
		const char *file, *text, *found, *fix; /* text NULL: the file is absent */
	} cases[] = {
		{ &vm_snp, "/sys/module/kvm_amd/parameters/sev_snp", "N\n",
			"/sys/module/kvm_amd/parameters/sev_snp is N",
			"modprobe kvm_amd sev_snp=1" },
		{ &vm_snp, "/sys/module/kvm_amd/parameters/sev_snp", "",
			"/sys/module/kvm_amd/parameters/sev_snp is .", "sev_snp=1" },
		{ &vm_snp, "/sys/module/kvm_amd/parameters/sev_snp", NULL,
			"parameters/sev_snp is not there", "sev_snp=1" },
		{ &vm_sev, "/sys/module/kvm_amd/parameters/sev", "0\n", "sev is 0", "sev=1" },
		{ &vm_sev_es, "/sys/module/kvm_amd/parameters/sev_es", "N", "sev_es is N",
			"sev_es=1" },
		{ &vm_snp, "/dev/sev", NULL, "/dev/sev is not there", "modprobe ccp" },
		{ &vm_sev, "/dev/kvm", NULL, "/dev/kvm is not there", "modprobe kvm_amd" },
		{ &vm_snp, AMD_FIRMWARE, NULL, "none at the usual places", "--firmware" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(host_done) struct host h;
		const struct host_question q = { .platform = cases[i].platform };

		make_amd(&h);
		if (cases[i].text)
			put_file(h.root, cases[i].file, cases[i].text);
		else
			drop_file(h.root, cases[i].file);
		assert_lacks(&h, &q, cases[i].found, cases[i].fix);
	}
}

/* The right file of the wrong kind is found out before QEMU does. */
static void test_firmware_kinds(void **state)
{
	static const struct {
		const struct vm_platform *platform;
		size_t spoil; /* a byte of the image */
		const char *found;
	} cases[] = {
		{ &vm_sev, GEN_HASHES + 10, "has no place for the hashes" },
		{ &vm_sev_es, GEN_RESET + 10, "does not say where further processors start" },
		{ &vm_snp, GEN_RESET + 10, "does not say where further processors start" },
		{ &vm_snp, GEN_SEV_SECTION + 12 * 4 + 8, "page for the hashes" },
		{ &vm_snp, GEN_SEV_ENTRY + 10, "has no SEV-SNP metadata" },
		{ &vm_snp, GEN_SEV, "has a damaged table at its end" },
		{ &vm_tdx, GEN_TDVF, "is no TDX firmware" },
	};
	uint8_t image[GEN_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(host_done) struct host h;
		struct host_question q = { .platform = cases[i].platform };

		if (cases[i].platform == &vm_tdx)
			make_host(VM_ARCH_X86_64, intel_files, ARRAY_LEN(intel_files), &h);
		else
			make_amd(&h);
		gen_firmware(image);
		put_firmware(h.root, "/fw/mine.fd", image);
		q.firmware = "/fw/mine.fd";
		assert_ok(host_require(&h.facts, &q));
		image[cases[i].spoil] ^= 0xff;
		put_firmware(h.root, "/fw/mine.fd", image);
		assert_lacks(&h, &q, cases[i].found, "--firmware");
	}
}

static void test_amd_cpu(void **state)
{
	static const struct {
		const struct vm_platform *platform;
		struct host_cpuid id;
		const char *found;
	} cases[] = {
		{ &vm_snp, { .eax = 0x0b, .ebx = 0x4173, .ecx = 509, .edx = 100 },
			"no SEV-SNP: CPUID 8000001Fh EAX is 0000000bh, bit 4 is clear" },
		{ &vm_sev_es, { .eax = 0x03, .ebx = 0x16f, .ecx = 15, .edx = 1 },
			"no SEV-ES: CPUID 8000001Fh EAX is 00000003h, bit 3 is clear" },
		{ &vm_sev, { .eax = 0x01 }, "bit 1 is clear" },
		{ &vm_sev, { 0 }, "EAX is 00000000h" },
		/* The firmware's setup gave every ASID to plain SEV. */
		{ &vm_snp, { .eax = 0x1b, .ebx = 0x4173, .ecx = 509, .edx = 1 },
			"no ASID for SEV-SNP guests" },
		{ &vm_sev_es, { .eax = 0x0b, .ebx = 0x16f, .ecx = 15, .edx = 1 },
			"no ASID for SEV-ES guests" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(host_done) struct host h;
		const struct host_question q = { .platform = cases[i].platform };

		make_amd(&h);
		h.facts.cpuid = cases[i].id;
		assert_lacks(&h, &q, cases[i].found, "in the firmware's setup: SMEE");
	}
}

static void test_versions_needed(void **state)
{
	AUTO(host_done) struct host h;
	const struct host_question snp = { .platform = &vm_snp }, sev = { .platform = &vm_sev };

	(void)state;
	make_amd(&h);
	h.facts.kernel_minor = 11;
	assert_fit(&h, &vm_snp);
	h.facts.kernel_minor = 10;
	assert_lacks(&h, &snp, "kernel: Linux 6.10", "Linux 6.11 or later is needed");
	h.facts.kernel_minor = 11;
	h.facts.qemu[VM_ARCH_X86_64].major = 9;
	assert_fit(&h, &vm_snp);
	h.facts.qemu[VM_ARCH_X86_64].minor = 0;
	assert_lacks(&h, &snp, "qemu-system-x86_64 9.0", "QEMU 9.1 or later is needed");
	assert_fit(&h, &vm_sev);
	h.facts.qemu[VM_ARCH_X86_64].minor = 1;
	set_objects(&h.facts.qemu[VM_ARCH_X86_64], "  sev-guest\n  sev-snp-guest-x\n");
	assert_lacks(&h, &snp, "without sev-snp-guest", "a QEMU built with KVM and sev-snp-guest");
	set_objects(&h.facts.qemu[VM_ARCH_X86_64], "  sev-snp-guest");
	assert_fit(&h, &vm_snp);
	assert_lacks(&h, &sev, "without sev-guest", "sev-guest");
	h.facts.qemu[VM_ARCH_X86_64].found = false;
	assert_lacks(&h, &snp, "qemu-system-x86_64 is not installed", "install QEMU 9.1 or later");
}

static void test_tdx(void **state)
{
	AUTO(host_done) struct host h;
	struct host_question q = { .platform = &vm_tdx };
	struct host_checks checks;

	(void)state;
	make_host(VM_ARCH_X86_64, intel_files, ARRAY_LEN(intel_files), &h);
	put_file(h.root, "/sys/module/kvm_intel/parameters/tdx", "N\n");
	assert_lacks(&h, &q, "/sys/module/kvm_intel/parameters/tdx is N", "kvm_intel tdx=1");
	put_file(h.root, "/sys/module/kvm_intel/parameters/tdx", "Y\n");
	put_file(h.root, "/proc/cpuinfo", "flags\t: vmx tdx_guest\n");
	assert_lacks(&h, &q, "no tdx_host_platform", "SEAM loader");
	put_file(h.root, "/proc/cpuinfo", "flags\t: vmx tdx_host_platform\n");
	h.facts.qemu[VM_ARCH_X86_64].minor = 0;
	assert_lacks(&h, &q, "QEMU: qemu-system-x86_64 10.0", "QEMU 10.1 or later");
	h.facts.qemu[VM_ARCH_X86_64].minor = 1;
	/* Guests start without a quoting service, and are told so. */
	drop_file(h.root, "/var/run/tdx-qgs/qgs.socket");
	assert_string_equal(host_quote_socket(h.root), "vsock://2:4050");
	host_probe(&h.facts, &q, &checks);
	assert_true(host_checks_pass(&checks));
	assert_string_equal(checks.v[checks.n - 1].what, "quotes");
	assert_int_equal(checks.v[checks.n - 1].status, HOST_WARN);
	assert_string_equal(
		checks.v[checks.n - 1].found, "vsock://2:4050: no /dev/vsock to reach it by");
	put_file(h.root, "/dev/vsock", "");
	host_probe(&h.facts, &q, &checks);
	assert_int_equal(checks.v[checks.n - 1].status, HOST_OK);
	q.quote_socket = "unix:///elsewhere";
	host_probe(&h.facts, &q, &checks);
	assert_string_equal(checks.v[checks.n - 1].found, "unix:///elsewhere: no such socket");
}

static void test_se(void **state)
{
	AUTO(host_done) struct host h;
	const struct host_question q = { .platform = &vm_se };

	(void)state;
	make_host(VM_ARCH_S390X, ibm_files, ARRAY_LEN(ibm_files), &h);
	put_file(h.root, "/sys/firmware/uv/prot_virt_host", "0\n");
	assert_lacks(&h, &q, "/sys/firmware/uv/prot_virt_host is 0", "prot_virt=1");
	drop_file(h.root, "/sys/firmware/uv/prot_virt_host");
	assert_lacks(&h, &q, "prot_virt_host is not there", "prot_virt=1");
	put_file(h.root, "/sys/firmware/uv/prot_virt_host", "1\n");
	put_file(h.root, "/proc/cpuinfo", "facilities      : 0 1 15 58 1580\n");
	assert_lacks(&h, &q, "lists no facility 158", "IBM z15");
}

/* Another machine's platform is one line and no list of what else a wrong host lacks. */
static void test_wrong_architecture(void **state)
{
	AUTO(host_done) struct host h;
	const struct host_question se = { .platform = &vm_se }, snp = { .platform = &vm_snp };

	(void)state;
	make_amd(&h);
	assert_lacks(&h, &se, "architecture: this host is x86_64", "an s390x host");
	h.facts.arch = VM_ARCH_S390X;
	assert_lacks(&h, &snp, "architecture: this host is s390x", "an x86_64 host");
	h.facts.arch = VM_ARCHS;
	assert_lacks(&h, &snp, "this host is neither x86_64 nor s390x", "an x86_64 host");
}

/* Without KVM guests are slow, not impossible. */
static void test_soft_platforms(void **state)
{
	AUTO(host_done) struct host h;
	const struct host_question vtpm = { .platform = &vm_vtpm };
	struct host_question named = vtpm;
	struct host_checks checks;

	(void)state;
	make_host(VM_ARCH_X86_64, plain_files, ARRAY_LEN(plain_files), &h);
	drop_file(h.root, "/dev/kvm");
	put_file(h.root, "/proc/cpuinfo", "flags\t\t: fpu\n");
	assert_fit(&h, &vm_vtpm);
	assert_fit(&h, &vm_none);
	host_probe(&h.facts, &vtpm, &checks);
	assert_int_equal(checks.v[0].status, HOST_WARN);
	assert_non_null(strstr(checks.v[0].found, "software emulation"));
	drop_file(h.root, "/usr/bin/swtpm");
	assert_lacks(&h, &vtpm, "swtpm is not installed", "install swtpm");
	put_file(h.root, "/usr/bin/swtpm", "");
	named.firmware = "/fw/mine.fd";
	assert_lacks(&h, &named, "/fw/mine.fd is not there", "install ovmf");
	put_file(h.root, "/fw/mine.fd", "");
	assert_ok(host_require(&h.facts, &named));
}

static void test_forbidden_device(void **state)
{
	AUTO(host_done) struct host h;
	AUTO(auto_free) char *path = NULL;
	const struct host_question q = { .platform = &vm_snp };

	(void)state;
	make_amd(&h);
	/* A directory in its place cannot be opened to write, also by root. */
	drop_file(h.root, "/dev/kvm");
	assert_ok(str_format(&path, "%s/dev/kvm", h.root));
	assert_ok(dir_make(path, 0755));
	assert_lacks(&h, &q, "/dev/kvm may not be opened by this user", "run as root");
}

/* Every word a fake host gives is kept inside of the rows. */
static void test_long_words(void **state)
{
	AUTO(host_done) struct host h;
	struct host_question q = { .platform = &vm_snp };
	struct host_checks checks;
	char path[PATH_MAX];

	(void)state;
	make_amd(&h);
	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	q.firmware = path;
	put_file(h.root, "/sys/module/kvm_amd/parameters/sev_snp",
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"x");
	host_probe(&h.facts, &q, &checks);
	assert_false(host_checks_pass(&checks));
	for (size_t i = 0; i < checks.n; i++) {
		assert_true(strlen(checks.v[i].found) < HOST_FOUND_MAX);
		assert_true(checks.v[i].status == HOST_OK || checks.v[i].fix[0]);
	}
}

/* This host: whatever it is, an answer comes. */
static void test_this_host(void **state)
{
	AUTO(host_facts_done) struct host_facts f = { 0 };

	(void)state;
	assert_ok(host_facts_read((1u << VM_ARCHS) - 1, &f));
	assert_true(f.kernel_major >= 3);
	for (size_t i = 0; vm_platform_at(i); i++) {
		const struct host_question q = { .platform = vm_platform_at(i) };
		struct host_checks checks;

		host_probe(&f, &q, &checks);
		assert_true(checks.n > 0);
		assert_int_equal(failed(host_require(&f, &q)), !host_checks_pass(&checks));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sev_bits),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_fit_hosts),
		cmocka_unit_test(test_amd_files),
		cmocka_unit_test(test_firmware_kinds),
		cmocka_unit_test(test_amd_cpu),
		cmocka_unit_test(test_versions_needed),
		cmocka_unit_test(test_tdx),
		cmocka_unit_test(test_se),
		cmocka_unit_test(test_wrong_architecture),
		cmocka_unit_test(test_soft_platforms),
		cmocka_unit_test(test_forbidden_device),
		cmocka_unit_test(test_long_words),
		cmocka_unit_test(test_this_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
