#include "verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <base/encode.h>
#include <base/file.h>
#include <base/random.h>
#include <image-rs/encrypt.h>
#include <image-rs/manifest.h>
#include <sys/mman.h>

enum {
	CHUNK = 64 * 1024,
	SYMKEY_SIZE = 32,
	CONFIG_MAX = 4 * 1024 * 1024,
	DIGEST_TEXT = 2 * DIGEST_MAX + 16
};

/* One layer on its way through a temporary file. */
struct sealing {
	struct img_layer_key key;
	struct img_cipher *cipher;
	struct digest_ctx *plain, *sealed;
	int fd;
	uint64_t size;
	uint8_t chunk[CHUNK];
};

/* What the manifest says about an encrypted layer. */
struct sealed_layer {
	char digest[DIGEST_TEXT];
	uint64_t size;
	struct buf packets, pubopts; /* annotation values */
};

static void sealing_freep(struct sealing **s)
{
	if (!*s)
		return;
	img_layer_key_done(&(*s)->key);
	img_cipher_freep(&(*s)->cipher);
	digest_freep(&(*s)->plain);
	digest_freep(&(*s)->sealed);
	auto_close(&(*s)->fd);
	bytes_wipe((*s)->chunk, sizeof((*s)->chunk));
	free(*s);
	*s = NULL;
}

static void sealed_done(struct sealed_layer *l)
{
	buf_done(&l->packets);
	buf_done(&l->pubopts);
}

static RESULT temporary_file(int *ret_fd)
{
	int fd = open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		fd = memfd_create("sealpod-layer", MFD_CLOEXEC);
	if (fd < 0)
		return err_new(ERR_SYS, "temporary file");
	*ret_fd = fd;
	return OK;
}

static RESULT sealing_new(struct sealing **ret)
{
	AUTO(sealing_freep) struct sealing *s = calloc(1, sizeof(*s));

	if (!s)
		return err_new(ERR_NOMEM, "layer");
	s->fd = -1;
	TRY(secret_new(SYMKEY_SIZE, &s->key.symkey));
	TRY(random_fill(secret_data(s->key.symkey), SYMKEY_SIZE));
	TRY(random_fill(s->key.nonce, sizeof(s->key.nonce)));
	TRY(img_cipher_new(&s->key, true, &s->cipher));
	TRY(digest_new(DIGEST_SHA256, &s->plain));
	TRY(digest_new(DIGEST_SHA256, &s->sealed));
	TRY(temporary_file(&s->fd));
	*ret = TAKE(s);
	return OK;
}

static RESULT take_piece(void *arg, struct bytes data)
{
	struct sealing *s = arg;

	TRY(digest_update(s->plain, data));
	while (data.n > 0) {
		size_t n = data.n < CHUNK ? data.n : CHUNK;
		memcpy(s->chunk, data.p, n);
		TRY(img_cipher_update(s->cipher, s->chunk, n));
		TRY(digest_update(s->sealed, bytes_of(s->chunk, n)));
		TRY(fd_write_all(s->fd, bytes_of(s->chunk, n)));
		s->size += n;
		data = bytes_of(data.p + n, data.n - n);
	}
	return OK;
}

static RESULT wrap_key(const struct img_encrypt *e, const struct sealing *s,
	const char *plain_digest, struct sealed_layer *layer)
{
	AUTO(secret_freep) struct secret *options = NULL;
	AUTO(buf_done) struct buf packet = BUF_INIT(IMG_PACKET_MAX);

	TRY(img_layer_key_print(&s->key, plain_digest, &options));
	TRY(img_packet_seal(e->key_id, e->key, secret_bytes(options), &packet));
	base64_encode(BASE64_STD, buf_bytes(&packet), &layer->packets);
	return buf_end(&layer->packets, "annotation packet");
}

static RESULT put_file(struct img_store *to, const char *digest, int fd, uint64_t size)
{
	void *p = size ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : NULL;

	if (p == MAP_FAILED)
		return err_new(ERR_SYS, "mmap");
	struct err e = img_store_put_blob(to, digest, bytes_of(p, size));
	if (p)
		(void)munmap(p, size);
	return e;
}

static RESULT seal_layer(
	const struct img_encrypt *e, const struct img_descriptor *d, struct sealed_layer *ret)
{
	AUTO(sealing_freep) struct sealing *s = NULL;
	struct img_blob blob = { .digest = d->digest, .size = d->size };
	uint8_t mac[DIGEST_SHA256_SIZE];
	struct digest_value plain, sealed;

	TRY(sealing_new(&s));
	TRY(img_store_stream(e->from, &blob, take_piece, s));
	TRY(digest_final(s->plain, &plain));
	TRY(verify_digest_value(&plain, d->digest, "image.layer-digest", "digest"));
	TRY(wrap_key(e, s, d->digest, ret));
	TRY(img_cipher_final(s->cipher, mac));
	TRY(img_pubopts_print(mac, &ret->pubopts));
	TRY(digest_final(s->sealed, &sealed));
	digest_print_oci(&sealed, ret->digest);
	ret->size = s->size;
	return put_file(e->to, ret->digest, s->fd, s->size);
}

static void write_annotations(
	struct json_writer *w, const struct img_descriptor *d, struct sealed_layer *l)
{
	jw_key(w, "annotations");
	jw_object(w);
	for (size_t i = 0; i < d->annotations.n; i++)
		jw_kstr(w, d->annotations.v[i].name, d->annotations.v[i].value);
	jw_kstr(w, IMG_ENC_KEYS_PREFIX IMG_ENC_PROVIDER, buf_cstr(&l->packets));
	jw_kstr(w, IMG_ENC_PUBOPTS, buf_cstr(&l->pubopts));
	jw_object_end(w);
}

static RESULT encrypt_layer(
	const struct img_encrypt *e, const struct img_descriptor *d, struct json_writer *w)
{
	AUTO(sealed_done) struct sealed_layer l = { .packets = BUF_INIT(2 * IMG_PACKET_MAX),
		.pubopts = BUF_INIT(IMG_OPTIONS_MAX) };
	const char *media_type;

	TRY(img_layer_encrypted_type(d->media_type, &media_type));
	TRY(seal_layer(e, d, &l));
	jw_object(w);
	jw_kstr(w, "mediaType", media_type);
	jw_kstr(w, "digest", l.digest);
	jw_ku64(w, "size", l.size);
	write_annotations(w, d, &l);
	jw_object_end(w);
	return OK;
}

static RESULT copy_config(
	const struct img_encrypt *e, const struct img_descriptor *d, struct json_writer *w)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CONFIG_MAX);
	struct img_blob blob = { .digest = d->digest, .size = d->size };

	TRY(img_store_blob(e->from, &blob, &text));
	TRY(img_store_put_blob(e->to, d->digest, buf_bytes(&text)));
	jw_key(w, "config");
	jw_object(w);
	jw_kstr(w, "mediaType", IMG_TYPE_CONFIG);
	jw_kstr(w, "digest", d->digest);
	jw_ku64(w, "size", d->size);
	jw_object_end(w);
	return OK;
}

/* The same manifest in OCI form, its layers encrypted one after another. */
static RESULT write_manifest(
	const struct img_encrypt *e, const struct img_manifest *m, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_ku64(&w, "schemaVersion", 2);
	jw_kstr(&w, "mediaType", IMG_TYPE_MANIFEST);
	TRY(copy_config(e, &m->config, &w));
	jw_key(&w, "layers");
	jw_array(&w);
	for (size_t i = 0; i < m->layers.n; i++) {
		struct err err = encrypt_layer(e, img_layer(m, i), &w);
		if (failed(err))
			return err_add(err, "layer %zu", i);
	}
	jw_array_end(&w);
	if (m->annotations.n > 0) {
		jw_key(&w, "annotations");
		jw_object(&w);
		for (size_t i = 0; i < m->annotations.n; i++)
			jw_kstr(&w, m->annotations.v[i].name, m->annotations.v[i].value);
		jw_object_end(&w);
	}
	jw_object_end(&w);
	return buf_end(out, "image manifest");
}

static RESULT load_manifest(const struct img_encrypt *e, const char *name, struct img_document *ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT(IMG_MANIFEST_MAX);
	AUTO(img_document_done) struct img_document d = { 0 };
	const struct img_index_entry *entry;

	TRY(img_store_manifest(e->from, name, &text));
	TRY(img_document_parse(buf_bytes(&text), &d));
	if (d.is_index) {
		TRY(img_index_select(&d.index, e->architecture, &entry));
		buf_clear(&text);
		TRY(img_store_manifest(e->from, entry->descriptor.digest, &text));
		return img_document_parse(buf_bytes(&text), ret);
	}
	*ret = d;
	d = (struct img_document){ 0 };
	return OK;
}

RESULT img_encrypt(const struct img_encrypt *e, char **ret_digest)
{
	AUTO(img_document_done) struct img_document d = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(IMG_MANIFEST_MAX);
	struct digest_value value;
	char printed[DIGEST_TEXT];

	TRY(load_manifest(e, e->from_name, &d));
	if (d.is_index)
		return err_new(ERR_UNSUPPORTED, "an index inside an index");
	TRY(write_manifest(e, &d.manifest, &text));
	TRY(img_store_put_manifest(e->to, e->to_tag, IMG_TYPE_MANIFEST, buf_bytes(&text)));
	TRY(digest(DIGEST_SHA256, buf_bytes(&text), &value));
	digest_print_oci(&value, printed);
	return str_dup(printed, ret_digest);
}
