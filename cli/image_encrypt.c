#include "image_commands.h"
#include "image_place.h"

#include <base/file.h>
#include <base/random.h>
#include <image-rs/encrypt.h>
#include <net/url.h>

enum {
	IMAGE_KEY_SIZE = 32
};

struct encrypt_options {
	const char *key, *key_id, *architecture;
	bool generate;
	struct image_place_options place;
};

#define OPTION(member, k) .kind = (k), .offset = offsetof(struct encrypt_options, member)

static const struct cli_option encrypt_table[] = {
	{ .name = "key",
		OPTION(key, CLI_STRING),
		.value = "FILE",
		.required = true,
		.help = "image key: 32 bytes, the same that the broker has" },
	{ .name = "generate",
		OPTION(generate, CLI_FLAG),
		.help = "make the key file first, with random bytes" },
	{ .name = "key-id",
		OPTION(key_id, CLI_STRING),
		.value = "URI",
		.required = true,
		.help = "where guests find the key: kbs:///REPOSITORY/TYPE/TAG" },
	{ .name = "architecture",
		OPTION(architecture, CLI_STRING),
		.value = "NAME",
		.help = "which image of an index (amd64)" },
	IMAGE_PLACE_OPTIONS(struct encrypt_options),
	{ 0 },
};

static RESULT check_key_id(const char *text)
{
	struct kbs_uri uri = { 0 };

	TRY(kbs_uri_parse(text, &uri));
	struct err e = str_equal(uri.plugin, "resource") ? kbs_resource_path_check(uri.path) : OK;
	kbs_uri_done(&uri);
	return e;
}

static RESULT get_key(const struct encrypt_options *o, struct secret **ret)
{
	AUTO(secret_freep) struct secret *key = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(IMAGE_KEY_SIZE);

	TRY(secret_new(IMAGE_KEY_SIZE, &key));
	if (o->generate) {
		if (file_exists(o->key))
			return err_new(ERR_USAGE, "%s exists already", o->key);
		TRY(random_fill(secret_data(key), IMAGE_KEY_SIZE));
		TRY(file_write_atomic(o->key, secret_bytes(key), 0600));
	} else {
		TRY(file_read(o->key, &text));
		if (text.n != IMAGE_KEY_SIZE)
			return err_new(ERR_FORMAT, "%s: %zu bytes instead of %d", o->key, text.n,
				IMAGE_KEY_SIZE);
		memcpy(secret_data(key), text.p, IMAGE_KEY_SIZE);
		bytes_wipe(text.p, text.n);
	}
	*ret = TAKE(key);
	return OK;
}

static RESULT run(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct encrypt_options *o = options;
	AUTO(image_place_done) struct image_place from = { 0 }, to = { 0 };
	AUTO(secret_freep) struct secret *key = NULL;
	AUTO(auto_free) char *digest = NULL;

	(void)ret_exit;
	TRY(check_key_id(o->key_id));
	TRY(image_place_open(args->v[0], &o->place, false, &from));
	TRY(image_place_open(args->v[1], &o->place, true, &to));
	TRY(get_key(o, &key));
	struct img_encrypt e = {
		.from = from.store,
		.from_name = from.name,
		.to = to.store,
		.to_tag = img_is_tag(to.name) ? to.name : NULL,
		.key = secret_bytes(key),
		.key_id = o->key_id,
		.architecture = o->architecture ? o->architecture : "amd64",
	};
	TRY(img_encrypt(&e, &digest));
	printf("%s\n", digest);
	return OK;
}

const struct cli_command cmd_image_encrypt = {
	.name = "encrypt",
	.summary = "copy an image with its layers encrypted",
	.operands = "SOURCE DESTINATION",
	.min_operands = 2,
	.max_operands = 2,
	.options = encrypt_table,
	.options_size = sizeof(struct encrypt_options),
	.run = run,
	.notes =
		"Images are oci:DIR[:TAG] or docker://REFERENCE. Prints the new manifest's digest.",
};
