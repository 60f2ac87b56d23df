/* sealpod-volume: makes a volume of a block device, for the agent and the hub, then is gone. */
#include "crypt.h"
#include "volume_make.h"

#include <stdio.h>
#include <unistd.h>

#include <base/cli.h>
#include <base/file.h>

enum {
	KEY_MAX = 8 * 1024
};

struct options {
	const char *encrypt, *mkfs;
	uint64_t size;
	bool no_filesystem, key, create, no_integrity;
};

/* On standard input, so that it is in no command line. */
static RESULT read_key(struct secret **ret_key)
{
	AUTO(buf_done) struct buf text = BUF_INIT(KEY_MAX);
	struct err e = file_read_fd(STDIN_FILENO, "key", &text);

	if (!failed(e) && text.n == 0)
		e = err_new(ERR_FORMAT, "key: empty");
	if (!failed(e))
		e = secret_of(buf_bytes(&text), ret_key);
	bytes_wipe(text.p, text.n);
	return e;
}

static RESULT make(const void *opts, const struct cli_args *args, int *ret_exit)
{
	const struct options *o = opts;
	AUTO(auto_free) char *device = NULL;
	AUTO(secret_freep) struct secret *key = NULL;
	const struct filesystem f = { .size = o->size, .lasts = o->key, .options = o->mkfs };
	struct volume v = { .device = args->v[0],
		.name = o->encrypt,
		.plain_sectors = o->no_integrity,
		.create = o->create,
		.filesystem = o->no_filesystem ? NULL : &f };

	(void)ret_exit;
	TRY(secret_harden_process());
	if (o->key && !o->encrypt)
		return err_new(ERR_USAGE, "--key without --encrypt");
	if (o->key)
		TRY(read_key(&key));
	v.key = key;
	TRY(volume_make(&v, &device));
	(void)printf("%s\n", device);
	return OK;
}

static RESULT close_mapping(const void *opts, const struct cli_args *args, int *ret_exit)
{
	(void)opts;
	(void)ret_exit;
	crypt_close(args->v[0]);
	return OK;
}

static const struct cli_option make_options[] = {
	{ .name = "encrypt",
		.kind = CLI_STRING,
		.value = "NAME",
		.offset = offsetof(struct options, encrypt),
		.help = "as this mapping, with a key that is made here and kept by the kernel" },
	{ .name = "key",
		.kind = CLI_FLAG,
		.offset = offsetof(struct options, key),
		.help = "LUKS2 with the key on standard input; what is on the device stays" },
	{ .name = "create",
		.kind = CLI_FLAG,
		.offset = offsetof(struct options, create),
		.help = "with --key: make the volume if the device is empty" },
	{ .name = "no-integrity",
		.kind = CLI_FLAG,
		.offset = offsetof(struct options, no_integrity),
		.help = "without a tag for each sector" },
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
	.summary = "make or open a volume on a block device; prints the device to mount",
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
