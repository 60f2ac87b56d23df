/* sealpod-volume: makes a volume of a block device, for the agent and the hub, then is gone. */
#include "filesystem.h"
#include "volume_make.h"

#include <stdio.h>

#include <base/cli.h>
#include <base/secret.h>

struct options {
	const char *encrypt, *mkfs;
	uint64_t size;
	bool no_filesystem;
};

static RESULT fill(const char *device, const struct options *o)
{
	const struct filesystem f = { .size = o->size, .options = o->mkfs };

	return o->no_filesystem ? OK : filesystem_make(device, &f);
}

static RESULT make(const void *opts, const struct cli_args *args, int *ret_exit)
{
	const struct options *o = opts;
	AUTO(auto_free) char *mapped = NULL;
	const char *device = args->v[0];
	struct err e;

	(void)ret_exit;
	TRY(secret_harden_process());
	if (o->encrypt)
		TRY(volume_encrypt(device, o->encrypt, &mapped));
	e = fill(mapped ? mapped : device, o);
	if (failed(e) && o->encrypt) {
		struct err_saved why;

		err_save(e, &why);
		volume_close(o->encrypt);
		return err_restore(&why);
	}
	TRY(e);
	(void)printf("%s\n", mapped ? mapped : device);
	return OK;
}

static RESULT close_mapping(const void *opts, const struct cli_args *args, int *ret_exit)
{
	(void)opts;
	(void)ret_exit;
	volume_close(args->v[0]);
	return OK;
}

static const struct cli_option make_options[] = {
	{ .name = "encrypt",
		.kind = CLI_STRING,
		.value = "NAME",
		.offset = offsetof(struct options, encrypt),
		.help = "as this mapping, with a key that is made here and kept by the kernel" },
	{ .name = "size",
		.kind = CLI_U64,
		.value = "BYTES",
		.max = INT64_MAX,
		.offset = offsetof(struct options, size),
		.help = "what files may have together (default: all of the device)" },
	{ .name = "mkfs",
		.kind = CLI_STRING,
		.value = "OPTIONS",
		.offset = offsetof(struct options, mkfs),
		.help = "further options of mke2fs" },
	{ .name = "no-filesystem",
		.kind = CLI_FLAG,
		.offset = offsetof(struct options, no_filesystem),
		.help = "the device alone" },
	{ 0 },
};

static const struct cli_command make_command = {
	.name = "make",
	.summary = "make an empty volume of a block device; prints the device to mount",
	.operands = "DEVICE",
	.min_operands = 1,
	.max_operands = 1,
	.options = make_options,
	.options_size = sizeof(struct options),
	.run = make,
};
static const struct cli_command close_command = {
	.name = "close",
	.summary = "end a mapping, now or with its last user",
	.operands = "NAME",
	.min_operands = 1,
	.max_operands = 1,
	.run = close_mapping,
};
static const struct cli_command *const commands[] = { &make_command, &close_command, NULL };
static const struct cli_command root = {
	.name = "sealpod-volume",
	.summary = "volumes on block devices, for sealpod-agent and sealpod-hub",
	.commands = commands,
};

int main(int argc, char **argv)
{
	return cli_main(&root, argc, argv);
}
