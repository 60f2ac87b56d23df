#include "util.h"

#include <image-rs/manifest.h>

#define D1     "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2     "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define CONFIG "\"config\":{\"mediaType\":\"" IMG_TYPE_CONFIG "\",\"digest\":\"" D1 "\",\"size\":7}"
#define LAYER                                                                                      \
	"{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"" D2          \
	"\",\"size\":9,\"annotations\":{\"k\":\"v\"}}"
#define MANIFEST "{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER "]}"
#define ENTRY(os, arch, digest)                                                                    \
	"{\"mediaType\":\"" IMG_TYPE_MANIFEST "\",\"digest\":\"" digest                            \
	"\",\"size\":5,\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"}}"
#define INDEX                                                                                      \
	"{\"schemaVersion\":2,\"mediaType\":\"" IMG_TYPE_INDEX                                     \
	"\",\"manifests\":[" ENTRY("linux", "s390x", D1) "," ENTRY("linux", "amd64", D2) "]}"

static RESULT parse(void *arg, struct bytes in)
{
	AUTO(img_document_done) struct img_document d = { 0 };

	(void)arg;
	return img_document_parse(in, &d);
}

static void test_manifest(void **state)
{
	AUTO(img_document_done) struct img_document d = { 0 };
	(void)state;

	assert_ok(img_document_parse(bytes_str(MANIFEST), &d));
	assert_false(d.is_index);
	assert_string_equal(d.manifest.config.digest, D1);
	assert_int_equal(d.manifest.layers.n, 1);
	assert_string_equal(img_layer(&d.manifest, 0)->digest, D2);
	assert_int_equal(img_layer(&d.manifest, 0)->size, 9);
	assert_string_equal(json_map_get(&img_layer(&d.manifest, 0)->annotations, "k"), "v");
	each_prefix(bytes_str(MANIFEST), parse, NULL);
	each_flip_survives(bytes_str(MANIFEST), parse, NULL);
}

static void test_index(void **state)
{
	AUTO(img_document_done) struct img_document d = { 0 };
	const struct img_index_entry *e = NULL;
	(void)state;

	assert_ok(img_document_parse(bytes_str(INDEX), &d));
	assert_true(d.is_index);
	assert_ok(img_index_select(&d.index, "amd64", &e));
	assert_string_equal(e->descriptor.digest, D2);
	assert_ok(img_index_select(&d.index, "s390x", &e));
	assert_string_equal(e->descriptor.digest, D1);
	assert_err(img_index_select(&d.index, "arm64", &e), ERR_NOT_FOUND);
	assert_err_text("it has linux/s390x linux/amd64");
	each_prefix(bytes_str(INDEX), parse, NULL);
	each_flip_survives(bytes_str(INDEX), parse, NULL);
}

static void test_bad(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
		const char *error;
	} cases[] = {
		{ "[]", ERR_FORMAT, "no object" },
		{ "{}", ERR_UNSUPPORTED, "schemaVersion" },
		{ "{\"schemaVersion\":1," CONFIG ",\"layers\":[]}", ERR_UNSUPPORTED,
			"schemaVersion" },
		{ "{\"schemaVersion\":2}", ERR_FORMAT, "neither" },
		{ "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", ERR_FORMAT, "both" },
		{ "{\"schemaVersion\":2,\"manifests\":{}}", ERR_FORMAT, "no array" },
		{ "{\"schemaVersion\":2,\"mediaType\":\"" IMG_TYPE_INDEX "\"," CONFIG
		  ",\"layers\":[]}",
			ERR_UNSUPPORTED, "mediaType" },
		{ "{\"schemaVersion\":2,\"layers\":[]}", ERR_FORMAT, "config" },
		{ "{\"schemaVersion\":2," CONFIG
		  ",\"layers\":[{\"mediaType\":\"x\",\"digest\":\"sha256:../../x\",\"size\":1}]}",
			ERR_FORMAT, "layer: digest" },
		{ "{\"schemaVersion\":2," CONFIG
		  ",\"layers\":[{\"mediaType\":\"x\",\"digest\":\"" D1 "\",\"size\":-1}]}",
			ERR_FORMAT, "size" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("%s\n", cases[i].text);
		assert_err(parse(NULL, bytes_str(cases[i].text)), cases[i].code);
		assert_err_text(cases[i].error);
	}
}

static void test_too_many(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(IMG_MANIFEST_MAX);
	(void)state;

	buf_puts(&b, "{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER);
	for (int i = 1; i < 10000; i++)
		buf_puts(&b, "," LAYER);
	buf_puts(&b, "]}");
	assert_ok(buf_end(&b, "test"));
	assert_err(parse(NULL, buf_bytes(&b)), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "image.manifest-limit");
	assert_string_equal(err_denial()->actual, "10000");
	buf_clear(&b);
	buf_puts(&b, "{\"schemaVersion\":2,\"manifests\":[" ENTRY("linux", "amd64", D1));
	for (int i = 1; i < 10000; i++)
		buf_puts(&b, "," ENTRY("linux", "amd64", D1));
	buf_puts(&b, "]}");
	assert_err(parse(NULL, buf_bytes(&b)), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "image.manifest-limit");
}

static void test_config(void **state)
{
	AUTO(img_config_done) struct img_config c = { 0 };
	(void)state;

	assert_ok(img_config_parse(
		bytes_str(
			"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"User\":\"1\"},"
			"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1 "\",\"" D2 "\"]}}"),
		&c));
	assert_string_equal(c.os, "linux");
	assert_int_equal(c.diff_ids.n, 2);
	assert_string_equal(c.diff_ids.v[1], D2);
	assert_err(img_config_parse(bytes_str("{\"architecture\":\"amd64\",\"os\":\"linux\"}"), &c),
		ERR_FORMAT);
	assert_err_text("rootfs");
	assert_err(img_config_parse(bytes_str("{\"architecture\":\"amd64\",\"os\":\"linux\","
					      "\"rootfs\":{\"diff_ids\":[\"x\"]}}"),
			   &c),
		ERR_FORMAT);
	assert_err_text("diff_id");
}

static void test_layer_kinds(void **state)
{
	static const struct {
		const char *type;
		int compression;
		bool encrypted;
	} cases[] = {
		{ "application/vnd.oci.image.layer.v1.tar", IMG_TAR, false },
		{ "application/vnd.oci.image.layer.v1.tar+zstd+encrypted", IMG_TAR_ZSTD, true },
		{ "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", IMG_TAR_GZIP,
			false },
		{ "application/vnd.docker.image.rootfs.diff.tar.gzip", IMG_TAR_GZIP, false },
		{ "application/vnd.docker.image.rootfs.diff.tar.gzip+encrypted", IMG_TAR_GZIP,
			true },
	};
	const struct img_layer_kind *k;
	const char *type;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_ok(img_layer_kind(cases[i].type, &k));
		assert_int_equal(k->compression, cases[i].compression);
		assert_int_equal(k->encrypted, cases[i].encrypted);
	}
	assert_err(img_layer_kind("text/plain", &k), ERR_UNSUPPORTED);
	assert_ok(img_layer_encrypted_type(cases[3].type, &type));
	assert_string_equal(type, "application/vnd.oci.image.layer.v1.tar+gzip+encrypted");
	assert_err(img_layer_encrypted_type(type, &type), ERR_STATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_layer_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
