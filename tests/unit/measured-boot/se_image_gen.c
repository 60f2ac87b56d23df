#include "se_image_gen.h"

#include "util.h"

#include <string.h>

/* Bytes that differ from page to page. */
static void fill(struct buf *b, size_t n, unsigned seed)
{
	*b = BUF_INIT(n);
	for (size_t i = 0; i < n; i++)
		buf_u8(b, (i * 7 + i / 251 + seed));
	assert_ok(buf_end(b, "generated"));
}

static void key_bytes(uint8_t *to, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)(seed + i);
}

static void host(struct se_gen *g, size_t i)
{
	AUTO(buf_done) struct buf x = BUF_INIT(66), y = BUF_INIT(66);
	uint8_t d[66] = { 0 };

	memset(d + 1, 0x30 + (int)i, sizeof(d) - 1);
	assert_ok(key_from_ec_scalar(KEY_P521, BYTES_OF(d), &g->hosts[i]));
	assert_ok(key_ec_point(g->hosts[i], &x, &y));
	assert_ok(key_from_ec_point(KEY_P521, buf_bytes(&x), buf_bytes(&y), &g->hosts_public[i]));
}

void se_gen_init(struct se_gen *g)
{
	uint8_t d[66] = { 0 };

	*g = (struct se_gen){ 0 };
	fill(&g->kernel, SE_GEN_KERNEL, 1);
	memcpy(g->kernel.p + 0x10008, "S390EP", 6);
	memset(g->kernel.p + 0x10430, 0, 8);
	g->kernel.p[0x10437] = SE_GEN_CMDLINE_ROOM;
	fill(&g->initrd, SE_GEN_INITRD, 2);
	fill(&g->stage3a, SE_GEN_STAGE3A, 3);
	fill(&g->stage3b, SE_GEN_STAGE3B, 4);
	memset(d + 1, 0x21, sizeof(d) - 1);
	assert_ok(key_from_ec_scalar(KEY_P521, BYTES_OF(d), &g->customer));
	host(g, 0);
	host(g, 1);
	key_bytes(g->header_key, sizeof(g->header_key), 0x10);
	key_bytes(g->image_key, sizeof(g->image_key), 0x40);
	key_bytes(g->cck, sizeof(g->cck), 0x90);
	key_bytes(g->iv, sizeof(g->iv), 0xc0);
	key_bytes(g->tweaks, sizeof(g->tweaks), 0xe0);
	g->make = (struct se_image_make){
		.kernel = buf_bytes(&g->kernel),
		.initrd = buf_bytes(&g->initrd),
		.append = "console=ttysclp0 root=/dev/vda",
		.stage3a = buf_bytes(&g->stage3a),
		.stage3b = buf_bytes(&g->stage3b),
		.hosts = (const struct key *const *)g->hosts_public,
		.n_hosts = 2,
		.plain_flags = se_plain_flags_default(),
		.keys = { .header_key = BYTES_OF(g->header_key),
			.image_key = BYTES_OF(g->image_key),
			.cck = BYTES_OF(g->cck),
			.iv = BYTES_OF(g->iv),
			.tweaks = BYTES_OF(g->tweaks),
			.customer = g->customer },
	};
}

void se_gen_done(struct se_gen *g)
{
	buf_done(&g->kernel);
	buf_done(&g->initrd);
	buf_done(&g->stage3a);
	buf_done(&g->stage3b);
	key_free(g->customer);
	for (size_t i = 0; i < 2; i++) {
		key_free(g->hosts[i]);
		key_free(g->hosts_public[i]);
	}
}
