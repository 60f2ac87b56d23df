/* Secure Execution images: made, read back, opened with the hosts' keys; every change is found. */
#include "se_image_gen.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

enum {
	IMAGE_BUF = 1024 * 1024,
	HEADER_AT = 0x14000,
	LOADPARM_AT = 16, /* in the parameter block; whoever starts the guest sets it */
	LOADPARM_SIZE = 8
};

static struct buf make(const struct se_gen *g)
{
	struct buf image = BUF_INIT(IMAGE_BUF);

	assert_ok(se_image_make(&g->make, &image));
	return image;
}

/* Layout, digests and header of a good image. */
static void look(const struct buf *image, struct se_layout *l, struct se_header *h)
{
	assert_ok(se_layout_parse(buf_bytes(image), l));
	assert_ok(se_header_parse(l->header, h));
	assert_ok(se_image_verify(h, l));
}

/* ---- known answer ---- */

/* Computed from the formats' description by a program in another language. */
static void test_known_answer(void **state)
{
	static const char want[] =
		"6a26b7778f8ef1798eccd8ed27f575da6cbb6abf996a18a5ed603bb380bf21a6";
	struct digest_value d;
	struct se_gen g;

	(void)state;
	se_gen_init(&g);
	AUTO(buf_done) struct buf image = make(&g);
	assert_int_equal(image.n, 172264);
	assert_ok(digest(DIGEST_SHA256, buf_bytes(&image), &d));
	assert_bytes_equal(digest_bytes(&d), test_hex(want));
	struct se_image_measurement m;
	assert_ok(se_image_measure(buf_bytes(&image), &m));
	assert_bytes_equal(BYTES_OF(m.tag), test_hex("c0225165bcf77e5d123d6e7944d96603"));
	se_gen_done(&g);
}

/* ---- round trip ---- */

static void check_component(const struct se_layout *l, size_t i, const struct se_area *a,
	uint64_t flags, struct bytes want)
{
	AUTO(buf_done) struct buf plain = BUF_INIT(IMAGE_BUF);

	assert_ok(se_component_open(&l->components[i], flags, a->image_key, &plain));
	assert_true(plain.n >= want.n && plain.n - want.n < SE_PAGE);
	assert_bytes_equal(bytes_of(plain.p, want.n), want);
	assert_true(bytes_is_zero(bytes_of(plain.p + want.n, plain.n - want.n)));
}

static void check_stage3b(
	const struct se_gen *g, const struct se_layout *l, const struct se_area *a)
{
	AUTO(buf_done) struct buf plain = BUF_INIT(IMAGE_BUF);
	struct se_stage3b_args args;
	size_t last = l->n_components - 1;

	assert_ok(
		se_component_open(&l->components[last], g->make.plain_flags, a->image_key, &plain));
	assert_bytes_equal(bytes_of(plain.p, SE_GEN_STAGE3B - 64),
		bytes_of(g->stage3b.p, SE_GEN_STAGE3B - 64));
	assert_ok(se_stage3b_args_find(buf_bytes(&plain), l, &args));
	assert_int_equal(args.kernel.address, l->components[0].address);
	assert_int_equal(args.kernel.size, SE_GEN_KERNEL);
	assert_int_equal(args.initrd.size, g->make.initrd.n);
	assert_int_equal(args.cmdline.size, g->make.append ? strlen(g->make.append) + 1 : 0);
	assert_int_equal(args.psw_address, 0x10000);
	assert_int_equal(a->psw_address, l->components[last].address);
	assert_true(a->psw_mask == UINT64_C(0x180000000));
}

static void open_by_host(
	const struct se_header *h, const struct key *host, struct se_area *ret_area)
{
	AUTO(secret_freep) struct secret *key = NULL;

	assert_ok(se_header_key_by_host(h, host, &key));
	assert_ok(se_area_open(h, secret_bytes(key), ret_area));
}

static void check_round_trip(const struct se_gen *g)
{
	AUTO(buf_done) struct buf image = make(g);
	struct se_layout l;
	struct se_header h;

	look(&image, &l, &h);
	assert_int_equal(h.n_slots, g->make.n_hosts);
	assert_true(h.control_flags == g->make.plain_flags);
	for (size_t i = 0; i < g->make.n_hosts; i++) {
		AUTO(se_area_done) struct se_area a = { 0 };
		size_t at = 0;
		open_by_host(&h, g->hosts[i], &a);
		assert_true(a.secret_flags == g->make.secret_flags);
		check_component(&l, at++, &a, h.control_flags, g->make.kernel);
		if (g->make.initrd.n > 0)
			check_component(&l, at++, &a, h.control_flags, g->make.initrd);
		if (g->make.append)
			check_component(&l, at++, &a, h.control_flags,
				bytes_of(g->make.append, strlen(g->make.append) + 1));
		assert_int_equal(l.n_components, at + 1);
		check_stage3b(g, &l, &a);
	}
}

static void test_round_trip(void **state)
{
	static const char *const appends[] = { "a", "", NULL };
	struct se_gen g;

	(void)state;
	se_gen_init(&g);
	check_round_trip(&g);
	g.make.keys = (struct se_image_keys){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(appends); i++) {
		g.make.append = appends[i];
		check_round_trip(&g);
	}
	g.make.initrd = BYTES_NONE;
	g.make.n_hosts = 1;
	g.make.secret_flags = se_flag_mask(SE_SCF_CCK_EXTENSION_SECRET);
	check_round_trip(&g);
	g.make.plain_flags |=
		se_flag_mask(SE_PCF_NO_COMPONENT_ENCRYPTION) | se_flag_mask(SE_PCF_DUMP);
	check_round_trip(&g);
	se_gen_done(&g);
}

/* Without encryption the kernel is readable in the file; with it, not one of its pages is. */
static void test_encrypted(void **state)
{
	struct se_gen g;

	(void)state;
	se_gen_init(&g);
	for (int plain = 0; plain < 2; plain++) {
		struct se_layout l;
		struct se_header h;
		if (plain)
			g.make.plain_flags |= se_flag_mask(SE_PCF_NO_COMPONENT_ENCRYPTION);
		AUTO(buf_done) struct buf image = make(&g);
		look(&image, &l, &h);
		for (size_t at = 0; at + SE_PAGE <= g.kernel.n; at += SE_PAGE)
			assert_int_equal(
				bytes_equal(bytes_of(l.components[0].content.p + at, SE_PAGE),
					bytes_of(g.kernel.p + at, SE_PAGE)),
				plain);
	}
	se_gen_done(&g);
}

/* The same keys give the same image; keys drawn at random never the same header or pages. */
static void test_random(void **state)
{
	struct se_gen g;

	(void)state;
	se_gen_init(&g);
	AUTO(buf_done) struct buf a = make(&g), b = make(&g);
	assert_bytes_equal(buf_bytes(&a), buf_bytes(&b));
	g.make.keys = (struct se_image_keys){ 0 };
	AUTO(buf_done) struct buf c = make(&g), d = make(&g);
	struct se_image_measurement m, n;
	assert_ok(se_image_measure(buf_bytes(&c), &m));
	assert_ok(se_image_measure(buf_bytes(&d), &n));
	assert_false(bytes_equal(BYTES_OF(m.pld), BYTES_OF(n.pld)));
	assert_false(bytes_equal(BYTES_OF(m.tld), BYTES_OF(n.tld)));
	assert_false(bytes_equal(BYTES_OF(m.tag), BYTES_OF(n.tag)));
	assert_bytes_equal(BYTES_OF(m.ald), BYTES_OF(n.ald));
	assert_int_equal(m.pages, n.pages);
	se_gen_done(&g);
}

/* What a measurement of the whole image and of its header alone say is the same. */
static void test_measure(void **state)
{
	struct se_image_measurement image, header;
	uint8_t phkh[SE_PHKH_SIZE];
	struct se_layout l;
	struct se_header h;
	struct se_gen g;

	(void)state;
	se_gen_init(&g);
	AUTO(buf_done) struct buf file = make(&g);
	look(&file, &l, &h);
	memset(&image, 0, sizeof(image));
	memset(&header, 0, sizeof(header));
	assert_ok(se_image_measure(buf_bytes(&file), &image));
	assert_ok(se_image_measure(l.header, &header));
	assert_bytes_equal(bytes_of(&image, sizeof(image)), bytes_of(&header, sizeof(header)));
	assert_bytes_equal(BYTES_OF(image.tag), h.tag);
	assert_int_equal(image.n_phkh, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_ok(se_phkh(g.hosts[i], phkh));
		assert_bytes_equal(BYTES_OF(image.phkh[i]), BYTES_OF(phkh));
	}
	se_gen_done(&g);
}

/* Images of tools before pvimg have no metadata: the parameter block is searched. */
static void test_no_metadata(void **state)
{
	struct se_layout l;
	struct se_header h;
	struct se_gen g;

	(void)state;
	se_gen_init(&g);
	AUTO(buf_done) struct buf image = make(&g);
	memset(image.p + SE_METADATA_OFFSET, 0, 28);
	look(&image, &l, &h);
	assert_int_equal(l.header_address, HEADER_AT);
	assert_int_equal(l.n_components, 4);
	memset(image.p + l.ipib_address, 0, 8);
	assert_err(se_layout_parse(buf_bytes(&image), &l), ERR_NOT_FOUND);
	se_gen_done(&g);
}

/* Their parameter block fills a page, has no version, and leaves the header's address to stage3a.
 */
static void test_old_parameter_block(void **state)
{
	struct se_layout l;
	struct se_header h;
	struct se_gen g;

	(void)state;
	se_gen_init(&g);
	AUTO(buf_done) struct buf image = make(&g);
	look(&image, &l, &h);
	memset(image.p + SE_METADATA_OFFSET, 0, 28);
	size_t at = (size_t)l.ipib_address;
	buf_zero(&image, SE_PAGE - l.ipib.n);
	memcpy(image.p + at, "\0\0\x10\0", 4);
	image.p[at + 111] = 0;
	assert_err(se_layout_parse(buf_bytes(&image), &l), ERR_NOT_FOUND);
	memset(image.p + at + 120, 0, 8);
	look(&image, &l, &h);
	assert_int_equal(l.ipib.n, SE_PAGE);
	assert_int_equal(l.n_components, 4);
	image.p[at + SE_PAGE - 1] = 1;
	assert_err(se_layout_parse(buf_bytes(&image), &l), ERR_FORMAT);
	se_gen_done(&g);
}

/* ---- keys ---- */

static void test_keys(void **state)
{
	AUTO(secret_freep) struct secret *key = NULL;
	AUTO(key_freep) struct key *other = NULL;
	struct se_layout l;
	struct se_header h;
	struct se_gen g;

	(void)state;
	se_gen_init(&g);
	AUTO(buf_done) struct buf image = make(&g);
	look(&image, &l, &h);
	assert_ok(key_generate(KEY_P521, &other));
	assert_err(se_header_key_by_host(&h, other, &key), ERR_NOT_FOUND);
	assert_err(se_header_key_by_customer(&h, other, g.hosts_public[0], &key), ERR_UNVERIFIED);
	assert_ok(se_header_key_by_customer(&h, g.customer, g.hosts_public[1], &key));
	assert_bytes_equal(secret_bytes(key), BYTES_OF(g.header_key));
	AUTO(se_area_done) struct se_area a = { 0 };
	assert_err(se_area_open(&h, BYTES_OF(g.cck), &a), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "se.image");
	assert_ok(se_area_open(&h, secret_bytes(key), &a));
	assert_bytes_equal(a.cck, BYTES_OF(g.cck));
	assert_bytes_equal(a.image_key, BYTES_OF(g.image_key));
	se_gen_done(&g);
}

/* ---- changes ---- */

struct job {
	const struct se_gen *g;
	struct buf *image; /* where a part of it is replaced */
	size_t at;
};

static struct err verify_image(void *arg, struct bytes file)
{
	const struct job *j = arg;
	AUTO(secret_freep) struct secret *key = NULL;
	AUTO(se_area_done) struct se_area a = { 0 };
	struct se_layout l;
	struct se_header h;

	TRY(se_layout_parse(file, &l));
	TRY(se_header_parse(l.header, &h));
	TRY(se_image_verify(&h, &l));
	TRY(se_header_key_by_host(&h, j->g->hosts[0], &key));
	/* Another slot is nobody's business but its host's; the header's tag still is over it. */
	return se_area_open(&h, secret_bytes(key), &a);
}

static struct err verify_part(void *arg, struct bytes part)
{
	struct job *j = arg;

	memcpy(j->image->p + j->at, part.p, part.n);
	return verify_image(arg, buf_bytes(j->image));
}

static void flip_part(const struct se_gen *g, const struct buf *good, size_t at, size_t n)
{
	AUTO(buf_done) struct buf image = BUF_INIT(IMAGE_BUF);

	buf_put(&image, buf_bytes(good));
	struct job j = { g, &image, at };
	each_flip(bytes_of(good->p + at, n), verify_part, &j);
}

static void test_changed_header(void **state)
{
	struct se_layout l;
	struct se_header h;
	struct se_gen g;

	(void)state;
	se_gen_init(&g);
	AUTO(buf_done) struct buf image = make(&g);
	look(&image, &l, &h);
	flip_part(&g, &image, HEADER_AT, l.header.n);
	flip_part(&g, &image, l.ipib_address, LOADPARM_AT);
	flip_part(&g, &image, l.ipib_address + LOADPARM_AT + LOADPARM_SIZE,
		l.ipib.n - LOADPARM_AT - LOADPARM_SIZE);
	se_gen_done(&g);
}

/* A bit in each 13 bytes of all components: every page has many. */
static void test_changed_components(void **state)
{
	struct se_layout l;
	struct se_header h;
	struct se_gen g;

	(void)state;
	se_gen_init(&g);
	AUTO(buf_done) struct buf image = make(&g);
	look(&image, &l, &h);
	for (size_t i = 0; i < l.n_components; i++)
		for (size_t k = 0; k < l.components[i].content.n; k += 13) {
			uint8_t *p = image.p + l.components[i].address + k;
			*p ^= (uint8_t)(1u << (k % 8));
			assert_err(se_image_verify(&h, &l), ERR_UNVERIFIED);
			*p ^= (uint8_t)(1u << (k % 8));
		}
	assert_ok(se_image_verify(&h, &l));
	se_gen_done(&g);
}

/* Each from memory of its own, so that a read behind it is seen; in the components not each. */
static void test_cut(void **state)
{
	struct se_layout l;
	struct se_header h;
	struct se_gen g;

	(void)state;
	se_gen_init(&g);
	AUTO(buf_done) struct buf image = make(&g);
	look(&image, &l, &h);
	struct job j = { &g, NULL, 0 };
	for (size_t n = 1; n < image.n;
		n += (n > HEADER_AT && n < HEADER_AT + l.header.n) || n > l.ipib_address ? 1 : 61) {
		uint8_t *part = malloc(n);
		assert_non_null(part);
		memcpy(part, image.p, n);
		assert_true(failed(verify_image(&j, bytes_of(part, n))));
		free(part);
	}
	assert_ok(verify_image(&j, buf_bytes(&image)));
	se_gen_done(&g);
}

/* Components moved, exchanged or beside the file: found before a digest is computed. */
static void test_layout_refused(void **state)
{
	static const struct {
		size_t offset; /* in the parameter block's first component */
		uint8_t v[8];
		const char *text;
	} cases[] = {
		{ 8, { 0, 0, 0, 0, 0, 1, 0x50, 1 }, "not pages of the file" },
		{ 8, { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0, 0 }, "not pages of the file" },
		{ 16, { 0 }, "not pages of the file" },
		{ 16, { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0, 0 }, "not pages of the file" },
		{ 16, { 0, 0, 0, 0, 0, 1, 0x50, 0 }, "component 1 is not after 0" },
		{ 8, { 0, 0, 0, 0, 0, 1, 0x40, 0 }, "lies over the header" },
	};
	struct se_layout l;
	struct se_header h;
	struct se_gen g;

	(void)state;
	se_gen_init(&g);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf image = make(&g);
		look(&image, &l, &h);
		memcpy(image.p + l.ipib_address + 136 + cases[i].offset, cases[i].v, 8);
		assert_err(se_layout_parse(buf_bytes(&image), &l), ERR_FORMAT);
		assert_err_text(cases[i].text);
	}
	se_gen_done(&g);
}

/* ---- what cannot be made ---- */

static void refuse(const struct se_gen *g, enum err_code code, const char *text)
{
	AUTO(buf_done) struct buf image = BUF_INIT(IMAGE_BUF);

	assert_err(se_image_make(&g->make, &image), code);
	assert_err_text(text);
	assert_int_equal(image.n, 0);
}

static void test_make_refused(void **state)
{
	char line[SE_GEN_CMDLINE_ROOM + 1];
	uint8_t halves[SE_IMAGE_KEY] = { 0 };
	AUTO(key_freep) struct key *p256 = NULL;
	struct se_image_make good;
	struct se_gen g;

	(void)state;
	se_gen_init(&g);
	good = g.make;
	g.make.kernel = bytes_str("\x7f"
				  "ELF and more");
	refuse(&g, ERR_FORMAT, "ELF");
	g.make.kernel = buf_bytes(&g.initrd);
	refuse(&g, ERR_FORMAT, "S390EP");
	g.make = good;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	g.make.append = line;
	refuse(&g, ERR_USAGE, "room for 63");
	line[SE_GEN_CMDLINE_ROOM - 1] = '\0';
	check_round_trip(&g);
	g.make = good;
	g.make.n_hosts = 0;
	refuse(&g, ERR_USAGE, "host keys");
	g.make.n_hosts = SE_HOSTS_MAX + 1;
	refuse(&g, ERR_USAGE, "host keys");
	g.make = good;
	g.make.stage3a = bytes_of(g.stage3a.p, 0x1000);
	refuse(&g, ERR_FORMAT, "stage3a");
	g.make = good;
	g.make.stage3b = bytes_of(g.stage3b.p, 64);
	refuse(&g, ERR_FORMAT, "stage3b");
	g.make = good;
	g.make.keys.cck = bytes_of(g.cck, 31);
	refuse(&g, ERR_USAGE, "customer communication key: 31 bytes");
	g.make = good;
	g.make.keys.customer = g.hosts_public[0];
	refuse(&g, ERR_USAGE, "customer key");
	assert_ok(key_generate(KEY_P256, &p256));
	g.make.keys.customer = p256;
	refuse(&g, ERR_USAGE, "customer key");
	g.make = good;
	AUTO(buf_done) struct buf image = BUF_INIT(IMAGE_BUF), full = BUF_INIT(4096);
	g.make.keys.image_key = BYTES_OF(halves);
	assert_err(se_image_make(&g.make, &image), ERR_CRYPTO);
	g.make = good;
	assert_err(se_image_make(&g.make, &full), ERR_LIMIT);
	se_gen_done(&g);
}

/* As many hosts as a header has room for: still one that its parser takes. */
static void test_many_hosts(void **state)
{
	const struct key *hosts[SE_HOSTS_MAX];
	struct se_layout l;
	struct se_header h;
	struct se_gen g;

	(void)state;
	se_gen_init(&g);
	for (size_t i = 0; i < SE_HOSTS_MAX; i++)
		hosts[i] = g.hosts_public[i % 2];
	g.make.hosts = hosts;
	g.make.n_hosts = SE_HOSTS_MAX;
	AUTO(buf_done) struct buf image = make(&g);
	look(&image, &l, &h);
	assert_true(h.size <= SE_HEADER_MAX && h.size + SE_SLOT_SIZE > SE_HEADER_MAX);
	assert_int_equal(l.components[0].address, HEADER_AT + SE_HEADER_MAX);
	se_gen_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answer),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_encrypted),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_measure),
		cmocka_unit_test(test_no_metadata),
		cmocka_unit_test(test_old_parameter_block),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_changed_header),
		cmocka_unit_test(test_changed_components),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_layout_refused),
		cmocka_unit_test(test_make_refused),
		cmocka_unit_test(test_many_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
