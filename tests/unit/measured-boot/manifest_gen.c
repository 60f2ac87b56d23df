#include "manifest_gen.h"

#include "util.h"

#include <string.h>

static void add(struct manifest *m, const char *id, size_t n, uint8_t fill, const char *text)
{
	uint8_t v[DIGEST_MAX] = { 0 };
	struct manifest_entry e = { .id = id, .text = text, .v = bytes_of(v, n) };

	memset(v, fill, sizeof(v));
	e.debug = fill >= 0xd0;
	assert_ok(n == DIGEST_SHA256_SIZE && text && str_starts(text, "input ")
			  ? manifest_add_input(m, &e)
			  : manifest_add_value(m, &e));
}

void manifest_make(struct manifest *ret)
{
	struct manifest m = { .version = 7 };

	assert_ok(str_dup("sealpod-guest", &m.name));
	add(&m, "vtpm.kernel", 32, 0x01, NULL);
	add(&m, "vtpm.cmdline", 32, 0x02, "default");
	add(&m, "vtpm.cmdline", 32, 0xd2, "debug");
	add(&m, "snp_launch_measurement", 48, 0x03, "1 x EPYC-Milan");
	add(&m, "snp_launch_measurement", 48, 0x04, "2 x EPYC-Milan");
	add(&m, "snp_launch_measurement", 48, 0xd4, "2 x EPYC-Milan");
	add(&m, "mr_td", 48, 0x05, "single pass");
	add(&m, "se_tag", 16, 0x06, NULL);
	add(&m, "other", 64, 0x07,
		"Gr\xc3\xb6\xc3\x9f"
		"e \"1\"");
	add(&m, "kernel", 32, 0x08, "input 6.12");
	add(&m, "cmdline", 32, 0x09, "input quiet");
	add(&m, "cmdline", 32, 0xd9, "input loud");
	*ret = m;
}
