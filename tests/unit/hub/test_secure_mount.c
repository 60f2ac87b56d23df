/* SecureMount requests as Kata's agent and guest-components' tools send them, and others. */
#include "secure_mount.h"
#include "util.h"

#include <confidential_data_hub.pb-c.h>

#include <net/pb.h>

enum {
	PAIRS_MAX = 12
};

typedef const char *pair[2];

static void pack(const char *type, const pair *pairs, const char *at, struct buf *out)
{
	Cdh__SecureMountRequest__OptionsEntry entries[PAIRS_MAX], *list[PAIRS_MAX];
	Cdh__SecureMountRequest q = CDH__SECURE_MOUNT_REQUEST__INIT;

	q.volume_type = (char *)(uintptr_t)type;
	q.mount_point = (char *)(uintptr_t)at;
	while (q.n_options < PAIRS_MAX && pairs[q.n_options][0]) {
		Cdh__SecureMountRequest__OptionsEntry *e = &entries[q.n_options];

		cdh__secure_mount_request__options_entry__init(e);
		e->key = (char *)(uintptr_t)pairs[q.n_options][0];
		e->value = (char *)(uintptr_t)pairs[q.n_options][1];
		list[q.n_options++] = e;
	}
	q.options = list;
	assert_ok(pb_pack(&q.base, out));
}

static struct err parse(void *arg, struct bytes in)
{
	AUTO(secure_mount_done) struct secure_mount m = { 0 };

	(void)arg;
	return secure_mount_parse(in, &m);
}

/* Kata's agent: an encrypted emptyDir, and the trusted image storage. */
static const pair kata[] = { { "deviceId", "8:16" }, { "sourceType", "empty" },
	{ "targetType", "fileSystem" }, { "filesystemType", "ext4" },
	{ "mkfsOpts", "-O ^has_journal -m 0 -i 163840 -I 128" }, { "encryptionType", "luks2" },
	{ "dataIntegrity", "true" }, { NULL, NULL } };
static const pair keyed[] = { { "devicePath", "/dev/sda" }, { "sourceType", "encrypted" },
	{ "targetType", "device" }, { "key", "kbs:///default/key/data" },
	{ "mapperName", "data-1" }, { "format", "ifEmpty" }, { NULL, NULL } };

static void test_kata(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf text = BUF_INIT(4096);
	AUTO(secure_mount_done) struct secure_mount m = { 0 };

	pack("block-device", kata, "/run/kata-containers/image", &text);
	assert_ok(secure_mount_parse(buf_bytes(&text), &m));
	assert_int_equal(m.source, SECURE_EMPTY);
	assert_string_equal(m.device_id, "8:16");
	assert_null(m.device);
	assert_null(m.key);
	assert_string_equal(m.mkfs_options, "-O ^has_journal -m 0 -i 163840 -I 128");
	assert_true(m.authentic && !m.link && !m.create);
	each_prefix_survives(buf_bytes(&text), parse, NULL);
	each_flip_survives(buf_bytes(&text), parse, NULL);
}

static void test_keyed(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf text = BUF_INIT(4096);
	AUTO(secure_mount_done) struct secure_mount m = { 0 };

	pack("block-device", keyed, "/run/link", &text);
	assert_ok(secure_mount_parse(buf_bytes(&text), &m));
	assert_int_equal(m.source, SECURE_ENCRYPTED);
	assert_string_equal(m.device, "/dev/sda");
	assert_string_equal(m.mapper_name, "data-1");
	assert_true(m.link && m.create && !m.authentic);
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *name, *value, *at;
		enum err_code code;
	} cases[] = {
		{ "deviceId", "8", NULL, ERR_FORMAT },
		{ "deviceId", "8:x", NULL, ERR_FORMAT },
		{ "deviceId", ":1", NULL, ERR_FORMAT },
		{ "deviceId", "../1:1", NULL, ERR_FORMAT },
		{ "deviceId", "1:11111111", NULL, ERR_FORMAT },
		{ "sourceType", "full", NULL, ERR_UNSUPPORTED },
		{ "targetType", "directory", NULL, ERR_UNSUPPORTED },
		{ "encryptionType", "zfs", NULL, ERR_UNSUPPORTED },
		{ "filesystemType", "xfs", NULL, ERR_UNSUPPORTED },
		{ "dataIntegrity", "yes", NULL, ERR_UNSUPPORTED },
		{ "mapperName", "../x", NULL, ERR_FORMAT },
		{ "mapperName", "", NULL, ERR_FORMAT },
		{ "mapperName", "a b", NULL, ERR_FORMAT },
		{ "format", "always", NULL, ERR_UNSUPPORTED },
		{ "format", "ifEmpty", NULL, ERR_FORMAT }, /* without a key */
		{ "key", "file:///etc/key", NULL, ERR_UNSUPPORTED },
		{ "key", "secret", NULL, ERR_UNSUPPORTED },
		{ "readOnly", "true", NULL, ERR_UNSUPPORTED },
		{ "targetType", "device", "relative", ERR_FORMAT },
		{ "targetType", "device", "/run/../etc", ERR_FORMAT },
		{ "targetType", "device", "/run//x", ERR_FORMAT },
		{ "targetType", "device", "/run/x/", ERR_FORMAT },
		{ "targetType", "device", "/", ERR_FORMAT },
		{ "targetType", "device", "", ERR_FORMAT },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(4096);
		pair pairs[4] = { { cases[i].name, cases[i].value }, { "sourceType", "empty" },
			{ "deviceId", "8:0" } };
		struct err e;

		/* The case's own instead of the usual one. */
		for (size_t k = 1; k < 3; k++)
			if (str_equal(pairs[k][0], cases[i].name))
				pairs[k][0] = "encryptionType", pairs[k][1] = "luks2";
		pack("block-device", (const pair *)pairs, cases[i].at ? cases[i].at : "/run/x",
			&text);
		e = parse(NULL, buf_bytes(&text));
		if (e.code != cases[i].code)
			fail_msg("%s=%s: %s", cases[i].name, cases[i].value,
				failed(e) ? err_text() : "taken");
	}
}

static void test_incomplete(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf text = BUF_INIT(4096);
	AUTO(buf_done) struct buf other = BUF_INIT(4096);
	AUTO(buf_done) struct buf twice = BUF_INIT(4096);
	const pair none[] = { { NULL, NULL } };
	const pair encrypted[] = { { "sourceType", "encrypted" }, { "deviceId", "8:0" },
		{ NULL, NULL } };
	const pair doubled[] = { { "sourceType", "empty" }, { "sourceType", "empty" },
		{ NULL, NULL } };

	pack("block-device", none, "/run/x", &text);
	assert_err(parse(NULL, buf_bytes(&text)), ERR_FORMAT);
	text.n = 0;
	pack("block-device", encrypted, "/run/x", &text);
	assert_err(parse(NULL, buf_bytes(&text)), ERR_FORMAT);
	assert_err_text("key is missing");
	pack("alibaba-cloud-oss", kata, "/run/x", &other);
	assert_err(parse(NULL, buf_bytes(&other)), ERR_UNSUPPORTED);
	pack("block-device", doubled, "/run/x", &twice);
	assert_err(parse(NULL, buf_bytes(&twice)), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kata),
		cmocka_unit_test(test_keyed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_incomplete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
