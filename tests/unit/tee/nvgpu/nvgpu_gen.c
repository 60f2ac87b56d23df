#include "nvgpu_gen.h"

#include "util.h"

#include <base/encode.h>

enum {
	YEAR = 365 * 86400
};

/* DICE CompositeDeviceID: version, key, digest of the firmware. */
static void put_der(struct buf *out, uint8_t tag, struct bytes contents)
{
	buf_u8(out, tag);
	if (contents.n >= 0x80)
		buf_u8(out, 0x81);
	buf_u8(out, contents.n);
	buf_put(out, contents);
}

static void device_id(const struct key *k, struct bytes fwid, struct buf *out)
{
	static const uint8_t sha384[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02 };
	AUTO(buf_done) struct buf all = BUF_INIT(512), digest_part = BUF_INIT(256);

	put_der(&digest_part, 0x06, BYTES_OF(sha384));
	put_der(&digest_part, 0x04, fwid);
	put_der(&all, 0x02, bytes_of("\1", 1));
	assert_ok(key_public_der(k, &all));
	put_der(&all, 0x30, buf_bytes(&digest_part));
	put_der(out, 0x30, buf_bytes(&all));
	assert_ok(buf_end(out, "device id"));
}

struct cert {
	const char *name;
	const struct key *key, *issuer_key;
	const struct buf *issuer;
	bool ca;
	struct bytes fwid;
};

static void make_cert(const struct cert *c, struct buf *out)
{
	AUTO(buf_done) struct buf id = BUF_INIT(512);
	struct x509_list issuer = { 0 };

	if (c->issuer)
		assert_ok(x509_list_parse(buf_bytes(c->issuer), &issuer));
	if (c->fwid.n > 0)
		device_id(c->key, c->fwid, &id);
	struct x509_make_extension fwid = { .oid = "2.23.133.5.4.1", .value = buf_bytes(&id) };
	assert_ok(x509_make(&(struct x509_make){ .common_name = c->name,
				    .ca = c->ca,
				    .not_before = NVGPU_GEN_NOW - YEAR,
				    .not_after = NVGPU_GEN_NOW + YEAR,
				    .subject_key = c->key,
				    .issuer = issuer.n ? issuer.v[0] : NULL,
				    .issuer_key = c->issuer_key,
				    .extensions = &fwid,
				    .n_extensions = c->fwid.n > 0 },
		out));
	x509_list_done(&issuer);
}

void nvgpu_gen_certs(struct nvgpu_gen *g, struct bytes fwid)
{
	AUTO(buf_done) struct buf ca = BUF_INIT(4096);

	x509_list_done(&g->anchors.vendor);
	buf_clear(&g->root);
	buf_clear(&g->chain);
	make_cert(&(struct cert){ "Test Device Identity CA", g->root_key, g->root_key, .ca = true },
		&g->root);
	make_cert(&(struct cert){ "Test GH100 BROM", g->ca_key, g->root_key, &g->root, .ca = true },
		&ca);
	make_cert(&(struct cert){ "Test GH100 FMC", g->device_key, g->ca_key, &ca, .fwid = fwid },
		&g->chain);
	buf_put(&g->chain, buf_bytes(&ca));
	assert_ok(buf_end(&g->chain, "chain"));
	assert_ok(x509_list_parse(buf_bytes(&g->root), &g->anchors.vendor));
}

void nvgpu_gen_init(struct nvgpu_gen *g)
{
	*g = (struct nvgpu_gen){
		.chain = BUF_INIT(16384),
		.root = BUF_INIT(4096),
		.attributes = 1,
		.operation = 0xff,
		.n_blocks = 4,
	};
	memset(g->nonce, 0x4e, sizeof(g->nonce));
	memset(g->fwid, 0xf1, sizeof(g->fwid));
	assert_ok(key_generate(KEY_P384, &g->root_key));
	assert_ok(key_generate(KEY_P384, &g->ca_key));
	assert_ok(key_generate(KEY_P384, &g->device_key));
	nvgpu_gen_certs(g, BYTES_OF(g->fwid));
}

void nvgpu_gen_done(struct nvgpu_gen *g)
{
	key_free(g->root_key);
	key_free(g->ca_key);
	key_free(g->device_key);
	buf_done(&g->chain);
	buf_done(&g->root);
	x509_list_done(&g->anchors.vendor);
}

/* ---- reports ---- */
static void put_record(const struct nvgpu_gen *g, struct buf *out)
{
	uint8_t value[48];
	size_t size = sizeof(value);

	buf_u8(out, g->n_blocks);
	buf_le(out, g->n_blocks * (4 + 3 + size), 3);
	for (unsigned i = 0; i < g->n_blocks; i++) {
		memset(value, (int)(0x10 + i), sizeof(value));
		buf_u8(out, g->same_index && i == 1 ? 1 : i + 1);
		buf_u8(out, 1);
		buf_le16(out, 3 + size);
		buf_u8(out, 1);
		buf_le16(out, size);
		buf_put(out, BYTES_OF(value));
	}
}

static void put_item(const struct nvgpu_gen *g, uint16_t type, struct bytes value, struct buf *out)
{
	unsigned n = type == g->leave_out ? 0 : type == g->twice ? 2 : 1;

	for (unsigned i = 0; i < n; i++) {
		buf_le16(out, type);
		buf_le16(out, value.n);
		buf_put(out, value);
	}
}

static void put_opaque(const struct nvgpu_gen *g, struct buf *out)
{
	AUTO(buf_done) struct buf items = BUF_INIT(4096), counts = BUF_INIT(1024);

	for (unsigned i = 0; i < g->n_blocks; i++)
		buf_le32(&counts, i);
	put_item(g, NVGPU_VBIOS_VERSION, bytes_of("\0\x9f\0\x96\1\0\0\0", 8), &items);
	put_item(g, NVGPU_DRIVER_VERSION, bytes_of("550.90.07", 10), &items);
	put_item(g, NVGPU_MEASUREMENT_COUNT, buf_bytes(&counts), &items);
	put_item(g, 14, bytes_of("\xb1\3\0\0", 4), &items);
	put_item(g, 15, bytes_of("882\0\0\0\0\0\0", 9), &items);
	put_item(g, NVGPU_FWID, BYTES_OF(g->fwid), &items);
	put_item(g, NVGPU_SWITCH_PDI, bytes_of("12345678abcdefgh", 16), &items);
	put_item(g, NVGPU_OPAQUE_VERSION, bytes_of("\1", 1), &items);
	put_item(g, NVGPU_FEATURE_FLAG, bytes_of("\2\0\0\0", 4), &items);
	put_item(g, 99, bytes_of("\1\2", 2), &items);
	buf_le16(out, items.n);
	buf_put(out, buf_bytes(&items));
}

void nvgpu_gen_report(const struct nvgpu_gen *g, struct buf *out)
{
	AUTO(buf_done) struct buf der = BUF_INIT(256);
	static const uint8_t own_nonce[SPDM_NONCE_SIZE] = { 7 };

	buf_u8(out, 0x11);
	buf_u8(out, 0xe0);
	buf_u8(out, g->attributes);
	buf_u8(out, g->operation);
	buf_put(out, BYTES_OF(g->nonce));
	buf_u8(out, 0);
	buf_be32(out, 0x11600000);
	put_record(g, out);
	buf_put(out, BYTES_OF(own_nonce));
	put_opaque(g, out);
	assert_ok(key_sign(
		g->signer ? g->signer : g->device_key, SIG_ECDSA_SHA384, buf_bytes(out), &der));
	assert_ok(ecdsa_der_to_raw(buf_bytes(&der), 48, out));
	for (unsigned i = 0; i < g->trailing; i++)
		buf_u8(out, g->trailing_value);
	assert_ok(buf_end(out, "report"));
}

void nvgpu_gen_json(const struct nvgpu_gen *g, unsigned n, bool hex, struct buf *out)
{
	AUTO(buf_done) struct buf report = BUF_INIT(SPDM_REPORT_MAX);
	struct json_writer w = jw_of(out);

	nvgpu_gen_report(g, &report);
	jw_object(&w);
	jw_key(&w, "device_evidence_list");
	jw_array(&w);
	for (unsigned i = 0; i < n; i++) {
		jw_object(&w);
		jw_kstr(&w, "arch", "HOPPER");
		if (i == 0)
			jw_kstr(&w, "uuid", "GPU-1111");
		if (hex)
			jw_khex(&w, "evidence", buf_bytes(&report));
		else
			jw_kbase64(&w, "evidence", buf_bytes(&report));
		jw_kbase64(&w, "certificate", buf_bytes(&g->chain));
		jw_object_end(&w);
	}
	jw_array_end(&w);
	jw_object_end(&w);
	assert_ok(buf_end(out, "evidence"));
}
