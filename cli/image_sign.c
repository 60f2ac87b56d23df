#include "image_commands.h"
#include "image_place.h"

#include <base/file.h>
#include <image-rs/cosign.h>

enum {
	PEM_MAX = 64 * 1024
};

struct sign_options {
	const char *key, *as;
	struct image_place_options place;
};

static const struct cli_option sign_table[] = {
	{ .name = "key",
		.kind = CLI_STRING,
		.offset = offsetof(struct sign_options, key),
		.value = "FILE",
		.required = true,
		.help = "private key (PEM)" },
	{ .name = "as",
		.kind = CLI_STRING,
		.offset = offsetof(struct sign_options, as),
		.value = "REFERENCE",
		.help = "the name to sign, if guests know the image by another one" },
	IMAGE_PLACE_OPTIONS(struct sign_options),
	{ 0 },
};

static RESULT load_key(const char *path, struct key **ret)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);

	TRY(file_read(path, &pem));
	struct err e = key_parse_private(buf_bytes(&pem), ret);
	bytes_wipe(pem.p, pem.n);
	return failed(e) ? err_add(e, "%s", path) : OK;
}

/* "registry/repository", as cosign names what it signs. */
static RESULT signed_name(const char *as, const struct image_place *p, char **ret)
{
	AUTO(img_reference_done) struct img_reference r = { 0 };

	if (!as && !p->reference.registry)
		return err_new(ERR_USAGE, "an image in a directory needs --as REFERENCE");
	if (!as)
		return img_reference_name(&p->reference, ret);
	TRY(img_reference_parse(as, &r));
	return img_reference_name(&r, ret);
}

/* Of the bytes that are there now: signing what a tag will mean later is not possible. */
static RESULT resolve(const struct image_place *p, char ret[static 2 * DIGEST_MAX + 16])
{
	AUTO(buf_done) struct buf text = BUF_INIT(IMG_MANIFEST_MAX);
	struct digest_value value;

	TRY(img_store_manifest(p->store, p->name, &text));
	TRY(digest(DIGEST_SHA256, buf_bytes(&text), &value));
	digest_print_oci(&value, ret);
	return OK;
}

static RESULT run(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct sign_options *o = options;
	AUTO(image_place_done) struct image_place p = { 0 };
	AUTO(key_freep) struct key *key = NULL;
	AUTO(auto_free) char *name = NULL;
	char digest_text[2 * DIGEST_MAX + 16];

	(void)ret_exit;
	TRY(load_key(o->key, &key));
	TRY(image_place_open(args->v[0], &o->place, false, &p));
	TRY(signed_name(o->as, &p, &name));
	TRY(resolve(&p, digest_text));
	TRY(cosign_sign(p.store, digest_text, name, key));
	printf("%s@%s\n", name, digest_text);
	return OK;
}

const struct cli_command cmd_image_sign = {
	.name = "sign",
	.summary = "sign an image in the form of cosign",
	.operands = "IMAGE",
	.min_operands = 1,
	.max_operands = 1,
	.options = sign_table,
	.options_size = sizeof(struct sign_options),
	.run = run,
	.notes = "IMAGE is oci:DIR[:TAG] or docker://REFERENCE. The signature is stored beside it.",
};
