#include "image_commands.h"

#include <base/file.h>
#include <base/random.h>
#include <base/secret.h>
#include <crypto/key.h>

enum {
	IMAGE_KEY_SIZE = 32,
	PEM_MAX = 8 * 1024,
	SECRET_MODE = 0600,
	PUBLIC_MODE = 0644
};

struct keygen_options {
	const char *signing, *image;
	bool force;
};

static const struct cli_option keygen_table[] = {
	{ .name = "signing",
		.kind = CLI_STRING,
		.offset = offsetof(struct keygen_options, signing),
		.value = "PREFIX",
		.help = "signing key pair: PREFIX.key and PREFIX.pub (PEM, P-256)" },
	{ .name = "image",
		.kind = CLI_STRING,
		.offset = offsetof(struct keygen_options, image),
		.value = "FILE",
		.help = "image key: 32 random bytes" },
	{ .name = "force",
		.kind = CLI_FLAG,
		.offset = offsetof(struct keygen_options, force),
		.help = "replace existing files" },
	{ 0 },
};

static RESULT write_key(const char *path, struct bytes data, mode_t mode, bool force)
{
	if (!force && file_exists(path))
		return err_new(ERR_USAGE, "%s exists already (--force replaces it)", path);
	return file_write_atomic(path, data, mode);
}

static RESULT make_image_key(const char *path, bool force)
{
	AUTO(secret_freep) struct secret *key = NULL;

	TRY(secret_new(IMAGE_KEY_SIZE, &key));
	TRY(random_fill(secret_data(key), IMAGE_KEY_SIZE));
	return write_key(path, secret_bytes(key), SECRET_MODE, force);
}

static RESULT make_signing_key(const char *prefix, bool force)
{
	AUTO(key_freep) struct key *key = NULL;
	AUTO(secret_freep) struct secret *private_pem = NULL;
	AUTO(buf_done) struct buf public_pem = BUF_INIT(PEM_MAX);
	AUTO(auto_free) char *private_path = NULL;
	AUTO(auto_free) char *public_path = NULL;

	TRY(str_format(&private_path, "%s.key", prefix));
	TRY(str_format(&public_path, "%s.pub", prefix));
	TRY(key_generate(KEY_P256, &key));
	TRY(key_private_pem(key, &private_pem));
	TRY(key_public_pem(key, &public_pem));
	TRY(write_key(private_path, secret_bytes(private_pem), SECRET_MODE, force));
	return write_key(public_path, buf_bytes(&public_pem), PUBLIC_MODE, true);
}

static RESULT run(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct keygen_options *o = options;

	(void)args;
	(void)ret_exit;
	if (!o->signing && !o->image)
		return err_new(ERR_USAGE, "say --signing PREFIX or --image FILE");
	if (o->signing)
		TRY(make_signing_key(o->signing, o->force));
	return o->image ? make_image_key(o->image, o->force) : OK;
}

const struct cli_command cmd_image_keygen = {
	.name = "keygen",
	.summary = "make a signing key pair or an image key",
	.options = keygen_table,
	.options_size = sizeof(struct keygen_options),
	.run = run,
};
