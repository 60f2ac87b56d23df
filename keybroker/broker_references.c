/* Which measurements are accepted: the values added by hand, and those of signed manifests. */
#include "broker.h"

#include <base/clock.h>

#define REFERENCE_NAME "reference-values"

static RESULT copy(const struct reference_values *from, struct reference_values **ret_copy)
{
	AUTO(buf_done) struct buf text = BUF_INIT(JSON_SIZE_MAX);
	AUTO(reference_freep) struct reference_values *to = NULL;

	TRY(reference_print(from, &text));
	TRY(reference_new(&to));
	TRY(reference_import(to, buf_bytes(&text)));
	*ret_copy = TAKE(to);
	return OK;
}

/* What would be in force; nothing is changed yet. */
struct next {
	struct reference_values *refs;
	int64_t until;
};

static void next_done(struct next *n)
{
	reference_freep(&n->refs);
}

static RESULT merge(const struct reference_values *added, const struct imports *imports,
	int64_t now, struct next *ret)
{
	AUTO(reference_freep) struct reference_values *refs = NULL;
	int64_t until;

	TRY(copy(added, &refs));
	TRY(imports_merge(imports, now, refs, &until));
	ret->refs = TAKE(refs);
	ret->until = until;
	return OK;
}

static void put_in_force(struct broker *b, struct next *n)
{
	reference_freep(&b->refs);
	b->refs = TAKE(n->refs);
	b->refs_until = n->until;
}

static RESULT load_added(struct broker *b, struct reference_values **ret_added)
{
	AUTO(secret_freep) struct secret *text = NULL;
	AUTO(reference_freep) struct reference_values *added = NULL;
	struct err e = store_get(b->store, STORE_REFERENCE, REFERENCE_NAME, &text);

	TRY(reference_new(&added));
	if (failed(e) && e.code != ERR_NOT_FOUND)
		return e;
	if (text)
		TRY(reference_import(added, secret_bytes(text)));
	*ret_added = TAKE(added);
	return OK;
}

RESULT broker_load_references(struct broker *b)
{
	AUTO(reference_freep) struct reference_values *added = NULL;
	AUTO(imports_freep) struct imports *imports = NULL;
	AUTO(next_done) struct next n = { 0 };

	TRY(load_added(b, &added));
	TRY(imports_load(b->store, NULL, BYTES_NONE, &imports));
	TRY(merge(added, imports, clock_now(), &n));
	reference_freep(&b->added);
	imports_freep(&b->imports);
	b->added = TAKE(added);
	b->imports = TAKE(imports);
	put_in_force(b, &n);
	return OK;
}

RESULT broker_refresh_references(struct broker *b, int64_t now)
{
	AUTO(next_done) struct next n = { 0 };

	if (now < b->refs_until)
		return OK;
	TRY(merge(b->added, b->imports, now, &n));
	put_in_force(b, &n);
	return OK;
}

/* Made whole, stored, and only then in force. */
RESULT broker_put_added(struct broker *b, struct reference_values **added, int64_t now)
{
	AUTO(buf_done) struct buf text = BUF_INIT(STORE_VALUE_MAX);
	AUTO(next_done) struct next n = { 0 };

	TRY(reference_print(*added, &text));
	TRY(merge(*added, b->imports, now, &n));
	TRY(store_put(b->store, STORE_REFERENCE, REFERENCE_NAME, buf_bytes(&text)));
	reference_freep(&b->added);
	b->added = TAKE(*added);
	put_in_force(b, &n);
	return OK;
}

RESULT broker_put_manifest(struct broker *b, const char *name, struct bytes record, int64_t now)
{
	AUTO(imports_freep) struct imports *imports = NULL;
	AUTO(next_done) struct next n = { 0 };

	TRY(imports_load(b->store, name, record, &imports));
	TRY(merge(b->added, imports, now, &n));
	if (record.n > 0)
		TRY(store_put(b->store, STORE_MANIFEST, name, record));
	else
		TRY(store_delete(b->store, STORE_MANIFEST, name));
	imports_freep(&b->imports);
	b->imports = TAKE(imports);
	put_in_force(b, &n);
	return OK;
}
