/* How pods run when nobody says, where files are when nobody says, and what contradicts itself. */
#include "config_parts.h"

#include <limits.h>
#include <stdlib.h>

#include <base/file.h>
#include <runtime/guest_files.h>
#include <runtime/host_probe.h>
#include <runtime/pod.h>
#include <runtime/pod_size.h>
#include <runtime/run.h>

enum {
	NONE_OVERHEAD_VCPUS_MILLI = 200, /* Kata's for guests without TEE */
	/* An image of Secure Execution is decrypted in place. (Kata's for that platform) */
	SE_OVERHEAD_MEMORY_MIB = 768
};

static const struct {
	const char *handler;
	const struct vm_platform *platform;
} built_in[] = {
	{ RUNTIME_HANDLER, &vm_none },
	{ "sealpod-vtpm", &vm_vtpm },
	{ "sealpod-snp", &vm_snp },
	{ "sealpod-tdx", &vm_tdx },
	{ "sealpod-sev", &vm_sev },
	{ "sealpod-se", &vm_se },
};

const char *config_built_in_at(size_t i)
{
	return i < ARRAY_LEN(built_in) ? built_in[i].handler : NULL;
}

const struct vm_platform *config_built_in(const char *handler)
{
	for (size_t i = 0; i < ARRAY_LEN(built_in); i++) {
		if (str_equal(built_in[i].handler, handler))
			return built_in[i].platform;
	}
	return NULL;
}

RESULT config_defaults(
	const char *handler, const struct vm_platform *p, struct runtime_config *ret_config)
{
	bool open = p == &vm_none;
	AUTO(runtime_config_done) struct runtime_config c = {
		.platform = p,
		.arch = VM_ARCHS,
		.vcpus = POD_DEFAULT_VCPUS,
		.memory_mib = POD_DEFAULT_MEMORY_MIB,
		.overhead_vcpus_milli = open ? NONE_OVERHEAD_VCPUS_MILLI : POD_OVERHEAD_VCPUS_MILLI,
		.overhead_memory_mib =
			p == &vm_se ? SE_OVERHEAD_MEMORY_MIB : POD_OVERHEAD_MEMORY_MIB,
		.shared_fs = open ? SHARED_FS_VIRTIOFS : SHARED_FS_NONE,
		.empty_dir = open ? EMPTY_DIR_SHARED : EMPTY_DIR_ENCRYPTED,
		.network = NETWORK_TCFILTER,
		.network_queues = 1,
		.sandbox_cgroup_only = true,
		.timeout_s = RUN_TIMEOUT_S,
	};

	TRY(str_dup(handler, &c.handler));
	TRY(str_dup(POD_RUN_DIR, &c.run_dir));
	TRY(str_dup(POD_STATE_DIR, &c.state_dir));
	TRY(str_dup(p->hardware ? "kvm" : "auto", &c.accel));
	TRY(config_annotation_defaults(p, &c.annotations));
	*ret_config = c;
	c = (struct runtime_config){ 0 };
	return OK;
}

void runtime_config_done(struct runtime_config *c)
{
	char *const owned[] = { c->handler, c->run_dir, c->state_dir, c->qemu_user, c->virtiofsd,
		c->accel, c->kernel, c->initrd, c->initrd_open, c->firmware, c->firmware_vars,
		c->cmdline, c->kernel_params, c->initdata, c->cpu_model, c->quote_socket,
		c->id_block, c->id_auth };

	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	strv_done(&c->annotations);
	*c = (struct runtime_config){ 0 };
}

/* ---- what contradicts itself ---- */

static RESULT no_member(const struct runtime_config *c, const char *member, const char *why)
{
	return err_new(ERR_FORMAT, "%s: platform %s %s", member, c->platform->name, why);
}

static RESULT check_boot(const struct runtime_config *c)
{
	const struct vm_platform *p = c->platform;

	if (p->firmware == VM_FIRMWARE_NONE && (c->firmware || c->firmware_vars))
		return no_member(c, "firmware", "boots without it");
	if (p->firmware != VM_FIRMWARE_FLASH && c->firmware_vars)
		return no_member(c, "firmware_vars", "has firmware that keeps nothing");
	if (p->sealed && (c->initrd || c->cmdline || c->debug))
		return no_member(c,
			c->initrd    ? "initrd"
			: c->cmdline ? "cmdline"
				     : "debug",
			"has it inside of its image (member kernel)");
	return OK;
}

static RESULT check_platform(const struct runtime_config *c)
{
	const struct vm_platform *p = c->platform;

	if (c->arch < VM_ARCHS && !(p->archs & 1u << c->arch))
		return no_member(c, "arch", "is of another architecture");
	if (p->hardware && !str_equal(c->accel, "kvm"))
		return no_member(c, "accel", "needs kvm");
	return check_boot(c);
}

/* Where the host may look into files, or choose the command line, nothing is confidential. */
static RESULT check_openness(const struct runtime_config *c)
{
	bool open = c->platform == &vm_none;

	if (c->shared_fs != SHARED_FS_NONE && !open)
		return no_member(c, "shared_fs",
			"keeps its files from the host: only \"none\" goes with it");
	if (c->kernel_params && !open)
		return no_member(c, "kernel_params",
			"measures the command line: use cmdline and its reference values");
	if (c->empty_dir == EMPTY_DIR_SHARED && c->shared_fs == SHARED_FS_NONE)
		return err_new(ERR_FORMAT, "empty_dir: \"shared\" needs shared_fs = \"virtiofs\"");
	if (c->cmdline && c->debug)
		return err_new(ERR_FORMAT, "cmdline and debug: one of them");
	for (size_t i = 0; i < c->annotations.n; i++)
		TRY(config_annotation_check(c->annotations.v[i], c->platform));
	return OK;
}

static RESULT check_option(
	const struct runtime_config *c, unsigned option, bool given, const char *member)
{
	return given && !(c->platform->options & option) ? no_member(c, member, "does not take it")
							 : OK;
}

RESULT config_check(const struct runtime_config *c)
{
	TRY(check_platform(c));
	TRY(check_openness(c));
	TRY(check_option(c, VM_POLICY, c->protection.has_policy, "policy"));
	TRY(check_option(c, VM_ID_BLOCK, c->id_block || c->id_auth, "id_block"));
	TRY(check_option(c, VM_CPU_MODEL, c->cpu_model, "cpu_model"));
	TRY(check_option(c, VM_QUOTE_SOCKET, c->quote_socket, "quote_socket"));
	if (!c->id_block != !c->id_auth)
		return err_new(ERR_FORMAT, "id_block and id_auth go together");
	return OK;
}

/* ---- files ---- */

static RESULT find_firmware(struct runtime_config *c)
{
	AUTO(buf_done) struct buf path = BUF_INIT(PATH_MAX);

	if (c->platform->firmware == VM_FIRMWARE_NONE)
		return OK;
	if (!c->firmware) {
		TRY(host_firmware("", c->platform, &path));
		TRY(bytes_to_str(buf_bytes(&path), &c->firmware));
	}
	if (c->platform->firmware == VM_FIRMWARE_FLASH && !c->firmware_vars)
		TRY(guest_files_firmware_vars(c->firmware, &c->firmware_vars));
	return OK;
}

/* Smaller and uncompressed; of images made otherwise there may be none. */
static RESULT find_open_initrd(const char *dir, struct runtime_config *c)
{
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(dir, "initrd-open", &path));
	if (file_exists(path) && !c->initrd_open)
		c->initrd_open = TAKE(path);
	return OK;
}

static RESULT find_guest(struct runtime_config *c)
{
	AUTO(auto_free) char *dir = NULL;

	if (c->platform->sealed && !c->kernel)
		return err_new(ERR_NOT_FOUND,
			"handler %s: no image; name it as 'kernel' (sealpod image se build makes "
			"one)",
			c->handler);
	if (c->kernel && (c->initrd || c->platform->sealed))
		return OK;
	TRY(guest_files_dir(c->arch, &dir));
	if (!c->kernel)
		TRY(path_join(dir, "vmlinuz", &c->kernel));
	if (c->initrd)
		return OK;
	if (c->platform == &vm_none)
		TRY(find_open_initrd(dir, c));
	return path_join(dir, "initrd", &c->initrd);
}

static RESULT find_arch(struct runtime_config *c)
{
	enum vm_arch host = vm_arch_host();
	const char *want = c->arch < VM_ARCHS ? vm_arch_info(c->arch)->name : NULL;

	if (!want && !c->kernel && host < VM_ARCHS && (c->platform->archs & 1u << host))
		want = vm_arch_info(host)->name;
	TRY(guest_files_arch(want, c->kernel, c->platform->archs, &c->arch));
	return OK;
}

RESULT runtime_config_find(struct runtime_config *c)
{
	TRY(find_arch(c));
	TRY(find_firmware(c));
	return find_guest(c);
}
