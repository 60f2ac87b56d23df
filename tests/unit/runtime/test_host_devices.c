/* Which devices a machine's processes may open: the program's verdicts, and the kernel's. */
#include "host_devices.h"
#include "util.h"

#include <fcntl.h>
#include <stdio.h>

#include <base/file.h>
#include <base/process.h>
#include <runtime/host_cgroup.h>

enum {
	REGISTERS = 11
};

/* Runs what device_program() uses of the instruction set (RFC 9669), as the kernel would. */
static uint64_t verdict(const struct bpf_insn *p, size_t n, const struct bpf_cgroup_dev_ctx *ctx)
{
	uint64_t r[REGISTERS] = { 0 };

	for (size_t at = 0; at < n; at++) {
		const struct bpf_insn *i = &p[at];
		uint64_t k = (uint64_t)(int64_t)i->imm;
		uint32_t word;

		assert_true(i->dst_reg < REGISTERS && i->src_reg < REGISTERS);
		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			assert_int_equal(i->src_reg, BPF_REG_1);
			assert_true(i->off >= 0 && (size_t)i->off + 4 <= sizeof(*ctx));
			memcpy(&word, (const uint8_t *)ctx + i->off, sizeof(word));
			r[i->dst_reg] = word;
			break;
		case BPF_ALU64 | BPF_MOV | BPF_X:
			r[i->dst_reg] = r[i->src_reg];
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			r[i->dst_reg] = k;
			break;
		case BPF_ALU64 | BPF_RSH | BPF_K:
			r[i->dst_reg] >>= k;
			break;
		case BPF_ALU64 | BPF_AND | BPF_K:
			r[i->dst_reg] &= k;
			break;
		case BPF_JMP | BPF_JNE | BPF_K:
			if (r[i->dst_reg] != k) {
				assert_true(i->off > 0 && at + (size_t)i->off < n);
				at += (size_t)i->off;
			}
			break;
		case BPF_JMP | BPF_EXIT:
			return r[0];
		default:
			fail_msg("instruction %zu: 0x%x", at, i->code);
		}
	}
	fail_msg("it does not end");
	return 0;
}

static void test_verdicts(void **state)
{
	static const struct host_device list[] = { { 1, 3, true }, { 1, 9, false },
		{ 10, 232, true }, { 511, 0xfffff, true } };
	static const struct {
		unsigned type, access, major, minor;
		bool allowed;
	} cases[] = {
		{ BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_READ, 1, 3, true },
		{ BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_WRITE, 1, 3, true },
		{ BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE, 1, 3, true },
		{ BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_MKNOD, 1, 3, false },
		{ BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_MKNOD, 1, 3, false },
		{ BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_ACC_READ, 1, 3, false },
		{ BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_READ, 1, 9, true },
		{ BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_WRITE, 1, 9, false },
		{ BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_READ, 1, 5, false },
		{ BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_WRITE, 10, 232, true },
		{ BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_WRITE, 10, 200, false },
		{ BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_WRITE, 511, 0xfffff, true },
		{ BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_ACC_WRITE, 8, 0, false },
	};
	struct host_device many[HOST_DEVICES_MAX + 1] = { 0 };
	struct bpf_insn program[DEVICE_PROGRAM_MAX];
	size_t n = 0;

	(void)state;
	assert_ok(device_program(list, ARRAY_LEN(list), program, &n));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct bpf_cgroup_dev_ctx ctx = {
			.access_type = cases[i].access << 16 | cases[i].type,
			.major = cases[i].major,
			.minor = cases[i].minor,
		};

		if (verdict(program, n, &ctx) != cases[i].allowed)
			fail_msg("case %zu", i);
	}
	assert_ok(device_program(list, 0, program, &n));
	assert_int_equal(verdict(program, n, &(struct bpf_cgroup_dev_ctx){ .major = 1 }), 0);
	assert_ok(device_program(many, HOST_DEVICES_MAX, program, &n));
	assert_int_equal(n, DEVICE_PROGRAM_MAX);
	assert_err(device_program(many, HOST_DEVICES_MAX + 1, program, &n), ERR_LIMIT);
}

/* A shell that tries all of them once it is told to. */
static struct process shell(int *ret_go, int *ret_said)
{
	static const char *const argv[] = { "sh", "-c",
		"read go; for f in null full zero urandom; do"
		" head -c0 /dev/$f && printf r || printf -; true >/dev/$f && printf w || printf -; "
		"done",
		NULL };
	struct process p = PROCESS_NONE;
	int in[2], out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
	const struct process_spec spec = {
		.argv = argv, .stdin_fd = in[0], .stdout_fd = out[1], .stderr_fd = -1
	};
	assert_ok(process_start(&spec, &p));
	assert_int_equal(close(in[0]) | close(out[1]), 0);
	*ret_go = in[1];
	*ret_said = out[0];
	return p;
}

static void check_root(const char *root)
{
	char path[64], id[32];
	const struct host_cgroup_spec spec = { .path = path, .id = id, .only = true, .root = root };
	AUTO(host_cgroup_freep) struct host_cgroup *g = NULL;
	AUTO(buf_done) struct buf said = BUF_INIT(64);
	AUTO(auto_close) int go = -1;
	AUTO(auto_close) int out = -1;
	AUTO(auto_free) char *left = NULL;
	bool confined = false, again = true;

	(void)snprintf(path, sizeof(path), "/sealpod-devices-%d/pod", (int)getpid());
	(void)snprintf(id, sizeof(id), "devices-%d", (int)getpid());
	if (getuid() != 0 || failed(host_cgroup_new(&spec, &g)))
		skip();
	AUTO(process_end) struct process p = shell(&go, &out);
	const struct host_cgroup_vmm vmm = {
		.pids = { p.pid, 0 },
		.devices = { { "/dev/null", true }, { "/dev/full", false },
			{ "/dev/urandom", false }, { "/dev/no-such-device", true } },
	};
	assert_ok(host_cgroup_confine(g, &vmm, &confined));
	if (!confined)
		skip();
	/* A second pod of that name while the first one's processes are there. */
	assert_err(host_cgroup_confine(g, &vmm, &again), ERR_SYS);
	assert_false(again);
	assert_int_equal(write(go, "\n", 1), 1);
	assert_ok(file_read_fd(out, "pipe", &said));
	assert_string_equal(buf_cstr(&said), "rwr---r-");
	process_end(&p);
	p = PROCESS_NONE;
	host_cgroup_freep(&g);
	assert_ok(str_format(&left, "%s/%s", root ? root : HOST_CGROUP_ROOT "/devices", path));
	assert_false(file_exists(left));
}

static void test_kernel(void **state)
{
	(void)state;
	check_root(NULL);
}

static void test_kernel_version_2(void **state)
{
	(void)state;
	if (!file_exists(HOST_CGROUP_ROOT "/unified/cgroup.controllers"))
		skip();
	check_root(HOST_CGROUP_ROOT "/unified");
}

/* What is no device is a mistake, not a rule that allows nothing. */
static void test_no_device(void **state)
{
	const struct host_cgroup_spec spec = { .id = "devices-none", .only = true };
	const struct host_cgroup_vmm vmm = { .devices = { { "/etc/passwd", true } } };
	AUTO(host_cgroup_freep) struct host_cgroup *g = NULL;
	bool confined = false;

	(void)state;
	if (getuid() != 0 || failed(host_cgroup_new(&spec, &g)))
		skip();
	struct err e = host_cgroup_confine(g, &vmm, &confined);
	if (!failed(e))
		skip(); /* no controller here */
	assert_err(e, ERR_FORMAT);
	assert_false(confined);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_kernel_version_2),
		cmocka_unit_test(test_no_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
