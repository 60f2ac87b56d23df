/*
 * Guest driver, handshake, a real broker that verifies out of its collateral store, and the secret:
 * every platform, without its hardware. Then one thing after the other is wrong.
 */
#include "path.h"
#include "util.h"

#include <stdio.h>

#include <base/auto.h>
#include <base/encode.h>
#include <crypto/jose.h>
#include <measured-boot/initdata.h>

enum {
	TEXT_MAX = 65536,
};

#define RESOURCE "default/key/app"
#define SECRET	 "the image key"

static const struct path_platform *const platforms[] = {
	&path_sample,
	&path_vtpm,
	&path_az_snp_vtpm,
	&path_az_tdx_vtpm,
	&path_se,
	&path_snp,
	&path_tdx,
};

struct run {
	const struct path_platform *platform;
	const struct tee *tee;
	struct path path;
	struct broker broker;
	struct tee_guest *guest;
	struct kbs_client *client;
	char initdata[256], other_initdata[256];
	struct digest_value initdata_digest;
};

/* ---- guest ---- */
static void open_guest(struct run *r)
{
	const struct tee_guest_ops *ops = tee_guest_ops(r->tee);

	if (r->guest)
		ops->close(r->guest);
	r->guest = NULL;
	assert_ok(ops->open(&r->path.config, &r->guest));
}

static void connect_guest(struct run *r, bool other_initdata)
{
	const struct kbs_client_config c = {
		.url = r->broker.url,
		.ca_pem = buf_bytes(&r->broker.ca),
		.tee = r->tee,
		.guest = r->guest,
		.initdata = bytes_str(other_initdata ? r->other_initdata : r->initdata),
	};

	kbs_client_freep(&r->client);
	r->client = NULL;
	assert_ok(kbs_client_new(&c, &r->client));
}

static void make_initdata(struct run *r)
{
	const char *algorithm = r->platform->algorithm ? r->platform->algorithm : "sha256";

	(void)snprintf(r->initdata, sizeof(r->initdata),
		"version = \"0.1.0\"\nalgorithm = \"%s\"\n[data]\n", algorithm);
	(void)snprintf(r->other_initdata, sizeof(r->other_initdata),
		"version = \"0.1.0\"\nalgorithm = \"%s\"\n[data]\n\"a\" = \"b\"\n", algorithm);
	assert_ok(initdata_digest(bytes_str(r->initdata), &r->initdata_digest));
}

/* ---- tenant ---- */
static void set_policy(struct run *r)
{
	AUTO(buf_done) struct buf toml = BUF_INIT(TEXT_MAX);

	buf_printf(&toml,
		"version = 1\n[[rule]]\nresources = [\"" RESOURCE "\"]\nplatforms = [\"%s\"]\n",
		r->tee->platform);
	if (r->platform->simulated)
		buf_puts(&toml, "simulated = true\n");
	if (r->platform->no_initdata)
		buf_puts(&toml, "initdata = \"any\"\n");
	broker_set_policy(&r->broker, buf_cstr(&toml));
}

static void set_up_broker(struct run *r)
{
	broker_start(&r->broker, r->tee->platform, &r->path.roots);
	broker_set_resource(&r->broker, RESOURCE, SECRET);
	if (r->path.collateral)
		broker_set_collateral(&r->broker, r->path.collateral);
}

static void add_references(struct run *r)
{
	AUTO(buf_done) struct buf initdata = BUF_INIT(TEXT_MAX);
	char hex[2 * DIGEST_MAX + 1];

	hex_to(digest_bytes(&r->initdata_digest), hex);
	buf_printf(&initdata, "{\"initdata\":[\"%s\"]}", hex);
	broker_add_references(&r->broker, buf_cstr(&initdata));
	broker_add_references(&r->broker, buf_cstr(&r->path.references));
}

/* ---- verdicts ---- */
static void assert_released(struct run *r)
{
	AUTO(secret_freep) struct secret *secret = NULL;
	struct err e;

	open_guest(r);
	connect_guest(r, false);
	e = kbs_client_get(r->client, RESOURCE, &secret);
	if (failed(e))
		print_error("%s: %s\n", r->tee->platform, err_text());
	assert_ok(e);
	assert_bytes_equal(secret_bytes(secret), bytes_str(SECRET));
}

/* Every reference value was met, not those alone that the release policy asks for. */
static void assert_affirming(struct run *r)
{
	AUTO(buf_done) struct buf token = BUF_INIT(1024 * 1024), payload = BUF_INIT(1024 * 1024);
	AUTO(secret_freep) struct secret *key = NULL;
	AUTO(json_freep) struct json *j = NULL;
	AUTO(jws_done) struct jws jws = { 0 };

	assert_ok(kbs_client_token(r->client, &token, &key));
	assert_ok(jws_parse(buf_bytes(&token), &jws));
	assert_ok(json_parse(buf_bytes(&jws.payload), &j));
	const struct json *cpu = json_pointer(j, "/submods/cpu0");
	json_print(json_get(cpu, "ear.trustworthiness-vector"), &payload);
	print_message("           %s: %s %s\n", r->tee->platform,
		json_string(json_get(cpu, "ear.status")), buf_cstr(&payload));
	assert_string_equal(json_string(json_get(cpu, "ear.status")), "affirming");
}

static void assert_denied(struct run *r, const char *what, const char *code, const char *field)
{
	AUTO(secret_freep) struct secret *secret = NULL;

	assert_true(failed(kbs_client_get(r->client, RESOURCE, &secret)));
	print_message("           %s: %s: %s\n", r->tee->platform, what, err_text());
	assert_non_null(err_denial());
	assert_string_equal(err_denial()->code, code);
	assert_string_equal(err_denial()->field, field);
	assert_true(err_denial()->id[0] != '\0');
}

static void assert_refused(struct run *r, const struct path_refusal *f)
{
	if (r->platform->repair)
		r->platform->repair(&r->path);
	if (f->bend)
		f->bend(&r->path);
	if (r->path.collateral)
		broker_set_collateral(&r->broker, r->path.collateral);
	open_guest(r);
	connect_guest(r, f->other_initdata);
	assert_denied(r, f->what, f->code, f->field);
}

/* A broker that nobody has told anything yet releases nothing. */
static void assert_default_deny(struct run *r)
{
	const struct path_platform *p = r->platform;

	connect_guest(r, false);
	if (str_equal(p->platform, "vtpm")) /* the one platform of the default policy */
		assert_denied(r, "default policy", "policy.simulated", "simulated");
	else
		assert_denied(r, "default policy", "policy.platform", "platform");
	set_policy(r);
	assert_denied(r, "no reference values", p->unknown_code, p->unknown_field);
	add_references(r);
}

static void test_path(void **state)
{
	struct run r = { .platform = *state };

	r.tee = tee_by_platform(r.platform->platform);
	make_initdata(&r);
	r.path.vendor_pem = r.path.references = BUF_INIT(TEXT_MAX);
	r.platform->start(&r.path, &r.initdata_digest);
	set_up_broker(&r);
	open_guest(&r);
	assert_ok(tee_guest_ops(r.tee)->bind_initdata(r.guest, &r.initdata_digest));
	assert_default_deny(&r);
	assert_released(&r);
	assert_affirming(&r);
	for (size_t i = 0; i < PATH_REFUSALS && r.platform->refused[i].what; i++)
		assert_refused(&r, &r.platform->refused[i]);
	kbs_client_freep(&r.client);
	tee_guest_ops(r.tee)->close(r.guest);
	broker_stop(&r.broker);
	r.platform->stop(&r.path);
	buf_done(&r.path.vendor_pem);
	buf_done(&r.path.references);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(platforms)];

	for (size_t i = 0; i < ARRAY_LEN(platforms); i++)
		tests[i] = (struct CMUnitTest){
			.name = platforms[i]->platform,
			.test_func = test_path,
			.initial_state = (void *)(uintptr_t)platforms[i],
		};
	return cmocka_run_group_tests_name("guest evidence", tests, NULL, NULL);
}
