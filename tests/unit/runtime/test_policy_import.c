/* Kata's policy_data as a manifest. */
#include "policy_regex.h"
#include "policy_rule.h"
#include "util.h"

#include <base/file.h>
#include <policy/manifest.h>
#include <runtime/policy_import.h>
#include <runtime/policy_make.h>

struct imported {
	struct buf json;
	struct strv notes;
	struct manifest m;
};

static void imported_done(struct imported *d)
{
	buf_done(&d->json);
	strv_done(&d->notes);
	manifest_done(&d->m);
}

static struct err import(struct bytes rego, struct imported *d)
{
	struct err e;

	*d = (struct imported){ .json = BUF_INIT(POLICY_MANIFEST_MAX) };
	e = policy_import(rego, &d->json, &d->notes);
	return failed(e) ? e : manifest_parse(buf_bytes(&d->json), &d->m);
}

static void read_sample(struct buf *rego)
{
	AUTO(auto_free) char *path = NULL;

	assert_ok(str_format(
		&path, "%s/tests/fuzz/corpus/policy_import/pod.rego", getenv("SEALPOD_SOURCE")));
	assert_ok(file_read(path, rego));
}

static const struct manifest_volume *volume(const struct manifest_container *c, const char *at)
{
	const struct manifest_volume *v = manifest_volume_at(c, at);

	if (!v)
		fail_msg("no volume at %s", at);
	return v;
}

static void test_sample(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf rego = BUF_INIT(1024 * 1024);
	AUTO(imported_done) struct imported d;
	const struct manifest_container *c;

	read_sample(&rego);
	assert_ok(import(buf_bytes(&rego), &d));
	assert_int_equal(d.m.containers.n, 1); /* the placeholder is none */
	c = manifest_container_at(&d.m, 0);
	assert_string_equal(c->name, "app");
	assert_string_equal(c->image, "registry.example/app@sha256:0d5f");
	assert_string_equal(c->argv.v[1], "~--pod=[-a-z0-9.]+");
	assert_string_equal(json_map_get(&c->env, "URL"), "~http://[0-9a-fA-F.:]+:80");
	assert_string_equal(c->user, "1000:3000");
	assert_int_equal(c->groups.n, 1);
	assert_int_equal(c->capabilities.n, 3);
	assert_int_equal(c->env_also.n, 3);
	assert_true(manifest_matches(c->env_also.v[1], "DB_SERVICE_HOST=10.0.12.255"));
	assert_false(manifest_matches(c->env_also.v[1], "DB_SERVICE_HOST=10.0.12.x"));
	assert_true(manifest_matches(c->env_also.v[0], "HOSTNAME=web-1"));
	assert_true(c->new_privileges && c->readonly_rootfs && d.m.shared_pid);
	assert_string_equal(volume(c, "/etc/hosts")->kind, "files");
	assert_string_equal(volume(c, "/cache")->kind, "memory");
	assert_string_equal(volume(c, "/cache")->name, "cache");
	assert_string_equal(volume(c, "/data")->kind, "encrypted");
	assert_true(volume(c, "/data")->read_only);
	assert_string_equal(c->mounts.v[1], "/scratch");
	assert_string_equal(c->devices.v[0], "/dev/xvda");
	assert_int_equal(json_count(c->exec), 2);
	assert_string_equal(json_map_get(&d.m.sysctls, "net.core.somaxconn"), "1024");
	assert_int_equal(d.m.allow.n, 3);
	assert_int_equal(d.notes.n, 3);
}

/* One container with more members; what it becomes, and which note says what it does not. */
#define POD(annotations, process, mounts, container, data)                                         \
	"policy_data := {\"containers\": [{\"OCI\": {\"Annotations\": {"                           \
	"\"io.kubernetes.cri.image-name\": \"i@sha256:aa\"" annotations "}, \"Process\": {"        \
	"\"User\": {\"UID\": 1, \"GID\": 2}" process "}, \"Mounts\": [" mounts "]}" container      \
	"}]" data "}"
#define MOUNT(at, source)                                                                          \
	"{\"destination\": \"" at "\", \"source\": \"" source                                      \
	"\", \"type_\": \"local\", \"options\": [\"rbind\", \"rw\"]}"

static void test_members(void **state)
{
	static const struct {
		const char *text, *part, *note; /* NULL: any */
	} rows[] = {
		{ POD(",\"io.kubernetes.cri.sandbox-name\": \"web-0\"",
			  ",\"Args\": [\"a\", \"--of=$(sandbox-name)\"]", "", "", ""),
			"\"--of=web-0\"", NULL },
		{ POD(",\"io.kubernetes.cri.sandbox-name\": \"^web-[a-z0-9]{5}$\"",
			  ",\"Args\": [\"$(sandbox-name)\"]", "", "", ""),
			"~web-[a-z0-9]{5}", NULL },
		{ POD("", ",\"Env\": [\"A=$(odd)\", \"B\"]", "", "", ""), "\"A\": \"$(odd)\"",
			"Env B: not carried over" },
		{ POD("", ",\"Env\": [\"A=$(odd)\"]", "", "", ""), NULL, "A: $(odd)" },
		{ POD("", "", MOUNT("/e", "^$(cpath)/$(sandbox-id)/local/scratch$"), "", ""),
			"\"kind\": \"encrypted\", \"name\": \"scratch\"", NULL },
		{ POD("", "", MOUNT("/e", "^$(cpath)/$(sandbox-id)/rootfs/local/v/sub$"), "", ""),
			"{\"at\": \"/e\", \"kind\": \"files\"}", "subPath of volume v" },
		{ POD("", "", MOUNT("/c", "^$(cpath)/watchable/$(bundle-id)-[a-z0-9]{16}-c$"), "",
			  ""),
			"{\"at\": \"/c\", \"kind\": \"files\"}", NULL },
		{ POD("", "", MOUNT("/dev/ttyS0", "/dev/ttyS0"), "", ""), NULL,
			"mount at /dev/ttyS0 of /dev/ttyS0: not carried over" },
		{ POD("", "", MOUNT("/sys", "sysfs"), "", ""), "\"privileged\": true",
			"privileged" },
		{ POD("", "", "", ",\"storages\": [{\"fstype\": \"tar\"}, {\"fstype\": \"tar\"}]",
			  ""),
			NULL, "dm-verity hashes of 2 layers" },
		{ POD("", "", "", ",\"exec_commands\": [\"echo hi\"]", ""), "\"exec\": []",
			"command echo hi: not carried over" },
		{ POD("", "", "",
			  ",\"devices\": [{\"container_path\": \"/dev/vfio/0\", \"type\": "
			  "\"vfio-pci-gk\"}]",
			  ""),
			"\"devices\": []", "device vfio-pci-gk" },
		{ POD("", ",\"Rlimits\": [{\"a\": 1}], \"ApparmorProfile\": \"\"", "", "", ""),
			NULL, "/OCI/Process/Rlimits: not carried over" },
		{ POD("", "", "", "", ",\"request_defaults\": {\"SetPolicyRequest\": true}"), NULL,
			"policy_data/request_defaults/SetPolicyRequest: not carried over" },
		{ POD("", "", "", "", ",\"sandbox\": {\"storages\": [{\"mount_point\": \"/x\"}]}"),
			NULL, "sandbox/storages: /x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(imported_done) struct imported d;
		bool noted = !rows[i].note;

		print_message("  row %zu\n", i);
		assert_ok(import(bytes_str(rows[i].text), &d));
		if (rows[i].part && !strstr(buf_cstr(&d.json), rows[i].part))
			fail_msg("no %s in %s", rows[i].part, buf_cstr(&d.json));
		for (size_t k = 0; k < d.notes.n && !noted; k++)
			noted = strstr(d.notes.v[k], rows[i].note) != NULL;
		assert_true(noted);
	}
}

static void test_regex(void **state)
{
	(void)state;
	static const struct {
		const char *re2, *posix; /* NULL: there is none */
	} rows[] = {
		{ "^a$", "a" },
		{ "a", ".*a.*" },
		{ "^a", "a.*" },
		{ "^a\\$", "a\\$.*" },
		{ "^(?:a|b)$", "(a|b)" },
		{ "^\\d+[\\w.]$", "[0-9]+[0-9A-Za-z_.]" },
		{ "^[a\\-z]$", "[az-]" },
		{ "^$(ip)x$", "([0-9]+)x" },
		{ "^$(two)$", "(([0-9]+)-([0-9]+))" },
		{ "^$(self)$", NULL },
		{ "^$(none)$", NULL },
		{ "^(?i)a$", NULL },
		{ "^a*?$", NULL },
		{ "^\\pL$", NULL },
		{ "^\\1$", NULL },
		{ "^[\\]]$", NULL },
		{ "^(a$", NULL },
		{ "^\\", NULL },
	};
	AUTO(policy_vars_done) struct json_map vars = { 0 };

	assert_ok(policy_vars_set(&vars, "ip", "[0-9]+"));
	assert_ok(policy_vars_set(&vars, "two", "$(ip)-$(ip)"));
	assert_ok(policy_vars_set(&vars, "self", "$(self)"));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(auto_free) char *regex = NULL;

		print_message("  row %zu\n", i);
		if (!rows[i].posix) {
			assert_err(policy_regex(rows[i].re2, &vars, &regex), ERR_UNSUPPORTED);
			continue;
		}
		assert_ok(policy_regex(rows[i].re2, &vars, &regex));
		assert_string_equal(regex, rows[i].posix);
	}
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum err_code code;
		const char *error;
	} rows[] = {
		{ "", ERR_NOT_FOUND, "no policy_data" },
		{ "package agent_policy\nx policy_data := {}", ERR_NOT_FOUND, "no policy_data" },
		{ "policy_data := [", ERR_NOT_FOUND, "no policy_data" },
		{ "policy_data := {\"a\": \"}\"", ERR_FORMAT, "no end" },
		{ "policy_data := {a}", ERR_FORMAT, "policy_data" },
		{ "policy_data := {}", ERR_FORMAT, "no containers" },
		{ "policy_data := {\"containers\": [{}]}", ERR_NOT_FOUND, "names no image" },
		{ "policy_data := {\"containers\": [{\"OCI\": {\"Annotations\": "
		  "{\"io.kubernetes.cri.image-name\": \"i\"}}}]}",
			ERR_FORMAT, "no UID" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(imported_done) struct imported d;

		print_message("  row %zu\n", i);
		assert_err(import(bytes_str(rows[i].text), &d), rows[i].code);
		assert_err_text(rows[i].error);
	}
}

static struct err survive(void *arg, struct bytes in)
{
	AUTO(imported_done) struct imported d;

	(void)arg;
	return import(in, &d);
}

static void test_survives(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf rego = BUF_INIT(1024 * 1024);
	struct bytes json;

	read_sample(&rego);
	assert_ok(policy_data_find(buf_bytes(&rego), &json));
	size_t end = (size_t)(json.p - rego.p) + json.n;
	each_prefix(bytes_of(rego.p, end), survive, NULL);
	each_flip_survives(bytes_of(rego.p, end), survive, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_regex),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
