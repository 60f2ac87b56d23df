/* sealpod run: a container in a confidential guest, in the foreground. */
#include "commands.h"
#include "run_protection.h"
#include "run_show.h"

#include <limits.h>
#include <stdio.h>

#include <base/encode.h>
#include <base/file.h>
#include <runtime/guest_files.h>
#include <runtime/host_probe.h>
#include <runtime/pod.h>
#include <runtime/pod_initdata.h>
#include <sys/stat.h>

enum {
	TEXT_MAX = INITDATA_MAX,
	TIMEOUT_MAX_S = 24 * 3600
};

struct run_options {
	const char *platform, *kbs, *kbs_ca, *initdata, *manifest, *image_policy, *registry_ca;
	uint64_t memory, cpus, timeout;
	struct strv env;
	const char *net, *name, *container, *kernel, *initrd, *append, *firmware, *accel;
	const char *arch, *run_dir, *state_dir, *qemu_user;
	struct run_protection protection;
	bool interactive, debug, quiet, print_append;
};

#define ROW(text, short, member, k, ...)                                                           \
	{                                                                                          \
		.name = (text), .letter = (short), .kind = (k),                                    \
		.offset = offsetof(struct run_options, member), __VA_ARGS__                        \
	}
#define FILE_ROW(text, member, what)                                                               \
	ROW(text, 0, member, CLI_STRING, .value = "FILE", .help = (what))
#define FLAG_ROW(text, short, member, what) ROW(text, short, member, CLI_FLAG, .help = (what))

static const struct cli_option options[] = {
	ROW("platform", 0, platform, CLI_CHOICE, .choices = "tdx|snp|sev|sev-es|se|vtpm|none",
		.help = "what protects the guest (vtpm)"),
	ROW("arch", 0, arch, CLI_CHOICE, .choices = "x86_64|s390x",
		.help = "architecture of the guest (the kernel's)"),
	ROW("kbs", 0, kbs, CLI_STRING, .value = "URL", .help = "key broker"),
	FILE_ROW("kbs-ca", kbs_ca, "certificates (PEM) that vouch for the key broker"),
	FILE_ROW("initdata", initdata, "initdata (TOML), instead of one made from these options"),
	FILE_ROW("manifest", manifest, "pod manifest (JSON); default: this image, these arguments"),
	ROW("image-policy", 0, image_policy, CLI_STRING, .value = "FILE|URI",
		.help = "who must have signed images: containers-policy.json or kbs:// URI"),
	FILE_ROW("registry-ca", registry_ca, "certificates (PEM) that vouch for the registry"),
	ROW("memory", 'm', memory, CLI_U64, .value = "MIB", .max = VM_MEMORY_MIB_MAX,
		.help = "memory of the guest (2048)"),
	ROW("cpus", 0, cpus, CLI_U64, .value = "N", .max = VM_CPUS_MAX,
		.help = "processors of the guest (1)"),
	ROW("env", 'e', env, CLI_LIST, .value = "NAME=VALUE",
		.help = "environment variable of the container; repeatable"),
	ROW("net", 0, net, CLI_CHOICE, .choices = "user|none",
		.help = "network of the guest (user)"),
	ROW("name", 0, name, CLI_STRING, .value = "NAME", .help = "name of the pod (random)"),
	ROW("container", 0, container, CLI_STRING, .value = "NAME",
		.help = "container of the manifest (the one with this image)"),
	FLAG_ROW("interactive", 'i', interactive, "forward standard input from a terminal too"),
	FILE_ROW("kernel", kernel, "guest kernel"),
	FILE_ROW("initrd", initrd, "guest initrd"),
	ROW("append", 0, append, CLI_STRING, .value = "TEXT",
		.help = "kernel command line; another one is another measurement"),
	FLAG_ROW("debug", 0, debug, "the shipped command line that shows kernel messages"),
	FLAG_ROW("print-append", 0, print_append,
		"print the kernel command line that would be used, and end"),
	FILE_ROW("firmware", firmware, "OVMF_CODE image; snp, sev, sev-es, tdx: the whole image"),
	ROW("policy", 0, protection.policy, CLI_STRING, .value = "BITS",
		.help = "snp, sev, sev-es: guest policy, 0x... or decimal"),
	FILE_ROW("id-block", protection.id_block, "snp: ID block, raw or base64"),
	FILE_ROW("id-auth", protection.id_auth, "snp: its authentication, raw or base64"),
	FILE_ROW("session", protection.session, "sev, sev-es: the owner's launch session"),
	FILE_ROW("dh-cert", protection.dh_cert, "sev, sev-es: the owner's certificate"),
	ROW("cpu-model", 0, protection.cpu_model, CLI_STRING, .value = "NAME",
		.help = "snp, sev, sev-es: QEMU's name of the processor (EPYC-v4, EPYC-v3)"),
	ROW("quote-socket", 0, protection.quote_socket, CLI_STRING, .value = "ADDRESS",
		.help = "tdx: who makes quotes, unix:///PATH or vsock://CID:PORT"),
	ROW("accel", 0, accel, CLI_CHOICE, .choices = "auto|kvm|tcg",
		.help = "hardware or software emulation (auto)"),
	ROW("qemu-user", 0, qemu_user, CLI_STRING, .value = "NAME",
		.help = "user that QEMU runs as (as root: one of the pod's own)"),
	ROW("timeout", 0, timeout, CLI_U64, .value = "SECONDS", .max = TIMEOUT_MAX_S,
		.help = "give up when starting shows no progress for so long (120)"),
	FLAG_ROW("quiet", 'q', quiet, "say nothing but failures"),
	ROW("run-dir", 0, run_dir, CLI_STRING, .value = "DIR",
		.help = "running pods (" POD_RUN_DIR ")"),
	ROW("state-dir", 0, state_dir, CLI_STRING, .value = "DIR",
		.help = "TPM authority and timelines (" POD_STATE_DIR ")"),
	{ 0 },
};

static const char *or_default(const char *value, const char *fallback)
{
	return value ? value : fallback;
}

static RESULT read_optional(const char *path, struct buf *out)
{
	return path ? file_read(path, out) : OK;
}

static bool is_kbs_uri(const char *text)
{
	return str_starts(text, "kbs://") || str_starts(text, "kbs+");
}

static bool wants_stdin(const struct run_options *o)
{
	struct stat st;

	if (o->interactive)
		return true;
	if (fstat(STDIN_FILENO, &st) < 0)
		return false;
	/* Something was redirected here on purpose; a terminal or /dev/null was not. */
	return S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode);
}

static RESULT make_manifest(
	const struct run_options *o, const struct cli_args *args, struct buf *out)
{
	if (o->manifest)
		return file_read(o->manifest, out);
	const struct pod_manifest m = {
		.name = or_default(o->container, "app"),
		.image = args->v[0],
		.argv = args->v + 1,
		.n_argv = args->n - 1,
		.env = &o->env,
		.stdin_allowed = wants_stdin(o),
	};
	return pod_manifest_make(&m, out);
}

static RESULT make_initdata(
	const struct run_options *o, const struct cli_args *args, struct buf *toml)
{
	AUTO(buf_done) struct buf kbs_ca = BUF_INIT(TEXT_MAX);
	AUTO(buf_done) struct buf registry_ca = BUF_INIT(TEXT_MAX);
	AUTO(buf_done) struct buf policy = BUF_INIT(TEXT_MAX);
	AUTO(buf_done) struct buf manifest = BUF_INIT(TEXT_MAX);
	bool uri = o->image_policy && is_kbs_uri(o->image_policy);

	TRY(read_optional(o->kbs_ca, &kbs_ca));
	TRY(read_optional(o->registry_ca, &registry_ca));
	TRY(read_optional(uri ? NULL : o->image_policy, &policy));
	TRY(make_manifest(o, args, &manifest));
	const struct pod_initdata from = {
		.kbs = o->kbs,
		.kbs_ca = buf_bytes(&kbs_ca),
		.manifest = buf_bytes(&manifest),
		.image_policy = buf_bytes(&policy),
		.image_policy_uri = uri ? o->image_policy : NULL,
		.registry_ca = buf_bytes(&registry_ca),
	};
	return pod_initdata_make(&from, toml);
}

static RESULT load_initdata(
	const struct run_options *o, const struct cli_args *args, struct buf *toml)
{
	if (!o->initdata)
		return make_initdata(o, args, toml);
	if (o->kbs || o->kbs_ca || o->manifest || o->image_policy || o->registry_ca)
		return err_new(ERR_USAGE, "--initdata holds the broker, manifest and image policy: "
					  "it goes without those options");
	return file_read(o->initdata, toml);
}

static RESULT print_digest(
	const struct run_options *o, const struct vm_platform *platform, struct bytes toml)
{
	struct digest_value d;
	char hex[2 * DIGEST_MAX + 1];

	TRY(initdata_digest(toml, &d));
	hex_to(digest_bytes(&d), hex);
	if (o->quiet)
		return OK;
	(void)fprintf(stderr, "initdata %s %s\n", digest_name(d.alg), hex);
	if (platform->hardware && !platform->initdata_size)
		(void)fprintf(stderr,
			"the launch of platform %s has no field for it: evidence does not show "
			"it\n",
			platform->name);
	return OK;
}

/* Files that the defaults name; the run borrows them. */
struct run_files {
	char *kernel, *initrd, *firmware, *vars;
};

static void run_files_done(struct run_files *f)
{
	free(f->kernel);
	free(f->initrd);
	free(f->firmware);
	free(f->vars);
}

static RESULT find_firmware(
	const struct run_options *o, const struct run_config *c, struct run_files *f)
{
	AUTO(buf_done) struct buf path = BUF_INIT(PATH_MAX);

	if (c->platform->firmware == VM_FIRMWARE_NONE)
		return o->firmware ? err_new(ERR_USAGE, "platform %s boots without firmware",
					     c->platform->name)
				   : OK;
	if (!o->firmware)
		TRY(host_firmware("", c->platform, &path));
	TRY(str_dup(o->firmware ? o->firmware : buf_cstr(&path), &f->firmware));
	return c->platform->firmware == VM_FIRMWARE_FLASH
		       ? guest_files_firmware_vars(f->firmware, &f->vars)
		       : OK;
}

static RESULT find_files(
	const struct run_options *o, const struct run_config *c, struct run_files *f)
{
	AUTO(auto_free) char *dir = NULL;
	bool sealed = c->platform->sealed;

	TRY(find_firmware(o, c, f));
	if (sealed && (o->initrd || o->append || o->debug))
		return err_new(ERR_USAGE,
			"platform %s: initrd and command line are inside of the image --kernel",
			c->platform->name);
	if (sealed && !o->kernel)
		return err_new(
			ERR_USAGE, "platform %s: no image given (--kernel)", c->platform->name);
	if (o->kernel && (o->initrd || sealed))
		return OK;
	TRY(guest_files_dir(c->arch, &dir));
	TRY(path_join(dir, "vmlinuz", &f->kernel));
	return path_join(dir, "initrd", &f->initrd);
}

/* The first thing a user must hear is that this host cannot do it. */
static RESULT check_host(const struct run_options *o, struct run_config *c)
{
	const struct host_question q = {
		.platform = c->platform,
		.firmware = o->firmware,
		.quote_socket = o->protection.quote_socket,
	};

	return c->platform->hardware ? host_prepare(&q, &c->protection) : OK;
}

static RESULT choose_machine(const struct run_options *o, struct run_config *c)
{
	const char *why = NULL;

	TRY(vm_platform_find(or_default(o->platform, "vtpm"), &c->platform));
	TRY(run_protection_read(&o->protection, &c->protection));
	TRY(check_host(o, c));
	TRY(guest_files_arch(o->arch, o->kernel, c->platform->archs, &c->arch));
	TRY(vm_accel_choose(c->arch, or_default(o->accel, c->platform->hardware ? "kvm" : "auto"),
		&c->accel, &why));
	if (why && !o->quiet)
		(void)fprintf(stderr, "software emulation (TCG): %s; the guest runs slowly\n", why);
	const struct vm_config intended = {
		.arch = c->arch,
		.accel = c->accel,
		.protection = c->protection,
	};
	return vm_check(c->platform, &intended);
}

static void print_result(const struct run_result *r, const struct cli_args *args)
{
	AUTO(buf_done) struct buf out = BUF_INIT(TIMELINE_TEXT_MAX);
	struct json_writer w = jw_of(&out);

	if (!args->json || !r->record.id)
		return;
	jw_object(&w);
	run_show_timeline_json(&r->record, &w);
	jw_object_end(&w);
	buf_puts(&out, "\n");
	/* A reader that left has no use for it. */
	err_ignore(fd_write_all(STDOUT_FILENO, buf_bytes(&out)));
}

static const char *append(const struct run_options *o, enum vm_arch arch)
{
	const struct vm_arch_info *a = vm_arch_info(arch);

	return or_default(o->append, o->debug ? a->append_debug : a->append);
}

static RESULT fill_config(const struct run_options *o, const struct cli_args *args,
	const struct run_files *f, struct run_config *c)
{
	c->run_dir = or_default(o->run_dir, POD_RUN_DIR);
	c->state_dir = or_default(o->state_dir, POD_STATE_DIR);
	c->qemu_user = o->qemu_user;
	c->memory_mib = o->memory ? o->memory : VM_MEMORY_MIB;
	if (c->memory_mib < VM_MEMORY_MIB_MIN)
		return err_new(ERR_USAGE, "--memory: at least %d MiB", VM_MEMORY_MIB_MIN);
	c->cpus = o->cpus ? o->cpus : 1;
	c->kernel = or_default(o->kernel, f->kernel);
	c->initrd = or_default(o->initrd, f->initrd);
	c->append = append(o, c->arch);
	c->firmware = f->firmware;
	c->firmware_vars = f->vars;
	c->net_user = !str_equal(or_default(o->net, "user"), "none");
	c->name = o->name;
	c->container = o->container;
	c->image = args->v[0];
	c->argv = args->v + 1;
	c->n_argv = args->n - 1;
	c->env = &o->env;
	c->timeout_s = o->timeout ? o->timeout : RUN_TIMEOUT_S;
	c->stdin_fd = wants_stdin(o) ? STDIN_FILENO : -1;
	/* With --json standard output is one object and nothing else. */
	c->stdout_fd = args->json ? STDERR_FILENO : STDOUT_FILENO;
	c->stderr_fd = STDERR_FILENO;
	return OK;
}

static RESULT run_image(const struct run_options *o, const struct cli_args *args, int *ret_exit)
{
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);
	AUTO(run_files_done) struct run_files files = { 0 };
	AUTO(run_result_done) struct run_result result = { 0 };
	struct run_show show = { .live = isatty(STDERR_FILENO) == 1 && !o->quiet };
	struct run_config c = { .progress = run_show_progress, .arg = &show };

	TRY(choose_machine(o, &c));
	TRY(find_files(o, &c, &files));
	TRY(load_initdata(o, args, &toml));
	TRY(fill_config(o, args, &files, &c));
	TRY(print_digest(o, c.platform, buf_bytes(&toml)));
	c.initdata = buf_bytes(&toml);
	struct err e = run_pod(&c, &result);
	run_show_clear(&show);
	print_result(&result, args);
	if (failed(e)) {
		if (result.console[0])
			(void)fprintf(
				stderr, "the guest's console ended with:\n%s", result.console);
		if (!result.interrupted)
			return e;
		(void)fprintf(stderr, "sealpod: %s\n", err_text());
	}
	if (result.stdin_failure)
		(void)fprintf(
			stderr, "standard input was not forwarded: %s\n", result.stdin_failure);
	*ret_exit = (int)result.record.exit_status;
	return OK;
}

/* What QEMU would get. Without an image or a document, initdata is not known and not in it. */
static RESULT print_append(const struct run_options *o, const struct cli_args *args)
{
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);
	AUTO(auto_free) char *bound = NULL;
	const struct vm_platform *platform = NULL;
	struct digest_value digest;
	enum vm_arch arch;

	TRY(vm_platform_find(or_default(o->platform, "vtpm"), &platform));
	TRY(guest_files_arch(o->arch, o->kernel, platform->archs, &arch));
	if (platform->initdata_append && (o->initdata || args->n > 0)) {
		TRY(load_initdata(o, args, &toml));
		TRY(initdata_digest(buf_bytes(&toml), &digest));
		TRY(initdata_append(append(o, arch), &digest, &bound));
	}
	(void)printf("%s\n", bound ? bound : append(o, arch));
	return OK;
}

static RESULT run(const void *opaque, const struct cli_args *args, int *ret_exit)
{
	const struct run_options *o = opaque;

	if (o->print_append)
		return print_append(o, args);
	if (args->n == 0)
		return err_new(ERR_USAGE, "sealpod run: no image given");
	if (o->run_dir)
		(void)pod_reap(o->run_dir);
	return run_image(o, args, ret_exit);
}

const struct cli_command cmd_run = {
	.name = "run",
	.summary = "run a container in a confidential guest",
	.operands = "IMAGE [-- ARGUMENT...]",
	.max_operands = SIZE_MAX,
	.options = options,
	.options_size = sizeof(struct run_options),
	.run = run,
	.notes = "The exit status is the container's; 1 when the guest or the broker refused.",
};
