/* Headers made with s390-tools' own test keys: their customer key, their slot, their hosts. */
#include "se_image_gen.h"
#include "util.h"

#include <string.h>

enum {
	SCALAR_PAD = 80 - 66,
	IMAGE_BUF = 1024 * 1024
};

static struct buf vector(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "se/s390-tools/%s", name);
	return test_file(test_vector(path));
}

static struct key *public_key(const char *name)
{
	AUTO(buf_done) struct buf file = vector(name);
	struct key *key;

	assert_ok(key_parse_public(buf_bytes(&file), &key));
	return key;
}

/* keyslot.bin: a key of 0x17 wrapped for host.pem.crt with private_cust.bin. */
static void test_slot(void **state)
{
	AUTO(buf_done) struct buf scalar = vector("keys/private_cust.bin"),
				  point = vector("keys/public_cust.bin"),
				  slot = vector("exp/keyslot.bin"), image = BUF_INIT(IMAGE_BUF);
	AUTO(key_freep) struct key *host = public_key("keys/host.pem.crt"), *customer = NULL;
	AUTO(secret_freep) struct secret *opened = NULL;
	const struct key *hosts[] = { host };
	uint8_t key[SE_KEY_SIZE];
	struct se_layout l;
	struct se_header h;
	struct se_gen g;

	(void)state;
	se_gen_init(&g);
	assert_ok(key_from_ec_scalar(
		KEY_P521, bytes_of(scalar.p + SCALAR_PAD, scalar.n - SCALAR_PAD), &customer));
	memset(key, 0x17, sizeof(key));
	g.make.keys.customer = customer;
	g.make.keys.header_key = BYTES_OF(key);
	g.make.hosts = hosts;
	g.make.n_hosts = 1;
	assert_ok(se_image_make(&g.make, &image));
	assert_ok(se_layout_parse(buf_bytes(&image), &l));
	assert_ok(se_header_parse(l.header, &h));
	assert_bytes_equal(h.customer_key, buf_bytes(&point));
	assert_bytes_equal(bytes_of(h.slots[0].phkh.p, SE_SLOT_SIZE), buf_bytes(&slot));
	assert_ok(se_header_key_by_customer(&h, customer, host, &opened));
	assert_bytes_equal(secret_bytes(opened), BYTES_OF(key));
	se_gen_done(&g);
}

/* The hosts of the test certificates open what was made for their documents. */
static void test_hosts(void **state)
{
	static const struct {
		const char *document, *key;
	} cases[] = {
		{ "cert/host.crt", "cert/host.key" },
		{ "cert/host_uri_na.crt", "cert/host.key" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf pem = vector(cases[i].key), image = BUF_INIT(IMAGE_BUF);
		AUTO(key_freep) struct key *document = public_key(cases[i].document), *own = NULL;
		AUTO(secret_freep) struct secret *opened = NULL;
		AUTO(se_area_done) struct se_area area = { 0 };
		const struct key *hosts[] = { document };
		struct se_layout l;
		struct se_header h;
		struct se_gen g;

		se_gen_init(&g);
		assert_ok(key_parse_private(buf_bytes(&pem), &own));
		assert_true(key_equal(own, document));
		g.make.hosts = hosts;
		g.make.n_hosts = 1;
		assert_ok(se_image_make(&g.make, &image));
		assert_ok(se_layout_parse(buf_bytes(&image), &l));
		assert_ok(se_header_parse(l.header, &h));
		assert_ok(se_image_verify(&h, &l));
		assert_ok(se_header_key_by_host(&h, own, &opened));
		assert_ok(se_area_open(&h, secret_bytes(opened), &area));
		assert_bytes_equal(area.image_key, BYTES_OF(g.image_key));
		se_gen_done(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slot),
		cmocka_unit_test(test_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
