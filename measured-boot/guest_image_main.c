/* sealpod-guest-image: kernel + list of files -> initrd and its reference values. */
#include "guest_image.h"
#include "pack.h"
#include "reference_files.h"

#include <base/cli.h>
#include <base/file.h>
#include <measured-boot/guest_manifest.h>
#include <measured-boot/linux_boot.h>
#include <measured-boot/ovmf.h>
#include <measured-boot/se_image.h>

enum {
	IMAGE_BUDGET = 32 * 1024 * 1024, /* kernel and initrd as loaded */
	VERSION_MAX = 128,
	PEM_MAX = 64 * 1024,
	VARIABLES_MAX = 16
};

#define IMAGE_NAME "sealpod-guest"

struct options {
	struct strv lists;
	struct strv sets;
	const char *arch, *root, *kernel;
	const char *firmware, *firmware_version;
	const char *out;
	const char *compression;
	const char *name, *sign_key, *signer;
	uint64_t version, vcpus, guest_features;
	const char *snp_firmware, *tdx_firmware, *se_image;
	struct strv cpu_models;
};

static const struct cli_option option_table[] = {
	{ .name = "list",
		.kind = CLI_LIST,
		.offset = offsetof(struct options, lists),
		.value = "FILE",
		.help = "what the image holds; may be given again" },
	{ .name = "set",
		.kind = CLI_LIST,
		.offset = offsetof(struct options, sets),
		.value = "NAME=VALUE",
		.help = "variable @NAME@ of the lists" },
	{ .name = "arch",
		.kind = CLI_CHOICE,
		.offset = offsetof(struct options, arch),
		.choices = "x86_64|s390x",
		.value = "NAME",
		.help = "what the image is for (x86_64); variable @arch@ of the lists" },
	{ .name = "root",
		.kind = CLI_STRING,
		.offset = offsetof(struct options, root),
		.value = "DIR",
		.help = "where libraries are found (/); variable @root@ of the lists" },
	{ .name = "kernel",
		.kind = CLI_STRING,
		.offset = offsetof(struct options, kernel),
		.value = "DIR",
		.help = "directory with vmlinuz, modules and version",
		.required = true },
	{ .name = "firmware",
		.kind = CLI_STRING,
		.offset = offsetof(struct options, firmware),
		.value = "FILE",
		.help = "OVMF code image that the reference values are for; without it there "
			"are none" },
	{ .name = "firmware-version",
		.kind = CLI_STRING,
		.offset = offsetof(struct options, firmware_version),
		.value = "TEXT",
		.help = "version of its package, which some builds measure" },
	{ .name = "out",
		.kind = CLI_STRING,
		.offset = offsetof(struct options, out),
		.value = "DIR",
		.help = "where the image is written",
		.required = true },
	{ .name = "compression",
		.kind = CLI_CHOICE,
		.offset = offsetof(struct options, compression),
		.choices = "zstd|xz|none",
		.value = "KIND",
		.help = "of the initrd (zstd)" },
	{ .name = "name",
		.kind = CLI_STRING,
		.offset = offsetof(struct options, name),
		.value = "IMAGE",
		.help = "name in the reference values (" IMAGE_NAME ")" },
	{ .name = "image-version",
		.kind = CLI_U64,
		.offset = offsetof(struct options, version),
		.value = "N",
		.max = INT64_MAX,
		.help = "version there: brokers replace lower ones (0)" },
	{ .name = "sign-key",
		.kind = CLI_STRING,
		.offset = offsetof(struct options, sign_key),
		.value = "FILE",
		.help = "private key (PEM) that signs the reference values" },
	{ .name = "signer",
		.kind = CLI_STRING,
		.offset = offsetof(struct options, signer),
		.value = "NAME",
		.help = "whose key it is (the image's name)" },
	{ .name = "snp-firmware",
		.kind = CLI_STRING,
		.offset = offsetof(struct options, snp_firmware),
		.value = "FILE",
		.help = "OVMF of SEV-SNP guests: add their launch measurements" },
	{ .name = "tdx-firmware",
		.kind = CLI_STRING,
		.offset = offsetof(struct options, tdx_firmware),
		.value = "FILE",
		.help = "OVMF of TDX guests: add their MRTD, RTMR 1 and 2" },
	{ .name = "se-image",
		.kind = CLI_STRING,
		.offset = offsetof(struct options, se_image),
		.value = "FILE",
		.help = "Secure Execution boot image: add its tag, digests and hosts" },
	{ .name = "vcpus",
		.kind = CLI_U64,
		.offset = offsetof(struct options, vcpus),
		.value = "N",
		.max = MACHINE_CPUS_MAX,
		.help = "values for 1 to N processors (all)" },
	{ .name = "cpu-model",
		.kind = CLI_LIST,
		.offset = offsetof(struct options, cpu_models),
		.value = "NAME",
		.help = "of SEV-SNP guests; may be given again (each of QEMU's)" },
	{ .name = "guest-features",
		.kind = CLI_U64,
		.offset = offsetof(struct options, guest_features),
		.value = "N",
		.max = UINT32_MAX,
		.help = "SEV_FEATURES of SEV-SNP guests (1 and 33)" },
	{ 0 },
};

struct product {
	struct buf kernel, firmware, initrd, version, snp_firmware, tdx_firmware, se_image;
	size_t unpacked;
	struct guest_image image;
};

static void product_done(struct product *p)
{
	buf_done(&p->kernel);
	buf_done(&p->firmware);
	buf_done(&p->initrd);
	buf_done(&p->version);
	buf_done(&p->snp_firmware);
	buf_done(&p->tdx_firmware);
	buf_done(&p->se_image);
	guest_image_done(&p->image);
}

static RESULT read_in(const char *dir, const char *name, size_t max, struct buf *ret)
{
	AUTO(auto_free) char *path = NULL;

	*ret = BUF_INIT(max);
	TRY(path_join(dir, name, &path));
	return file_read(path, ret);
}

static RESULT write_out(const char *dir, const char *name, struct bytes data)
{
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(dir, name, &path));
	return file_write_atomic(path, data, 0644);
}

static RESULT add_variable(struct json_map *map, const char *name, size_t n, const char *value)
{
	struct json_pair *p = &map->v[map->n];

	if (map->n >= VARIABLES_MAX)
		return err_new(ERR_USAGE, "more than %d variables", VARIABLES_MAX);
	TRY(str_format(&p->name, "%.*s", (int)n, name));
	map->n++;
	return str_dup(value, &p->value);
}

static RESULT add_variables(
	const struct strv *sets, const struct guest_target *target, struct json_map *map)
{
	TRY(add_variable(map, "arch", strlen("arch"), target->arch));
	TRY(add_variable(map, "root", strlen("root"), target->root));
	for (size_t i = 0; i < sets->n; i++) {
		const char *name = sets->v[i], *equals = strchr(name, '=');
		if (!equals)
			return err_new(ERR_USAGE, "--set %s: not NAME=VALUE", name);
		TRY(add_variable(map, name, (size_t)(equals - name), equals + 1));
	}
	return OK;
}

static void free_pairs(struct json_map *map)
{
	for (size_t i = 0; i < map->n; i++) {
		free(map->v[i].name);
		free(map->v[i].value);
	}
}

static RESULT read_lists(
	const struct options *o, const struct guest_target *target, struct image_list *list)
{
	struct json_pair pairs[VARIABLES_MAX] = { 0 };
	AUTO(free_pairs) struct json_map variables = { .v = pairs };

	TRY(add_variables(&o->sets, target, &variables));
	for (size_t i = 0; i < o->lists.n; i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(IMAGE_LIST_MAX);
		TRY(file_read(o->lists.v[i], &text));
		TRY(image_list_parse(buf_bytes(&text), o->lists.v[i], &variables, list));
	}
	return OK;
}

static enum packing packing_of(const char *word)
{
	if (word && str_equal(word, "xz"))
		return PACK_XZ;
	return word && str_equal(word, "none") ? PACK_NONE : PACK_ZSTD;
}

static RESULT make_initrd(const struct options *o, struct product *p)
{
	AUTO(image_list_done) struct image_list list = { 0 };
	AUTO(module_index_done) struct module_index index = { 0 };
	AUTO(auto_free) char *modules = NULL;
	AUTO(buf_done) struct buf cpio = BUF_INIT(TREE_SIZE_MAX);
	struct guest_target target;

	TRY(guest_target_find(o->arch ? o->arch : "x86_64", &target));
	if (o->root)
		target.root = o->root;
	TRY(read_lists(o, &target, &list));
	TRY(path_join(o->kernel, "modules", &modules));
	TRY(module_index_read(modules, &index));
	TRY(guest_image_gather(&list, &index, &target, &p->image));
	TRY(tree_to_cpio(&p->image.tree, &cpio));
	p->unpacked = cpio.n;
	p->initrd = BUF_INIT(TREE_SIZE_MAX);
	return pack(packing_of(o->compression), buf_bytes(&cpio), &p->initrd);
}

static RESULT write_sizes(const struct options *o, const struct product *p)
{
	AUTO(buf_done) struct buf text = BUF_INIT(4096);
	size_t loaded = p->kernel.n + p->initrd.n;

	buf_printf(&text, "programs\t%zu\nlibraries\t%zu\nmodules\t%zu\n", p->image.programs,
		p->image.libraries, p->image.modules);
	buf_printf(&text, "initrd unpacked\t%zu\ninitrd\t%zu\nkernel\t%zu\n", p->unpacked,
		p->initrd.n, p->kernel.n);
	buf_printf(&text, "kernel and initrd\t%zu\tof %d\t%s\n", loaded, IMAGE_BUDGET,
		loaded <= IMAGE_BUDGET ? "ok" : "too large");
	TRY(buf_end(&text, "sizes"));
	return write_out(o->out, "sizes.txt", buf_bytes(&text));
}

static RESULT read_key(const char *file, struct key **ret_key)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);

	if (!file)
		return OK;
	TRY(file_read(file, &pem));
	struct err e = key_parse_private(buf_bytes(&pem), ret_key);
	bytes_wipe(pem.p, pem.n);
	return failed(e) ? err_add(e, "%s", file) : OK;
}

static RESULT read_input(const char *file, size_t max, struct buf *ret)
{
	*ret = BUF_INIT(max);
	return file ? file_read(file, ret) : OK;
}

/* Images of two architectures are two images to a broker. */
static const char *image_name(const struct options *o)
{
	if (o->name)
		return o->name;
	return o->arch && str_equal(o->arch, "s390x") ? IMAGE_NAME "-s390x" : IMAGE_NAME;
}

static RESULT write_reference(const struct options *o, struct product *p, const char *version)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	AUTO(key_freep) struct key *key = NULL;
	const char *name = image_name(o);

	TRY(read_input(o->firmware, OVMF_CODE_MAX, &p->firmware));
	struct boot_reference_inputs boot = {
		.firmware = buf_bytes(&p->firmware),
		.kernel = buf_bytes(&p->kernel),
		.initrd = buf_bytes(&p->initrd),
		.kernel_version = version,
		.firmware_version = o->firmware_version,
	};

	TRY(read_key(o->sign_key, &key));
	TRY(read_input(o->snp_firmware, OVMF_CODE_MAX, &p->snp_firmware));
	TRY(read_input(o->tdx_firmware, OVMF_CODE_MAX, &p->tdx_firmware));
	TRY(read_input(o->se_image, SE_IMAGE_MAX, &p->se_image));
	const struct guest_manifest_inputs in = {
		.name = name,
		.version = o->version,
		.boot = &boot,
		.snp_firmware = buf_bytes(&p->snp_firmware),
		.tdx_firmware = buf_bytes(&p->tdx_firmware),
		.se_image = buf_bytes(&p->se_image),
		.cpu_models = o->cpu_models,
		.guest_features = o->guest_features,
		.cpus = o->vcpus ? (unsigned)o->vcpus : MACHINE_CPUS_MAX,
	};
	TRY(guest_manifest_make(&in, &m));
	return reference_files_write(o->out, &m, key, o->signer ? o->signer : name);
}

static RESULT run(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct options *o = options;
	AUTO(product_done) struct product p = { 0 };
	AUTO(auto_free) char *version = NULL;

	(void)args;
	TRY(read_in(o->kernel, "vmlinuz", LINUX_KERNEL_MAX, &p.kernel));
	TRY(read_in(o->kernel, "version", VERSION_MAX, &p.version));
	TRY(bytes_to_str(buf_bytes(&p.version), &version));
	version[strcspn(version, "\n")] = '\0';
	TRY(make_initrd(o, &p));
	TRY(dir_make(o->out, 0755));
	TRY(write_out(o->out, "vmlinuz", buf_bytes(&p.kernel)));
	TRY(write_out(o->out, "initrd", buf_bytes(&p.initrd)));
	if (o->firmware || o->snp_firmware || o->tdx_firmware || o->se_image)
		TRY(write_reference(o, &p, version));
	TRY(write_sizes(o, &p));
	*ret_exit = 0;
	return OK;
}

int main(int argc, char **argv)
{
	static const struct cli_command root = {
		.name = "sealpod-guest-image",
		.summary = "Builds the guest image and its reference values, bit for bit the same "
			   "from the same "
			   "inputs",
		.options = option_table,
		.options_size = sizeof(struct options),
		.run = run,
	};

	return cli_main(&root, argc, argv);
}
