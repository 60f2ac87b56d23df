#include "host_devices.h"

#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

enum {
	ACCESS_SHIFT = 16, /* bpf_cgroup_dev_ctx.access_type: access above, type below */
	PER_DEVICE = 8,
	RULE_MAX = 64
};

/* ---- version 1 (admin-guide/cgroup-v1/devices.rst) ---- */

static RESULT limit_v1(
	const struct hierarchy *h, const char *group, const struct host_device *list, size_t n)
{
	char rule[RULE_MAX];

	TRY(cgroup_write(h->dir, group, "devices.deny", "a"));
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(rule, sizeof(rule), "c %u:%u %s", list[i].major, list[i].minor,
			list[i].write ? "rw" : "r");
		TRY(cgroup_write(h->dir, group, "devices.allow", rule));
	}
	return OK;
}

/* ---- version 2 (admin-guide/cgroup-v2.rst, "Device controller"; bpf.h) ---- */

static struct bpf_insn insn(unsigned code, unsigned to, unsigned from, int off, int imm)
{
	return (struct bpf_insn){
		.code = (uint8_t)code,
		.dst_reg = (uint8_t)(to & 0xf),
		.src_reg = (uint8_t)(from & 0xf),
		.off = (int16_t)off,
		.imm = imm,
	};
}

static struct bpf_insn load(unsigned to, size_t at)
{
	return insn(BPF_LDX | BPF_MEM | BPF_W, to, BPF_REG_1, (int)at, 0);
}

/* Past what is left of the device's `PER_DEVICE` instructions. */
static struct bpf_insn skip_unless(unsigned op, unsigned reg, unsigned value, size_t at)
{
	return insn(BPF_JMP | op | BPF_K, reg, 0, (int)(PER_DEVICE - at - 1), (int)value);
}

/* What is asked for must be within what the device is for: nothing is left after masking. */
static void put_device(const struct host_device *d, struct bpf_insn *to)
{
	int asked = ~(BPF_DEVCG_ACC_READ | (d->write ? BPF_DEVCG_ACC_WRITE : 0));

	to[0] = skip_unless(BPF_JNE, BPF_REG_2, BPF_DEVCG_DEV_CHAR, 0);
	to[1] = skip_unless(BPF_JNE, BPF_REG_4, d->major, 1);
	to[2] = skip_unless(BPF_JNE, BPF_REG_5, d->minor, 2);
	to[3] = insn(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_0, BPF_REG_3, 0, 0);
	to[4] = insn(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_0, 0, 0, asked);
	to[5] = skip_unless(BPF_JNE, BPF_REG_0, 0, 5);
	to[6] = insn(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1);
	to[7] = insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

RESULT device_program(
	const struct host_device *list, size_t n, struct bpf_insn *ret_program, size_t *ret_n)
{
	struct bpf_insn *p = ret_program;

	if (n > HOST_DEVICES_MAX)
		return err_new(ERR_LIMIT, "more than %d devices", HOST_DEVICES_MAX);
	*p++ = load(BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	*p++ = insn(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	*p++ = insn(BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, ACCESS_SHIFT);
	*p++ = insn(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, (1 << ACCESS_SHIFT) - 1);
	*p++ = load(BPF_REG_4, offsetof(struct bpf_cgroup_dev_ctx, major));
	*p++ = load(BPF_REG_5, offsetof(struct bpf_cgroup_dev_ctx, minor));
	for (size_t i = 0; i < n; i++, p += PER_DEVICE)
		put_device(&list[i], p);
	*p++ = insn(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
	*p++ = insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	*ret_n = (size_t)(p - ret_program);
	return OK;
}

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static RESULT load_program(const struct host_device *list, size_t n, int *ret_fd)
{
	static const char license[] = "Apache-2.0";
	struct bpf_insn program[DEVICE_PROGRAM_MAX];
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE };
	size_t count = 0;

	TRY(device_program(list, n, program, &count));
	attr.insns = (uintptr_t)program;
	attr.insn_cnt = (uint32_t)count;
	attr.license = (uintptr_t)license;
	int fd = bpf(BPF_PROG_LOAD, &attr);
	if (fd < 0 && (errno == ENOSYS || errno == EINVAL))
		return err_new(ERR_UNSUPPORTED, "this kernel has no programs for devices");
	if (fd < 0)
		return err_new(ERR_SYS, "loading the program for devices");
	*ret_fd = fd;
	return OK;
}

static RESULT limit_v2(
	const struct hierarchy *h, const char *group, const struct host_device *list, size_t n)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_close) int program = -1;

	TRY(cgroup_file(h->dir, group, "", &path));
	TRY(load_program(list, n, &program));
	AUTO(auto_close) int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_new(ERR_SYS, "control group %s", path);
	/* Those of the groups above stay, and all have to agree. */
	union bpf_attr attr = {
		.target_fd = (uint32_t)dir,
		.attach_bpf_fd = (uint32_t)program,
		.attach_type = BPF_CGROUP_DEVICE,
		.attach_flags = BPF_F_ALLOW_MULTI,
	};
	if (bpf(BPF_PROG_ATTACH, &attr) != 0)
		return err_new(ERR_SYS, "the program for devices of control group %s", group);
	return OK;
}

RESULT host_devices_limit(
	const struct hierarchy *h, const char *group, const struct host_device *list, size_t n)
{
	struct err e = h->v2 ? limit_v2(h, group, list, n) : limit_v1(h, group, list, n);

	return failed(e) ? err_add(e, "limiting devices") : OK;
}

/* ---- the machine's group ---- */

/* Of version 1 the controller may be anywhere; where it is not, version 2 has its programs. */
static const struct hierarchy *find_controller(const struct host_cgroup *g)
{
	const struct hierarchy *v2 = NULL;

	for (size_t i = 0; i < g->n; i++) {
		AUTO(auto_free) char *path = NULL;
		const struct hierarchy *h = &g->hierarchies[i];

		if (h->v2)
			v2 = h;
		else if (!failed(cgroup_file(h->dir, g->pod, "devices.allow", &path)) &&
			 file_exists(path))
			return h;
	}
	return v2;
}

static RESULT find_devices(
	const struct host_cgroup_vmm *vmm, struct host_device *ret_list, size_t *ret_n)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(vmm->devices) && vmm->devices[i].path; i++) {
		struct stat st;

		if (stat(vmm->devices[i].path, &st) != 0)
			continue; /* what is not there cannot be opened either */
		if (!S_ISCHR(st.st_mode))
			return err_new(
				ERR_FORMAT, "%s is no character device", vmm->devices[i].path);
		ret_list[n++] = (struct host_device){ .major = major(st.st_rdev),
			.minor = minor(st.st_rdev),
			.write = vmm->devices[i].write };
	}
	*ret_n = n;
	return OK;
}

static RESULT enter_vmm(
	const struct hierarchy *h, const char *group, const struct host_cgroup_vmm *vmm)
{
	for (size_t i = 0; i < ARRAY_LEN(vmm->pids); i++) {
		char number[24];

		if (vmm->pids[i] <= 0)
			continue;
		(void)snprintf(number, sizeof(number), "%d", (int)vmm->pids[i]);
		TRY(cgroup_write(h->dir, group, "cgroup.procs", number));
	}
	return OK;
}

RESULT host_cgroup_confine(
	struct host_cgroup *g, const struct host_cgroup_vmm *vmm, bool *ret_confined)
{
	const struct hierarchy *h = find_controller(g);
	struct host_device list[HOST_DEVICES_MAX];
	AUTO(auto_free) char *path = NULL;
	size_t n = 0;

	*ret_confined = false;
	if (!h)
		return OK;
	TRY(find_devices(vmm, list, &n));
	TRY(cgroup_file(h->dir, g->vmm, "", &path));
	(void)rmdir(path); /* of a pod of that name that was killed; one that lives keeps it */
	if (mkdir(path, 0755) != 0)
		return err_new(ERR_SYS, "control group %s", path);
	struct err e = host_devices_limit(h, g->vmm, list, n);
	if (e.code == ERR_UNSUPPORTED)
		return OK;
	TRY(e);
	TRY(enter_vmm(h, g->vmm, vmm));
	*ret_confined = true;
	return OK;
}
