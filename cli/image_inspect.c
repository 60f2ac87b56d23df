#include "image_commands.h"
#include "image_place.h"

#include <base/file.h>
#include <image-rs/cosign.h>
#include <image-rs/ocicrypt.h>

enum {
	OUT_MAX = 4 * 1024 * 1024,
	DIGEST_TEXT = 2 * DIGEST_MAX + 16
};

struct inspect_options {
	struct image_place_options place;
};

static const struct cli_option inspect_table[] = {
	IMAGE_PLACE_OPTIONS(struct inspect_options),
	{ 0 },
};

struct seen {
	char digest[DIGEST_TEXT];
	struct img_document document;
	struct img_config config; /* of a manifest */
	size_t signatures;
};

static void seen_done(struct seen *s)
{
	img_document_done(&s->document);
	img_config_done(&s->config);
}

static RESULT count_signatures(const struct image_place *p, struct seen *s)
{
	AUTO(buf_done) struct buf text = BUF_INIT(IMG_MANIFEST_MAX);
	AUTO(img_document_done) struct img_document d = { 0 };
	AUTO(auto_free) char *tag = NULL;

	TRY(cosign_tag(s->digest, &tag));
	struct err e = img_store_manifest(p->store, tag, &text);
	if (e.code == ERR_NOT_FOUND)
		return OK;
	TRY(e);
	TRY(img_document_parse(buf_bytes(&text), &d));
	s->signatures = d.manifest.layers.n;
	return OK;
}

static RESULT look(const struct image_place *p, struct seen *s)
{
	AUTO(buf_done) struct buf text = BUF_INIT(IMG_MANIFEST_MAX);
	struct digest_value value;

	TRY(img_store_manifest(p->store, p->name, &text));
	TRY(digest(DIGEST_SHA256, buf_bytes(&text), &value));
	digest_print_oci(&value, s->digest);
	TRY(img_document_parse(buf_bytes(&text), &s->document));
	TRY(count_signatures(p, s));
	if (s->document.is_index)
		return OK;
	const struct img_descriptor *d = &s->document.manifest.config;
	struct img_blob blob = { .digest = d->digest, .size = d->size };
	buf_clear(&text);
	TRY(img_store_blob(p->store, &blob, &text));
	return img_config_parse(buf_bytes(&text), &s->config);
}

/* The first recipient's key id; the others wrap the same layer key. */
static RESULT key_id_of(const struct img_descriptor *layer, char **ret)
{
	AUTO(img_packets_done) struct img_packets packets = { 0 };
	AUTO(img_packet_done) struct img_packet packet = { 0 };

	TRY(img_packets_of(&layer->annotations, &packets));
	TRY(img_packet_parse(buf_bytes(&packets.v[0]), &packet));
	*ret = TAKE(packet.kid);
	return OK;
}

static RESULT layer_json(const struct img_descriptor *d, struct json_writer *w)
{
	const struct img_layer_kind *kind;
	AUTO(auto_free) char *key_id = NULL;

	TRY(img_layer_kind(d->media_type, &kind));
	jw_object(w);
	jw_kstr(w, "digest", d->digest);
	jw_ku64(w, "size", d->size);
	jw_kstr(w, "media_type", d->media_type);
	jw_kbool(w, "encrypted", kind->encrypted);
	if (kind->encrypted) {
		TRY(key_id_of(d, &key_id));
		jw_kstr(w, "key_id", key_id);
	}
	jw_object_end(w);
	return OK;
}

static RESULT show_json(const struct seen *s, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_kstr(&w, "digest", s->digest);
	jw_ku64(&w, "signatures", s->signatures);
	if (s->document.is_index) {
		jw_key(&w, "manifests");
		jw_array(&w);
		for (size_t i = 0; i < s->document.index.n; i++)
			jw_str(&w, s->document.index.v[i].descriptor.digest);
		jw_array_end(&w);
	} else {
		jw_kstr(&w, "architecture", s->config.architecture);
		jw_kstr(&w, "os", s->config.os);
		jw_key(&w, "layers");
		jw_array(&w);
		for (size_t i = 0; i < s->document.manifest.layers.n; i++)
			TRY(layer_json(img_layer(&s->document.manifest, i), &w));
		jw_array_end(&w);
	}
	jw_object_end(&w);
	buf_puts(out, "\n");
	return OK;
}

static RESULT layer_text(const struct img_descriptor *d, struct buf *out)
{
	const struct img_layer_kind *kind;
	AUTO(auto_free) char *key_id = NULL;

	TRY(img_layer_kind(d->media_type, &kind));
	if (kind->encrypted)
		TRY(key_id_of(d, &key_id));
	buf_printf(out, "  %s  %12llu  %s%s\n", d->digest, (unsigned long long)d->size,
		kind->encrypted ? "encrypted for " : "not encrypted", key_id ? key_id : "");
	return OK;
}

static const char *text_or_unknown(const char *s)
{
	return s ? s : "?";
}

static RESULT show_text(const struct seen *s, struct buf *out)
{
	buf_printf(out, "digest:      %s\nsignatures:  %zu\n", s->digest, s->signatures);
	for (size_t i = 0; i < s->document.index.n; i++) {
		const struct img_index_entry *e = &s->document.index.v[i];
		buf_printf(out, "  %s  %s/%s\n", e->descriptor.digest,
			text_or_unknown(e->platform.os), text_or_unknown(e->platform.architecture));
	}
	if (s->document.is_index)
		return OK;
	buf_printf(out, "platform:    %s/%s\nlayers:      %zu\n", s->config.os,
		s->config.architecture, s->document.manifest.layers.n);
	for (size_t i = 0; i < s->document.manifest.layers.n; i++)
		TRY(layer_text(img_layer(&s->document.manifest, i), out));
	return OK;
}

static RESULT run(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct inspect_options *o = options;
	AUTO(image_place_done) struct image_place p = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	AUTO(seen_done) struct seen s = { 0 };

	(void)ret_exit;
	TRY(image_place_open(args->v[0], &o->place, false, &p));
	TRY(look(&p, &s));
	TRY(args->json ? show_json(&s, &out) : show_text(&s, &out));
	TRY(buf_end(&out, "output"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(&out));
}

const struct cli_command cmd_image_inspect = {
	.name = "inspect",
	.summary = "show layers, encryption and signatures",
	.operands = "IMAGE",
	.min_operands = 1,
	.max_operands = 1,
	.options = inspect_table,
	.options_size = sizeof(struct inspect_options),
	.run = run,
	.notes = "IMAGE is oci:DIR[:TAG] or docker://REFERENCE.",
};
