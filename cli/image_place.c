#include "image_place.h"

#include <base/file.h>

enum {
	FILE_MAX = 1024 * 1024
};

void image_place_done(struct image_place *p)
{
	img_store_freep(&p->store);
	img_reference_done(&p->reference);
	free(TAKE(p->name));
	buf_done(&p->ca);
	buf_done(&p->auth);
}

static RESULT open_layout(const char *text, bool create, struct image_place *p)
{
	const char *colon = strrchr(text, ':');
	AUTO(auto_free) char *dir = NULL;

	if (colon && !strchr(colon, '/')) {
		if (!img_is_tag(colon + 1))
			return err_new(ERR_USAGE, "oci:%s: not a tag", text);
		TRY(bytes_to_str(bytes_of(text, (size_t)(colon - text)), &dir));
		TRY(str_dup(colon + 1, &p->name));
	} else {
		TRY(str_dup(text, &dir));
		TRY(create ? str_dup("latest", &p->name) : img_layout_only_digest(dir, &p->name));
	}
	return img_layout_open(dir, create, &p->store);
}

static RESULT open_registry(
	const char *text, const struct image_place_options *o, struct image_place *p)
{
	struct img_registry_options options = { .plain_http = o->plain_http };

	if (o->ca)
		TRY(file_read(o->ca, &p->ca));
	if (o->authfile)
		TRY(file_read(o->authfile, &p->auth));
	options.ca_pem = buf_bytes(&p->ca);
	options.auth_json = buf_bytes(&p->auth);
	TRY(img_reference_parse(text, &p->reference));
	TRY(str_dup(p->reference.digest ? p->reference.digest : p->reference.tag, &p->name));
	return img_registry_open(&options, &p->reference, &p->store);
}

RESULT image_place_open(const char *text, const struct image_place_options *options, bool create,
	struct image_place *ret)
{
	struct err e;

	*ret = (struct image_place){ .ca = BUF_INIT(FILE_MAX), .auth = BUF_INIT(FILE_MAX) };
	if (str_starts(text, "oci:"))
		e = open_layout(text + strlen("oci:"), create, ret);
	else if (str_starts(text, "docker://"))
		e = open_registry(text + strlen("docker://"), options, ret);
	else
		e = err_new(ERR_USAGE, "%.200s: not oci:DIR[:TAG] or docker://REFERENCE", text);
	if (failed(e))
		image_place_done(ret);
	return e;
}
