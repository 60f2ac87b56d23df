#include "util.h"

#include <agent.pb-c.h>
#include <ttrpc.pb-c.h>

#include <net/pb.h>

static RESULT parse_spec(void *arg, struct bytes in)
{
	AUTO(pb_free_any) Agent__CreateContainerRequest *msg = NULL;

	(void)arg;
	return PB_UNPACK(agent__create_container_request, in, &msg);
}

static struct buf pack_request(void)
{
	struct buf out = BUF_INIT(4096);
	char *args[] = { (char[]){ "/bin/hello" }, (char[]){ "w\xc3\xb6rld" } };
	Oci__Process process = OCI__PROCESS__INIT;
	Oci__Linux linux_part = OCI__LINUX__INIT;
	Oci__Spec spec = OCI__SPEC__INIT;
	Agent__CreateContainerRequest req = AGENT__CREATE_CONTAINER_REQUEST__INIT;

	process.args = args;
	process.n_args = ARRAY_LEN(args);
	process.oomscoreadj = -997;
	linux_part.cgroupspath = args[0];
	spec.process = &process;
	spec.linux_ = &linux_part;
	req.container_id = args[0];
	req.oci = &spec;
	req.stdin_port = 1027;
	assert_ok(pb_pack(&req.base, &out));
	return out;
}

static void test_round_trip(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf wire = pack_request();
	AUTO(pb_free_any) Agent__CreateContainerRequest *msg = NULL;

	assert_ok(PB_UNPACK(agent__create_container_request, buf_bytes(&wire), &msg));
	assert_int_equal(msg->stdin_port, 1027);
	assert_int_equal(msg->oci->process->n_args, 2);
	assert_string_equal(msg->oci->process->args[1], "w\xc3\xb6rld");
	assert_int_equal(msg->oci->process->oomscoreadj, -997);
	assert_string_equal(msg->oci->linux_->cgroupspath, "/bin/hello");
	assert_null(msg->oci->hooks);
	assert_string_equal(msg->exec_id, "");
}

static void test_damage_survives(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf wire = pack_request();

	each_prefix_survives(buf_bytes(&wire), parse_spec, NULL);
	each_flip_survives(buf_bytes(&wire), parse_spec, NULL);
}

static void test_bad(void **state)
{
	(void)state;
	static const struct {
		const char *hex, *text;
	} bad[] = {
		{ "0a", "CreateContainerRequest.container_id: truncated" },
		{ "0a05616263", "CreateContainerRequest.container_id: truncated" },
		{ "0a03610062", "CreateContainerRequest.container_id: not UTF-8 text" },
		{ "0a02c080", "CreateContainerRequest.container_id: not UTF-8 text" },
		{ "0a03eda080", "CreateContainerRequest.container_id: not UTF-8 text" },
		{ "0a04f4908080", "CreateContainerRequest.container_id: not UTF-8 text" },
		{ "0a02e282", "CreateContainerRequest.container_id: not UTF-8 text" },
		{ "0a04c3c3a4a4", "CreateContainerRequest.container_id: not UTF-8 text" },
		{ "0801", "CreateContainerRequest.container_id: wrong wire type" },
		{ "0001", "CreateContainerRequest.(unknown): bad tag" },
		{ "0b", "CreateContainerRequest.container_id: wrong wire type" },
		{ "4f00", "CreateContainerRequest.stdin_port: bad wire type" },
		{ "48ffffffffffffffffffff01", "CreateContainerRequest.stdin_port: truncated" },
		{ "ff", "CreateContainerRequest.(unknown): truncated" },
		/* OCI { Process { Args "\xff" } } */
		{ "32051203"
		  "2201ff",
			"Process.Args: not UTF-8 text" },
		/* a nested message that is longer than its parent */
		{ "3203120922", "Spec.Process: truncated" },
		{ "320212"
		  "09",
			"Spec.Process: truncated" },
		{ "0affffffff0f61", "CreateContainerRequest.container_id: truncated" },
		{ "0affffffffffffffffff01", "CreateContainerRequest.container_id: truncated" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_err(parse_spec(NULL, test_hex(bad[i].hex)), ERR_FORMAT);
		assert_err_text(bad[i].text);
	}
}

/* Two bytes of input make a struct of a hundred: the number of fields must be bounded. */
static void test_amplification(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf wire = BUF_INIT(PB_SIZE_MAX + 2);

	for (size_t i = 0; i < PB_FIELDS_MAX; i++)
		buf_be16(&wire, 0x2a00); /* storages {} */
	assert_ok(parse_spec(NULL, buf_bytes(&wire)));
	buf_be16(&wire, 0x2a00);
	assert_err(parse_spec(NULL, buf_bytes(&wire)), ERR_LIMIT);
	assert_err_text("CreateContainerRequest: more than 65536 fields");
	buf_zero(&wire, PB_SIZE_MAX + 1 - wire.n);
	assert_err(parse_spec(NULL, buf_bytes(&wire)), ERR_LIMIT);
	assert_err_text("more than 4194304 bytes");
}

static void test_packed_counts(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf wire = BUF_INIT(1 << 20);
	AUTO(pb_free_any) Agent__MemHotplugByProbeRequest *msg = NULL;

	/* 70000 packed varints of one byte */
	buf_u8(&wire, 0x0a);
	buf_put(&wire, test_hex("f0a204"));
	buf_zero(&wire, 70000);
	assert_err(
		PB_UNPACK(agent__mem_hotplug_by_probe_request, buf_bytes(&wire), &msg), ERR_LIMIT);
	assert_null(msg);
}

static void test_unknown_fields_are_kept_apart(void **state)
{
	(void)state;
	AUTO(pb_free_any) Ttrpc__Request *msg = NULL;

	/* field 15, any block; field 16, fixed64; then service "s" */
	assert_ok(PB_UNPACK(ttrpc__request,
		test_hex("7a02ff0081010102030405060708"
			 "0a0173"),
		&msg));
	assert_string_equal(msg->service, "s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damage_survives),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_amplification),
		cmocka_unit_test(test_packed_counts),
		cmocka_unit_test(test_unknown_fields_are_kept_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
