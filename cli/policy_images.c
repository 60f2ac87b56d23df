/* Images of a pod: the digest that a reference has now, and the configuration behind it. */
#include "policy.h"

#include <crypto/digest.h>
#include <image-rs/manifest.h>

enum {
	DIGEST_TEXT = 2 * DIGEST_MAX + 16
};

static RESULT pinned(const char *reference, const char *its_digest, char **ret)
{
	AUTO(img_reference_done) struct img_reference r = { 0 };

	TRY(img_reference_parse(reference, &r));
	return str_format(ret, "%s/%s%s%s@%s", r.registry, r.repository, r.tag ? ":" : "",
		r.tag ? r.tag : "", its_digest);
}

/* The manifest for the guests' architecture, behind an index or at once. */
static RESULT find_manifest(const struct policy_images *i, const struct image_place *p,
	struct img_document *d, char to[static DIGEST_TEXT])
{
	AUTO(buf_done) struct buf text = BUF_INIT(IMG_MANIFEST_MAX);
	const struct img_index_entry *entry;
	struct digest_value value;

	TRY(img_store_manifest(p->store, p->name, &text));
	TRY(digest(DIGEST_SHA256, buf_bytes(&text), &value));
	digest_print_oci(&value, to);
	TRY(img_document_parse(buf_bytes(&text), d));
	if (!d->is_index)
		return OK;
	TRY(img_index_select(&d->index, i->architecture, &entry));
	buf_clear(&text);
	TRY(img_store_manifest(p->store, entry->descriptor.digest, &text));
	img_document_done(d);
	TRY(img_document_parse(buf_bytes(&text), d));
	return d->is_index ? err_new(ERR_FORMAT, "an index in an index") : OK;
}

static RESULT read_config(
	const struct image_place *p, const struct img_document *d, struct image_config *ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT(IMAGE_CONFIG_MAX);
	const struct img_descriptor *c = &d->manifest.config;
	const struct img_blob blob = { .digest = c->digest, .size = c->size };

	TRY(img_store_blob(p->store, &blob, &text));
	return image_config_parse(buf_bytes(&text), ret);
}

/* Where to look: its registry, unless the command line says otherwise. */
static RESULT open_place(
	const struct policy_images *i, const char *reference, struct image_place *ret)
{
	AUTO(auto_free) char *registry = NULL;

	for (size_t k = 0; k < i->instead->n; k++) {
		const char *text = i->instead->v[k], *equals = strchr(text, '=');

		if (!equals)
			return err_new(ERR_USAGE, "--image %s: not REFERENCE=PLACE", text);
		if (strlen(reference) == (size_t)(equals - text) && str_starts(text, reference))
			return image_place_open(equals + 1, &i->place, false, ret);
	}
	TRY(str_format(&registry, "docker://%s", reference));
	return image_place_open(registry, &i->place, false, ret);
}

RESULT policy_images_find(void *images, const char *reference, struct policy_image *ret)
{
	const struct policy_images *i = images;
	AUTO(image_place_done) struct image_place p = { 0 };
	AUTO(img_document_done) struct img_document d = { 0 };
	AUTO(policy_image_done) struct policy_image found = { 0 };
	char found_digest[DIGEST_TEXT] = "";

	if (i->none)
		return str_dup(reference, &ret->reference);
	TRY(open_place(i, reference, &p));
	TRY(find_manifest(i, &p, &d, found_digest));
	TRY(read_config(&p, &d, &found.config));
	found.known = true;
	TRY(pinned(reference, found_digest, &found.reference));
	*ret = found;
	found = (struct policy_image){ 0 };
	return OK;
}
