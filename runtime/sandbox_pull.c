/* Root file systems that the guest pulls: the host names the image, the guest verifies it. */
#include "message.h"
#include "sandbox_container.h"
#include "sandbox_spec.h"

#include <base/encode.h>
#include <net/pb.h>

enum {
	OPTION_MAX = 256 * 1024,
	VOLUME_MAX = 64 * 1024
};

#define GUEST_RUN     "/run/kata-containers"
#define VOLUME_OPTION "io.katacontainers.volume="

/* Source of an image_guest_pull volume that a snapshotter passes among the options of a mount:
 * base64 of JSON (KataVirtualVolume). */
static RESULT volume_image(const char *option, char **ret_image)
{
	AUTO(buf_done) struct buf text = BUF_INIT(VOLUME_MAX);
	AUTO(json_freep) struct json *j = NULL;
	const char *type, *source;

	TRY(base64_decode(BASE64_STD, bytes_str(option), "KataVirtualVolume", &text));
	TRY(json_parse(buf_bytes(&text), &j));
	TRY(json_need_string(j, "volume_type", &type));
	if (!str_equal(type, "image_guest_pull"))
		return err_new(ERR_UNSUPPORTED,
			"KataVirtualVolume: volume_type '%s': image_guest_pull", type);
	TRY(json_need_string(j, "source", &source));
	return str_dup(source, ret_image);
}

static RESULT find_volume(const struct sandbox_container *c, char **ret_image)
{
	for (size_t i = 0; i < c->n_rootfs; i++) {
		for (size_t o = 0; o < c->rootfs[i].n_options; o++) {
			const char *option = c->rootfs[i].options[o];

			if (str_starts(option, VOLUME_OPTION))
				return volume_image(option + strlen(VOLUME_OPTION), ret_image);
		}
	}
	return err_new(ERR_FORMAT, "nobody says which image the guest shall pull: annotation "
				   "io.kubernetes.cri.image-name");
}

static RESULT make_metadata(const Oci__Spec *spec, struct buf *out)
{
	buf_puts(out, "image_guest_pull=");
	struct json_writer w = jw_of(out);
	jw_object(&w);
	jw_key(&w, "metadata");
	jw_object(&w);
	for (size_t i = 0; i < spec->n_annotations; i++) {
		if (!str_equal(spec->annotations[i]->key, ANNOTATION_INITDATA))
			jw_kstr(&w, spec->annotations[i]->key, spec->annotations[i]->value);
	}
	jw_object_end(&w);
	jw_object_end(&w);
	return buf_end(out, "annotations");
}

RESULT sandbox_pull_rootfs(struct create *k, const struct sandbox_container *c)
{
	AUTO(pb_free_any) Agent__Storage *storage = NULL;
	AUTO(buf_done) struct buf option = BUF_INIT(OPTION_MAX);
	AUTO(auto_free) char *image = NULL;
	const char *annotated = spec_image_name(k->request->oci, k->role);
	struct message_storage from = { .driver = "image_guest_pull", .fstype = "overlay" };

	if (annotated)
		TRY(str_dup(annotated, &image));
	else
		TRY(find_volume(c, &image));
	TRY(str_format(&k->root, GUEST_RUN "/%s/rootfs", c->id));
	from.source = image;
	from.mount_point = k->root;
	TRY(message_storage(&from, &storage));
	TRY(make_metadata(k->request->oci, &option));
	TRY(message_add_text(
		&storage->driver_options, &storage->n_driver_options, buf_cstr(&option)));
	TRY(MESSAGE_ADD(&k->request->storages, &k->request->n_storages, storage));
	storage = NULL;
	return OK;
}
