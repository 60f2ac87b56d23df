#include "decompress.h"
#include "layer.h"
#include "signature.h"
#include "tar_make.h"
#include "util.h"

#include <fcntl.h>
#include <stdlib.h>

#include <zlib.h>
#include <zstd.h>

#include <base/file.h>
#include <image-rs/cosign.h>
#include <image-rs/encrypt.h>
#include <image-rs/manifest.h>

/* ---- decompression ---- */

static RESULT collect(void *arg, struct bytes data)
{
	buf_put(arg, data);
	return OK;
}

struct stream {
	enum compression kind;
	size_t step;
	struct buf out;
};

static RESULT decompress_all(void *arg, struct bytes in)
{
	struct stream *s = arg;
	AUTO(decompress_freep) struct decompress *d = NULL;

	buf_clear(&s->out);
	TRY(decompress_new(s->kind, collect, &s->out, &d));
	for (size_t at = 0; at < in.n; at += s->step)
		TRY(decompress_feed(
			d, bytes_of(in.p + at, in.n - at < s->step ? in.n - at : s->step)));
	return decompress_end(d);
}

static void gzip_to(struct bytes in, struct buf *out)
{
	uLongf n = compressBound(in.n) + 64;
	uint8_t *to = buf_grow(out, n);
	z_stream z = { .next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = to;
	z.avail_out = (uInt)n;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->n -= z.avail_out;
	(void)deflateEnd(&z);
}

static void test_gzip(void **state)
{
	AUTO(buf_done) struct buf text = BUF_INIT(1 << 20), packed = BUF_INIT(1 << 21);
	struct stream s = { .kind = COMPRESSION_GZIP, .out = BUF_INIT(1 << 21) };
	static const size_t steps[] = { 1, 1000, 1 << 20 };
	(void)state;

	buf_zero(&text, 300000);
	buf_puts(&text, "the end");
	gzip_to(buf_bytes(&text), &packed);
	gzip_to(bytes_str(", and more"), &packed); /* a second member */
	gzip_to(BYTES_NONE, &packed);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		s.step = steps[i];
		assert_ok(decompress_all(&s, buf_bytes(&packed)));
		assert_int_equal(s.out.n, text.n + strlen(", and more"));
		assert_memory_equal(s.out.p + text.n, ", and more", 10);
	}
	buf_clear(&packed);
	gzip_to(bytes_str("small"), &packed);
	s.step = 7;
	each_prefix(buf_bytes(&packed), decompress_all, &s);
	buf_puts(&packed, "trailing");
	assert_err(decompress_all(&s, buf_bytes(&packed)), ERR_FORMAT);
	assert_err_text("gunzip");
	buf_done(&s.out);
}

static void test_zstd(void **state)
{
	AUTO(buf_done) struct buf text = BUF_INIT(1 << 20), packed = BUF_INIT(1 << 21);
	struct stream s = { .kind = COMPRESSION_ZSTD, .step = 777, .out = BUF_INIT(1 << 21) };
	ZSTD_CCtx *big = ZSTD_createCCtx();
	(void)state;

	buf_zero(&text, 300000);
	buf_puts(&text, "the end");
	uint8_t *to = buf_grow(&packed, ZSTD_compressBound(text.n));
	packed.n = ZSTD_compress(to, packed.n, text.p, text.n, 3);
	assert_ok(decompress_all(&s, buf_bytes(&packed)));
	assert_bytes_equal(buf_bytes(&s.out), buf_bytes(&text));
	each_prefix(buf_bytes(&packed), decompress_all, &s);
	/* A frame that asks for a window of 128 MiB. */
	(void)ZSTD_CCtx_setParameter(big, ZSTD_c_windowLog, 27);
	(void)ZSTD_CCtx_setParameter(big, ZSTD_c_contentSizeFlag, 0);
	ZSTD_inBuffer input = { text.p, text.n, 0 };
	buf_clear(&packed);
	to = buf_grow(&packed, 1 << 20);
	ZSTD_outBuffer output = { to, 1 << 20, 0 };
	(void)ZSTD_compressStream2(big, &output, &input, ZSTD_e_flush);
	(void)ZSTD_compressStream2(big, &output, &input, ZSTD_e_end);
	packed.n = output.pos;
	assert_err(decompress_all(&s, buf_bytes(&packed)), ERR_FORMAT);
	assert_err_text("zstd");
	(void)ZSTD_freeCCtx(big);
	buf_done(&s.out);
}

/* ---- a layer through all stages ---- */

static char *path_of(const char *name)
{
	char *path = NULL;

	assert_ok(path_join(test_dir(), name, &path));
	return path;
}

struct made {
	struct img_store *store;
	char blob[160], diff_id[160];
	struct buf packed;
};

static void digest_text(struct bytes b, char *to)
{
	struct digest_value d;

	assert_ok(digest(DIGEST_SHA256, b, &d));
	digest_print_oci(&d, to);
}

static void make_layer(struct made *m, const char *dir)
{
	AUTO(auto_free) char *path = path_of(dir);
	AUTO(buf_done) struct buf tar = BUF_INIT(1 << 20);

	m->packed = BUF_INIT(1 << 20);
	tar_add(&tar, &(struct tar_item){ .name = "file", .data = bytes_str("contents") });
	tar_finish(&tar);
	digest_text(buf_bytes(&tar), m->diff_id);
	gzip_to(buf_bytes(&tar), &m->packed);
	digest_text(buf_bytes(&m->packed), m->blob);
	assert_ok(img_layout_open(path, true, &m->store));
	assert_ok(img_store_put_blob(m->store, m->blob, buf_bytes(&m->packed)));
}

static void made_done(struct made *m)
{
	img_store_freep(&m->store);
	buf_done(&m->packed);
}

static RESULT unpack(struct made *m, const struct layer_job *changes)
{
	struct untar_budget budget = { .max_bytes = 1 << 20, .max_entries = 10 };
	AUTO(auto_free) char *root = path_of("root");
	struct layer_job job = *changes;

	assert_ok(dir_remove_tree(root));
	assert_ok(dir_make(root, 0755));
	if (!job.blob.digest)
		job.blob.digest = m->blob;
	if (!job.blob.size)
		job.blob.size = m->packed.n;
	if (!job.diff_id)
		job.diff_id = m->diff_id;
	job.compression = IMG_TAR_GZIP;
	job.budget = &budget;
	return layer_unpack(m->store, &job, open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static void test_layer(void **state)
{
	AUTO(made_done) struct made m = { 0 };
	AUTO(auto_free) char *file = path_of("root/file");
	char other[160];
	(void)state;

	make_layer(&m, "layer");
	assert_ok(unpack(&m, &(struct layer_job){ 0 }));
	assert_true(file_exists(file));
	digest_text(bytes_str("other"), other);
	assert_err(unpack(&m, &(struct layer_job){ .diff_id = other }), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "image.diff-id");
	assert_err(unpack(&m, &(struct layer_job){ .blob = { .size = 10 } }), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "image.layer-digest");
	assert_err(unpack(&m, &(struct layer_job){ .blob = { .size = 5000 } }), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->field, "size");
}

/* Whatever byte is wrong, wherever it breaks decompression, the digest is what is reported. */
static void test_layer_flip(void **state)
{
	AUTO(made_done) struct made m = { 0 };
	AUTO(auto_free) char *blob = NULL;
	(void)state;

	make_layer(&m, "flip");
	assert_ok(str_format(&blob, "%s/flip/blobs/sha256/%s", test_dir(), m.blob + 7));
	for (size_t i = 0; i < m.packed.n; i++) {
		m.packed.p[i] ^= 0x40;
		assert_ok(file_write_atomic(blob, buf_bytes(&m.packed), 0644));
		m.packed.p[i] ^= 0x40;
		assert_err(unpack(&m, &(struct layer_job){ 0 }), ERR_UNVERIFIED);
		assert_string_equal(err_denial()->code, "image.layer-digest");
	}
}

/* ---- encrypting and signing in a directory ---- */

static void put_image(struct made *m, const char *tag)
{
	AUTO(buf_done) struct buf config = BUF_INIT(4096), manifest = BUF_INIT(4096);
	char config_digest[160];

	buf_printf(&config,
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\","
		"\"diff_ids\":[\"%s\"]}}",
		m->diff_id);
	digest_text(buf_bytes(&config), config_digest);
	assert_ok(img_store_put_blob(m->store, config_digest, buf_bytes(&config)));
	buf_printf(&manifest,
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%"
		"zu},"
		"\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\","
		"\"digest\":\"%s\",\"size\":%zu}],\"annotations\":{\"kept\":\"yes\"}}",
		IMG_TYPE_CONFIG, config_digest, config.n, m->blob, m->packed.n);
	assert_ok(img_store_put_manifest(m->store, tag, IMG_TYPE_MANIFEST, buf_bytes(&manifest)));
}

static void test_encrypt(void **state)
{
	AUTO(made_done) struct made m = { 0 };
	AUTO(auto_free) char *digest_of = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(1 << 20);
	AUTO(img_document_done) struct img_document d = { 0 };
	AUTO(img_packets_done) struct img_packets packets = { 0 };
	AUTO(img_packet_done) struct img_packet packet = { 0 };
	AUTO(secret_freep) struct secret *options = NULL;
	AUTO(img_layer_key_done) struct img_layer_key key = { 0 };
	struct img_pubopts pubopts;
	uint8_t kek[32] = { 1, 2, 3 };
	(void)state;

	make_layer(&m, "encrypt");
	put_image(&m, "plain");
	struct img_encrypt e = { .from = m.store,
		.from_name = "plain",
		.to = m.store,
		.to_tag = "sealed",
		.key = BYTES_OF(kek),
		.key_id = "kbs:///a/b/c",
		.architecture = "amd64" };
	assert_ok(img_encrypt(&e, &digest_of));
	assert_ok(img_store_manifest(m.store, "sealed", &text));
	assert_ok(img_document_parse(buf_bytes(&text), &d));
	assert_string_equal(json_map_get(&d.manifest.annotations, "kept"), "yes");
	const struct img_descriptor *layer = img_layer(&d.manifest, 0);
	assert_ok(img_packets_of(&layer->annotations, &packets));
	assert_ok(img_packet_parse(buf_bytes(&packets.v[0]), &packet));
	assert_string_equal(packet.kid, "kbs:///a/b/c");
	assert_ok(img_packet_open(&packet, BYTES_OF(kek), &options));
	assert_ok(img_layer_key_parse(secret_bytes(options), &key));
	assert_ok(img_pubopts_parse(json_map_get(&layer->annotations, IMG_ENC_PUBOPTS), &pubopts));
	struct layer_job job = {
		.blob = { layer->digest, layer->size }, .key = &key, .hmac = pubopts.hmac
	};
	assert_ok(unpack(&m, &job));
	pubopts.hmac[31] ^= 1;
	assert_err(unpack(&m, &job), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "image.layer-hmac");
	pubopts.hmac[31] ^= 1;
	key.nonce[0] ^= 1; /* not under the HMAC, but the result is no gzip */
	assert_err(unpack(&m, &job), ERR_FORMAT);
	/* Sealing what is sealed would hide the first key from everyone. */
	e.from_name = "sealed";
	free(TAKE(digest_of));
	assert_err(img_encrypt(&e, &digest_of), ERR_STATE);
}

static RESULT check(struct made *m, const char *policy_text, const char *image, const char *digest)
{
	AUTO(img_policy_freep) struct img_policy *policy = NULL;
	AUTO(img_reference_done) struct img_reference r = { 0 };
	struct signature_check c = { .store = m->store, .image = &r, .digests = { digest, NULL } };

	assert_ok(img_policy_parse(bytes_str(policy_text), &policy));
	assert_ok(img_reference_parse(image, &r));
	return signature_check(policy, &c);
}

static const char *const key_names[] = { "P-256", "P-384", "P-521", "RSA", "Ed25519" };

static void test_cosign(void **state)
{
	(void)state;

	for (enum key_type type = KEY_P256; type <= KEY_ED25519; type++) {
		AUTO(made_done) struct made m = { 0 };
		AUTO(key_freep) struct key *key = NULL;
		AUTO(buf_done) struct buf pem = BUF_INIT(8192), policy = BUF_INIT(16384);
		struct json_writer w = jw_of(&policy);
		char other[160];
		print_message("%s\n", key_names[type]);
		make_layer(&m, key_names[type]);
		assert_ok(key_generate(type, &key));
		assert_ok(key_public_pem(key, &pem));
		buf_puts(&policy, "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyData\":");
		jw_bytes_str(&w, buf_bytes(&pem));
		buf_puts(&policy, "}]}");
		digest_text(bytes_str("other"), other);
		assert_err(check(&m, buf_cstr(&policy), "r.io/x", m.blob), ERR_UNVERIFIED);
		assert_string_equal(err_denial()->code, "image.unsigned");
		assert_ok(cosign_sign(m.store, m.blob, "r.io/x", key));
		assert_ok(check(&m, buf_cstr(&policy), "r.io/x", m.blob));
		assert_err(check(&m, buf_cstr(&policy), "r.io/y", m.blob), ERR_UNVERIFIED);
		assert_string_equal(err_denial()->code, "image.signature-identity");
		assert_err_text("Image policy rejected: Denied by policy: ");
		assert_err(check(&m, buf_cstr(&policy), "r.io/x", other), ERR_UNVERIFIED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gzip),
		cmocka_unit_test(test_zstd),
		cmocka_unit_test(test_layer),
		cmocka_unit_test(test_layer_flip),
		cmocka_unit_test(test_encrypt),
		cmocka_unit_test(test_cosign),
	};
	if (geteuid() != 0)
		return 77; /* owners need root */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
