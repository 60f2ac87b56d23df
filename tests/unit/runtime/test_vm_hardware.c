/* QEMU's command line on the platforms that are hardware, word for word, and what is refused. */
#include "vm_lines.h"

#include <base/encode.h>
#include <crypto/key.h>
#include <measured-boot/launch.h>

#define HARDWARE(more, cpu)                                                                        \
	"-machine", "q35,smm=off,max-ram-below-4g=256M,vmport=off,accel=kvm" more, "-global",      \
		"ICH9-LPC.disable_s3=1", "-cpu", cpu, "-smp", "2", "-m", "2048M", "-rtc",          \
		"base=utc,clock=host", "-vga", "none"
#define AMD_CPU(model) model ",pmu=off,host-phys-bits=off,phys-bits=40"

static struct vm_config on_kvm(void)
{
	struct vm_config c = vm_plain;

	c.accel = VM_ACCEL_KVM;
	c.firmware = "/fw/a,b.fd";
	c.protection.cbitpos = 51;
	c.protection.reduced_phys_bits = 1;
	return c;
}

static struct digest_value initdata(enum digest_alg alg, uint8_t fill)
{
	struct digest_value d = { .alg = alg, .n = digest_size(alg) };

	memset(d.v, fill, d.n);
	return d;
}

static void test_snp(void **state)
{
	static const char *const want[] = { HEAD,
		HARDWARE(",kernel-irqchip=split,confidential-guest-support=snp,memory-backend=ram",
			AMD_CPU("EPYC-v4")),
		"-object",
		("sev-snp-guest,id=snp,cbitpos=51,reduced-phys-bits=1,kernel-hashes=on,"
		 "policy=0x30000,host-data=ERERERERERERERERERERERERERERERERERERERERERE="),
		"-object", "memory-backend-memfd,share=on,id=ram,size=2048M", "-bios", "/fw/a,b.fd",
		BOOT, PORTS };
	struct vm_config c = on_kvm();

	(void)state;
	c.protection.initdata = initdata(DIGEST_SHA256, 0x11);
	assert_argv("snp", &c, want, ARRAY_LEN(want));
}

/* Everything said: a longer digest is cut to HOST_DATA's 32 bytes. */
static void test_snp_options(void **state)
{
	static const char *const want[] = { HEAD,
		HARDWARE(",kernel-irqchip=split,confidential-guest-support=snp,memory-backend=ram",
			AMD_CPU("EPYC-Milan-v2")),
		"-object",
		("sev-snp-guest,id=snp,cbitpos=47,reduced-phys-bits=5,kernel-hashes=on,"
		 "policy=0x20000,host-data=IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=,"
		 "id-block=QQ==,id-auth=Qg==,author-key-enabled=on"),
		"-object", "memory-backend-memfd,share=on,id=ram,size=2048M", "-bios", "/fw/a,b.fd",
		BOOT, PORTS };
	struct vm_config c = on_kvm();
	struct vm_protection *p = &c.protection;

	(void)state;
	p->initdata = initdata(DIGEST_SHA384, 0x22);
	p->has_policy = true;
	p->policy = 0x20000;
	p->cbitpos = 47;
	p->reduced_phys_bits = 5;
	p->cpu_model = "EPYC-Milan-v2";
	(void)snprintf(p->id_block, sizeof(p->id_block), "QQ==");
	(void)snprintf(p->id_auth, sizeof(p->id_auth), "Qg==");
	p->author_key = true;
	assert_argv("snp", &c, want, ARRAY_LEN(want));
}

static void test_sev(void **state)
{
	static const char *const want[] = { HEAD,
		HARDWARE(",confidential-guest-support=sev", AMD_CPU("EPYC-v3")), "-object",
		"sev-guest,id=sev,cbitpos=51,reduced-phys-bits=1,kernel-hashes=on,policy=0xb",
		"-drive", "if=pflash,unit=0,format=raw,readonly=on,file=/fw/a,,b.fd", BOOT, PORTS };
	struct vm_config c = on_kvm();

	(void)state;
	assert_argv("sev", &c, want, ARRAY_LEN(want));
}

static void test_sev_es(void **state)
{
	static const char *const want[] = { HEAD,
		HARDWARE(",confidential-guest-support=sev", AMD_CPU("EPYC-Rome")), "-object",
		("sev-guest,id=sev,cbitpos=51,reduced-phys-bits=1,kernel-hashes=on,policy=0x5,"
		 "dh-cert-file=/o/godh,,.b64,session-file=/o/session.b64"),
		"-drive", "if=pflash,unit=0,format=raw,readonly=on,file=/fw/a,,b.fd", BOOT, PORTS };
	struct vm_config c = on_kvm();

	(void)state;
	c.protection.has_policy = true;
	c.protection.policy = 5;
	c.protection.session = "/o/session.b64";
	c.protection.dh_cert = "/o/godh,.b64";
	c.protection.cpu_model = "EPYC-Rome";
	assert_argv("sev-es", &c, want, ARRAY_LEN(want));
}

static void test_tdx(void **state)
{
	static const char *const want[] = { HEAD,
		HARDWARE(",kernel-irqchip=split,confidential-guest-support=tdx,memory-backend=ram",
			"host,pmu=off"),
		"-object",
		("{\"qom-type\":\"tdx-guest\",\"id\":\"tdx\",\"sept-ve-disable\":true,"
		 "\"mrconfigid\":\"EREREREREREREREREREREREREREREREREREREREREREA"
		 "AAAAAAAAAAAAAAAAAAAA\",\"quote-generation-socket\":"
		 "{\"type\":\"vsock\",\"cid\":\"2\",\"port\":\"4050\"}}"),
		"-object", "memory-backend-ram,id=ram,size=2048M", "-bios", "/fw/a,b.fd", BOOT,
		PORTS };
	struct vm_config c = on_kvm();

	(void)state;
	c.protection.initdata = initdata(DIGEST_SHA256, 0x11);
	c.protection.quote_socket = "vsock://2:4050";
	assert_argv("tdx", &c, want, ARRAY_LEN(want));
}

/* The JSON object of a TDX line. */
static void assert_tdx_object(const char *socket, const char *want)
{
	AUTO(strv_done) struct strv argv = { 0 };
	struct vm_config c = on_kvm();

	c.protection.quote_socket = socket;
	assert_ok(vm_argv(&vm_tdx, &c, &argv));
	for (size_t i = 0; i + 1 < argv.n; i++) {
		if (strcmp(argv.v[i], "-object") != 0)
			continue;
		assert_string_equal(argv.v[i + 1], want);
		return;
	}
	fail_msg("no object");
}

static void test_tdx_sockets(void **state)
{
	static const char *const wrong[] = { "", "tcp://x:1", "unix://relative", "unix://",
		"vsock://2", "vsock://:1", "vsock://2:", "vsock://2:x", "vsock://-1:1",
		"vsock://4294967296:1", "vsock://2:4294967296", "vsock://2:1:1" };

	(void)state;
	assert_tdx_object(NULL, "{\"qom-type\":\"tdx-guest\",\"id\":\"tdx\","
				"\"sept-ve-disable\":true}");
	assert_tdx_object("unix:///q,\"s", "{\"qom-type\":\"tdx-guest\",\"id\":\"tdx\","
					   "\"sept-ve-disable\":true,\"quote-generation-socket\":"
					   "{\"type\":\"unix\",\"path\":\"/q,\\\"s\"}}");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		AUTO(strv_done) struct strv argv = { 0 };
		struct vm_config c = on_kvm();

		c.protection.quote_socket = wrong[i];
		assert_true(failed(vm_argv(&vm_tdx, &c, &argv)));
		assert_int_equal(argv.n, 0);
	}
}

static void test_se(void **state)
{
	static const char *const want[] = { "qemu-system-s390x", "-name",
		"sealpod-calm-otter,debug-threads=on", "-nodefaults", "-no-user-config",
		"-nographic", "-no-reboot", "-sandbox",
		"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		"-machine", "s390-ccw-virtio,accel=kvm,confidential-guest-support=pv0", "-cpu",
		"host", "-smp", "2", "-m", "2048M", "-rtc", "base=utc,clock=host", "-vga", "none",
		"-object", "s390-pv-guest,id=pv0", "-kernel", "/g/se.img", "-object",
		"rng-random,id=rng0,filename=/dev/urandom", "-device", "virtio-rng-ccw,rng=rng0",
		"-device", "virtio-serial-ccw,id=serial0,max_ports=4", "-chardev",
		"socket,id=console,fd=5", "-device", "sclpconsole,chardev=console", "-chardev",
		"socket,id=agent,fd=3", "-device",
		"virtserialport,chardev=agent,name=sealpod.agent", "-chardev", "socket,id=log,fd=4",
		"-device", "virtserialport,chardev=log,name=sealpod.log", "-chardev",
		"socket,id=qmp,fd=6", "-mon", "chardev=qmp,mode=control", "-blockdev",
		"driver=file,node-name=initdata,filename=/run/initdata.img,read-only=on", "-device",
		"virtio-blk-ccw,drive=initdata" };
	struct vm_config c = on_kvm();

	(void)state;
	c.arch = VM_ARCH_S390X;
	c.firmware = NULL;
	c.kernel = "/g/se.img";
	c.initdata = "/run/initdata.img";
	/* No field of the launch takes it. */
	c.protection.initdata = initdata(DIGEST_SHA256, 0x11);
	assert_argv("se", &c, want, ARRAY_LEN(want));
}

struct change {
	const struct vm_platform *platform;
	void (*change)(struct vm_config *c);
	const char *text; /* of the refusal */
};

static void policy_3(struct vm_config *c)
{
	c->protection.has_policy = true;
	c->protection.policy = 3;
}

static void policy_7(struct vm_config *c)
{
	c->protection.has_policy = true;
	c->protection.policy = 7;
}

static void emulated(struct vm_config *c)
{
	c->accel = VM_ACCEL_TCG;
}

static void other_arch(struct vm_config *c)
{
	c->arch = VM_ARCH_S390X;
}

static void half_block(struct vm_config *c)
{
	c->protection.id_block[0] = 'A';
}

static void half_session(struct vm_config *c)
{
	c->protection.session = "/s";
}

static void model(struct vm_config *c)
{
	c->protection.cpu_model = "EPYC";
}

static void hostile_model(struct vm_config *c)
{
	c->protection.cpu_model = "EPYC,migratable=off";
}

static void quotes(struct vm_config *c)
{
	c->protection.quote_socket = "vsock://2:1";
}

static void test_refused(void **state)
{
	static const struct change changes[] = {
		{ &vm_snp, policy_3, "platform snp needs the bits 0x20000 in it" },
		{ &vm_sev, policy_7, "platform sev cannot have the bits 0x4" },
		{ &vm_sev_es, policy_3, "platform sev-es needs the bits 0x4 in it" },
		{ &vm_tdx, policy_3, "platform tdx takes no --policy" },
		{ &vm_vtpm, policy_3, "platform vtpm takes no --policy" },
		{ &vm_snp, emulated, "platform snp needs KVM" },
		{ &vm_tdx, emulated, "platform tdx needs KVM" },
		{ &vm_snp, other_arch, "platform 'snp' does not exist on s390x" },
		{ &vm_snp, half_block, "--id-block and --id-auth go together" },
		{ &vm_sev, half_block, "platform sev takes no --id-block" },
		{ &vm_sev, half_session, "--session and --dh-cert go together" },
		{ &vm_snp, half_session, "platform snp takes no --session" },
		{ &vm_tdx, model, "platform tdx takes no --cpu-model" },
		{ &vm_snp, hostile_model, "--cpu-model EPYC,migratable=off: a model's name only" },
		{ &vm_snp, quotes, "platform snp takes no --quote-socket" },
		{ &vm_none, quotes, "platform none takes no --quote-socket" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		AUTO(strv_done) struct strv argv = { 0 };
		struct vm_config c = on_kvm();

		changes[i].change(&c);
		assert_true(failed(vm_argv(changes[i].platform, &c, &argv)));
		assert_err_text(changes[i].text);
	}
}

static void test_platforms(void **state)
{
	uint32_t signature;
	size_t n = 0;

	(void)state;
	for (; vm_platform_at(n); n++) {
		const struct vm_platform *p = NULL;

		assert_ok(vm_platform_find(vm_platform_at(n)->name, &p));
		assert_ptr_equal(p, vm_platform_at(n));
		/* What is measured of it can be computed. */
		if (p->cpu_model)
			assert_ok(launch_cpu_signature_by_name(p->cpu_model, &signature));
		/* A platform's own policy passes its own rules. */
		assert_int_equal(p->policy & p->policy_must, p->policy_must);
		assert_int_equal(p->policy & p->policy_must_not, 0);
	}
	assert_int_equal(n, 7);
}

static void test_policy_text(void **state)
{
	static const struct {
		const char *text;
		uint64_t policy;
	} good[] = {
		{ "0x30000", 0x30000 },
		{ "196608", 0x30000 },
		{ "0xAbC", 0xabc },
		{ "0", 0 },
		{ "0xffffffffffffffff", UINT64_MAX },
		{ "18446744073709551615", UINT64_MAX },
	};
	static const char *const wrong[] = { "", "0x", "x3", "0x1g", "-1", "1 ",
		"0x10000000000000000", "18446744073709551616", "0x-1", "0X3" };
	uint64_t policy = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_true(failed(vm_policy_parse(wrong[i], &policy)));
	assert_int_equal(policy, 42);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_ok(vm_policy_parse(good[i].text, &policy));
		assert_true(policy == good[i].policy);
	}
}

/* ---- ID block ---- */
struct block_case {
	struct buf block, auth;
};

static void block_case_done(struct block_case *b)
{
	buf_done(&b->block);
	buf_done(&b->auth);
}

static void make_block(uint64_t policy, bool with_author, struct block_case *ret)
{
	AUTO(key_freep) struct key *id = NULL;
	AUTO(key_freep) struct key *author = NULL;
	const struct id_block b = { .policy = policy, .guest_svn = 2 };

	*ret = (struct block_case){ .block = BUF_INIT(ID_BLOCK_SIZE),
		.auth = BUF_INIT(ID_AUTH_SIZE) };
	assert_ok(key_generate(KEY_P384, &id));
	assert_ok(key_generate(KEY_P384, &author));
	assert_ok(id_block_write(&b, &ret->block));
	assert_ok(
		id_auth_make(buf_bytes(&ret->block), id, with_author ? author : NULL, &ret->auth));
}

static void test_id_block(void **state)
{
	AUTO(block_case_done) struct block_case b;
	AUTO(buf_done) struct buf text = BUF_INIT(2 * ID_AUTH_SIZE);
	struct vm_protection p = { 0 }, q = { 0 },
			     other = { .has_policy = true, .policy = 0x20000 };

	(void)state;
	make_block(0x30000, true, &b);
	assert_ok(vm_id_block_set(buf_bytes(&b.block), buf_bytes(&b.auth), &p));
	assert_true(p.has_policy && p.policy == 0x30000 && p.author_key);
	assert_int_equal(strlen(p.id_block), 128);
	assert_int_equal(strlen(p.id_auth), 5464);
	/* What the tool prints goes back in, with a line's end. */
	buf_puts(&text, p.id_auth);
	buf_puts(&text, "\n");
	assert_ok(vm_id_block_set(bytes_str(p.id_block), buf_bytes(&text), &q));
	assert_string_equal(q.id_auth, p.id_auth);
	assert_string_equal(q.id_block, p.id_block);
	assert_err(vm_id_block_set(buf_bytes(&b.block), buf_bytes(&b.auth), &other), ERR_USAGE);
	assert_err_text("--policy 0x20000, but the ID block is for 0x30000");
	assert_int_equal(other.id_block[0], 0);
}

static void test_id_block_without_author(void **state)
{
	AUTO(block_case_done) struct block_case b;
	struct vm_protection p = { 0 };

	(void)state;
	make_block(0xb0000, false, &b);
	assert_ok(vm_id_block_set(buf_bytes(&b.block), buf_bytes(&b.auth), &p));
	assert_false(p.author_key);
	assert_true(p.policy == 0xb0000);
}

static struct err set_block(void *arg, struct bytes block)
{
	const struct block_case *b = arg;
	struct vm_protection p = { 0 };

	return vm_id_block_set(block, buf_bytes(&b->auth), &p);
}

static void test_id_block_damaged(void **state)
{
	AUTO(block_case_done) struct block_case b;

	(void)state;
	make_block(0x30000, true, &b);
	each_prefix(buf_bytes(&b.block), set_block, &b);
	each_flip(buf_bytes(&b.block), set_block, &b);
	b.auth.n--;
	assert_err(set_block(&b, buf_bytes(&b.block)), ERR_FORMAT);
	assert_err_text("ID authentication: neither 4096 bytes nor base64 of them");
	b.auth.n++;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_snp),
		cmocka_unit_test(test_snp_options),
		cmocka_unit_test(test_sev),
		cmocka_unit_test(test_sev_es),
		cmocka_unit_test(test_tdx),
		cmocka_unit_test(test_tdx_sockets),
		cmocka_unit_test(test_se),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_platforms),
		cmocka_unit_test(test_policy_text),
		cmocka_unit_test(test_id_block),
		cmocka_unit_test(test_id_block_without_author),
		cmocka_unit_test(test_id_block_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
