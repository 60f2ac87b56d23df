#include "collateral.h"
#include "platforms.h"

#include <stdint.h>
#include <stdlib.h>

#include <base/auto.h>
#include <tee/fields.h>

enum {
	TEXT_MAX = 16 * 1024 * 1024
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever was taken for signed JSON has exact texts, inside its own bytes. */
static void check_texts(const struct collateral_item *item)
{
	static const char *const names[] = { "tcbInfo", "enclaveIdentity", "signature" };
	struct bytes whole = buf_bytes(&item->bytes), text;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (failed(json_member_text(whole, names[i], &text)))
			continue;
		if (text.p < whole.p || text.n > whole.n || text.p + text.n > whole.p + whole.n)
			abort();
		if (text.p[0] == '{' && text.p[text.n - 1] != '}')
			abort();
	}
}

static void check_items(const struct collateral *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct collateral_item *item = c->v[i];
		struct x509_list issuers;

		if (item->kind == COLLATERAL_TCB_INFO || item->kind == COLLATERAL_QE_IDENTITY)
			check_texts(item);
		if (item->cert)
			collateral_issuers(c, item->cert, &issuers);
	}
}

static void describe(struct bytes file)
{
	AUTO(fields_done) struct fields f = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(TEXT_MAX);

	if (!collateral_formats[0].is(file))
		abort();
	err_ignore(collateral_formats[0].describe(file, &f)); /* rows, or more than there may be */
	fields_print(&f, &text);
}

/* Added as a whole, once, or not at all. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(collateral_freep) struct collateral *c = NULL;
	struct bytes file = bytes_of(data, size);

	if (failed(collateral_new(&c)))
		return 0;
	if (failed(collateral_add(c, file, "file"))) {
		if (c->n != 0)
			abort();
		return 0;
	}
	size_t n = c->n;
	if (n == 0 || failed(collateral_add(c, file, "again")) || c->n != n)
		abort();
	check_items(c);
	describe(file);
	return 0;
}
