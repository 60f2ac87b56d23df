/*
 * Every platform's command line, given to the QEMU that Debian 12 ships and to the one of its
 * backports, by the function that starts real machines.
 *
 * Whole lines get as far as this host's hardware: QEMU makes -object first, then the accelerator,
 * and there the error must be the missing hardware, not a word that QEMU does not know. So that the
 * rest of the line is read too, the same machine starts once more under software emulation without
 * its protection, and QEMU must say hello.
 *
 * What these builds know of the protections (the first test asks them):
 *              sev-guest  sev-snp-guest  tdx-guest  s390-pv-guest
 *   7.2        yes        no (9.1)       no (10.1)  no: only QEMU with KVM on s390x has it
 *   10.0       yes        yes            no (10.1)  no
 */
#include "util.h"

#include <poll.h>
#include <stdio.h>

#include <base/clock.h>
#include <base/file.h>
#include <runtime/host_probe.h>
#include <runtime/vm.h>
#include <sys/stat.h>

enum {
	ANSWER_MS = 30 * 1000,
	ROUND_MS = 50,
	KERNEL_SIZE = 64 * 1024,
	FIRMWARE_SIZE = 256 * 1024,
	TEXT_MAX = 64 * 1024
};

static const char *const versions[] = { "7.2", "10" };

static const struct {
	const struct vm_platform *platform;
	const char *object;
	bool known[ARRAY_LEN(versions)];
} protections[] = {
	{ &vm_sev, "sev-guest", { true, true } },
	{ &vm_sev_es, "sev-guest", { true, true } },
	{ &vm_snp, "sev-snp-guest", { false, true } },
	{ &vm_tdx, "tdx-guest", { false, false } },
	{ &vm_se, "s390-pv-guest", { false, false } },
};

static char *kernel, *firmware, *ca_dir;

/* vm_start() finds QEMU as people do, by PATH. */
static void use_version(const char *version)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_free) char *modules = NULL;

	assert_ok(str_format(&modules, "%s/%s/modules", getenv("SEALPOD_STOCK_QEMU"), version));
	assert_ok(str_format(&path, "%s/%s:/usr/sbin:/usr/bin:/sbin:/bin",
		getenv("SEALPOD_STOCK_QEMU"), version));
	assert_int_equal(setenv("PATH", path, 1), 0);
	/* Not those of the installed QEMU, which is another build. */
	assert_int_equal(setenv("QEMU_MODULE_DIR", modules, 1), 0);
}

static char *make_file(const char *name, struct bytes data)
{
	char *path = NULL;

	assert_ok(path_join(test_dir(), name, &path));
	assert_ok(file_write_atomic(path, data, 0600));
	return path;
}

static int make_files(void **state)
{
	static uint8_t image[FIRMWARE_SIZE], x86[KERNEL_SIZE];

	(void)state;
	if (!getenv("SEALPOD_STOCK_QEMU"))
		return 77;
	memcpy(x86 + 0x202, "HdrS\x0f\x02", 6); /* Linux boot protocol 2.15 */
	kernel = make_file("kernel", BYTES_OF(x86));
	firmware = make_file("firmware_CODE.fd", BYTES_OF(image));
	assert_ok(path_join(test_dir(), "ca", &ca_dir));
	return 0;
}

static int free_files(void **state)
{
	(void)state;
	free(kernel);
	free(firmware);
	free(ca_dir);
	return 0;
}

/* Everything a line can have. */
static struct vm_config whole_config(const struct vm_platform *p)
{
	struct vm_config c = {
		.id = "calm-otter",
		.arch = (enum vm_arch)__builtin_ctz(p->archs),
		.accel = p->hardware ? VM_ACCEL_KVM : VM_ACCEL_TCG,
		.memory_mib = 256,
		.cpus = 2,
		.kernel = kernel,
		.initrd = kernel,
		.append = "console=hvc0 quiet",
		.initdata = kernel,
		.net_user = true,
		.protection = { .cbitpos = 51, .reduced_phys_bits = 1 },
	};

	if (p->firmware != VM_FIRMWARE_NONE) {
		c.firmware = firmware;
		c.firmware_vars = firmware;
	}
	if (p->initdata_size)
		c.protection.initdata =
			(struct digest_value){ .alg = DIGEST_SHA256, .n = DIGEST_SHA256_SIZE };
	if (p->options & VM_QUOTE_SOCKET)
		c.protection.quote_socket = "vsock://2:4050";
	return c;
}

struct answer {
	bool hello;	/* the machine exists */
	struct buf log; /* what QEMU said */
};

static void answer_done(struct answer *a)
{
	buf_done(&a->log);
}

static bool says_hello(struct vm *vm)
{
	struct pollfd p = { .fd = vm->qmp_fd, .events = POLLIN };
	char text[4096];

	if (poll(&p, 1, ROUND_MS) <= 0 || !(p.revents & POLLIN))
		return false;
	ssize_t n = read(vm->qmp_fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return strstr(text, "{\"QMP\"") != NULL;
}

/* Everybody may enter the directories above these builds of QEMU, so that a user of the machine's
 * own can execute them. */
static bool reachable(void)
{
	AUTO(auto_free) char *path = NULL;
	struct stat st;

	assert_ok(str_dup(getenv("SEALPOD_STOCK_QEMU"), &path));
	for (char *slash = path + strlen(path); slash; slash = strrchr(path, '/')) {
		*slash = '\0';
		if (path[0] && (stat(path, &st) != 0 || !(st.st_mode & S_IXOTH)))
			return false;
	}
	return true;
}

static void start(const struct vm_platform *p, const struct vm_config *c, struct answer *ret_answer)
{
	static unsigned number;
	AUTO(vm_end) struct vm vm = VM_NONE;
	AUTO(auto_free) char *dir = NULL;
	AUTO(auto_free) char *log = NULL;
	uint64_t end = clock_monotonic_ms() + ANSWER_MS;
	int status = 0;

	assert_ok(str_format(&dir, "%s/pod%u", test_dir(), number++));
	assert_ok(dir_make(dir, 0700));
	struct vm_launch l = { .platform = p,
		.config = *c,
		.pod_dir = dir,
		.ca_dir = ca_dir,
		.qemu_user = reachable() ? NULL : "root" };
	*ret_answer = (struct answer){ .log = BUF_INIT(TEXT_MAX) };
	assert_ok(vm_start(&l, &vm));
	while (!ret_answer->hello && clock_monotonic_ms() < end) {
		ret_answer->hello = says_hello(&vm);
		if (!failed(process_wait(&vm.qemu, 0, &status)))
			break;
	}
	vm_end(&vm);
	assert_ok(path_join(dir, "qemu.log", &log));
	assert_ok(file_read(log, &ret_answer->log));
}

static bool says(struct answer *a, const char *part)
{
	return strstr(buf_cstr(&a->log), part) != NULL;
}

/* The table above is true. */
static void test_what_they_know(void **state)
{
	(void)state;
	for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
		AUTO(host_facts_done) struct host_facts f = { 0 };

		use_version(versions[v]);
		assert_ok(host_facts_read((1u << VM_ARCHS) - 1, &f));
		for (size_t i = 0; i < ARRAY_LEN(protections); i++) {
			unsigned arch = (unsigned)__builtin_ctz(protections[i].platform->archs);
			AUTO(auto_free) char *line = NULL;

			assert_true(f.qemu[arch].found);
			assert_ok(str_format(&line, "  %s\n", protections[i].object));
			assert_int_equal(strstr(buf_cstr(&f.qemu[arch].objects), line) != NULL,
				protections[i].known[v]);
		}
	}
}

/* Any of these is a host without the hardware; hello is a host that has it. */
static bool lacks_hardware(struct answer *a)
{
	static const char *const words[] = {
		"vm-type SEV-SNP not supported by KVM",
		"cbitpos check failed, host",
		"Could not access KVM kernel module",
		"Failed to open /dev/sev",
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (says(a, words[i]))
			return true;
	}
	return false;
}

static void check_whole(size_t i, size_t v)
{
	const struct vm_platform *p = protections[i].platform;
	struct vm_config c = whole_config(p);
	AUTO(answer_done) struct answer a;

	start(p, &c, &a);
	if (protections[i].known[v] && !a.hello && !lacks_hardware(&a))
		fail_msg("QEMU %s, %s: %s", versions[v], p->name, buf_cstr(&a.log));
	if (protections[i].known[v])
		return;
	(void)printf("QEMU %s has no %s: of platform %s only the rest of the line is read here\n",
		versions[v], protections[i].object, p->name);
	if (!says(&a, protections[i].object) && !says(&a, "invalid accelerator kvm"))
		fail_msg("QEMU %s, %s: %s", versions[v], p->name, buf_cstr(&a.log));
}

static void test_whole_lines(void **state)
{
	(void)state;
	for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
		use_version(versions[v]);
		for (size_t i = 0; i < ARRAY_LEN(protections); i++)
			check_whole(i, v);
	}
}

/* What a platform adds, but for an object that this version does not know. */
static const struct vm_platform *unprotected_of;
static const char *object_to_drop;

static RESULT argv_without_object(
	const struct vm_platform *p, const struct vm_config *c, struct strv *argv)
{
	AUTO(strv_done) struct strv all = { 0 };

	(void)p;
	TRY(unprotected_of->argv(unprotected_of, c, &all));
	for (size_t i = 0; i < all.n; i++) {
		if (object_to_drop && i + 1 < all.n && strstr(all.v[i + 1], object_to_drop)) {
			i++;
			continue;
		}
		TRY(strv_add(argv, all.v[i]));
	}
	return OK;
}

static void check_rest(size_t i, size_t v)
{
	const struct vm_platform *p = protections[i].platform;
	struct vm_platform soft = *p;
	struct vm_config c = whole_config(p);
	AUTO(answer_done) struct answer a;

	soft.hardware = false;
	soft.cpu = NULL;
	soft.argv = argv_without_object;
	soft.machine = p->machine && strstr(p->machine, ",memory-backend=ram")
			       ? ",memory-backend=ram"
			       : NULL;
	c.accel = VM_ACCEL_TCG;
	/* A QEMU without SEV-SNP is also older than the model that goes with it. */
	if (p == &vm_snp && !protections[i].known[v])
		c.protection.cpu_model = vm_sev.cpu_model;
	unprotected_of = p;
	object_to_drop = protections[i].known[v] ? NULL : protections[i].object;
	start(&soft, &c, &a);
	if (!a.hello)
		fail_msg("QEMU %s, %s: %s", versions[v], p->name, buf_cstr(&a.log));
}

static void test_rest_of_lines(void **state)
{
	(void)state;
	for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
		use_version(versions[v]);
		for (size_t i = 0; i < ARRAY_LEN(protections); i++)
			check_rest(i, v);
	}
}

static void check_software(const struct vm_platform *p, enum vm_arch arch, const char *version)
{
	struct vm_config c = whole_config(p);
	AUTO(answer_done) struct answer a;

	c.arch = arch;
	start(p, &c, &a);
	if (!a.hello)
		fail_msg("QEMU %s, %s: %s", version, p->name, buf_cstr(&a.log));
}

static void test_software_platforms(void **state)
{
	(void)state;
	for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
		use_version(versions[v]);
		check_software(&vm_none, VM_ARCH_X86_64, versions[v]);
		check_software(&vm_none, VM_ARCH_S390X, versions[v]);
		check_software(&vm_vtpm, VM_ARCH_X86_64, versions[v]);
	}
}

/* A property that no QEMU has must be told apart from missing hardware. */
static RESULT argv_wrong(const struct vm_platform *p, const struct vm_config *c, struct strv *argv)
{
	(void)p;
	TRY(strv_add(argv, "-object"));
	TRY(strv_add(argv, "sev-guest,id=sev,cbitpos=51,reduced-phys-bits=1,no-such-thing=1"));
	TRY(strv_add(argv, "-bios"));
	return strv_add(argv, c->firmware);
}

static void test_wrong_word_is_seen(void **state)
{
	struct vm_platform wrong = vm_sev;
	const struct vm_config c = whole_config(&vm_sev);

	(void)state;
	wrong.argv = argv_wrong;
	for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
		AUTO(answer_done) struct answer a;

		use_version(versions[v]);
		start(&wrong, &c, &a);
		assert_false(a.hello);
		assert_false(lacks_hardware(&a));
		assert_true(says(&a, "no-such-thing"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_they_know),
		cmocka_unit_test(test_whole_lines),
		cmocka_unit_test(test_rest_of_lines),
		cmocka_unit_test(test_software_platforms),
		cmocka_unit_test(test_wrong_word_is_seen),
	};

	if (!getenv("SEALPOD_STOCK_QEMU"))
		return 77;
	return cmocka_run_group_tests(tests, make_files, free_files);
}
