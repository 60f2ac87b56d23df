/* Layer archives: headers, extended headers, any split of the stream. */
#include "tar.h"
#include "tree.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	CHECKSUM_AT = 148,
	CHECKSUM_SIZE = 8,
	MAGIC_AT = 257
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static RESULT on_entry(void *arg, const struct tar_entry *e)
{
	char *clean = NULL;

	(void)arg;
	if (!failed(tree_clean_name(e->path, &clean)) && (clean[0] == '/' || strstr(clean, "/../")))
		abort();
	free(clean);
	return OK;
}

static RESULT on_data(void *arg, struct bytes data)
{
	(void)arg;
	(void)data;
	return OK;
}

static RESULT on_end(void *arg)
{
	(void)arg;
	return OK;
}

/* Headers are under a checksum that mutation breaks; with the right one it gets further. */
static void seal(uint8_t *p)
{
	unsigned sum = 0;

	memset(p + CHECKSUM_AT, ' ', CHECKSUM_SIZE);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += p[i];
	(void)snprintf((char *)p + CHECKSUM_AT, CHECKSUM_SIZE, "%06o", sum);
}

static void parse(struct bytes in, size_t split)
{
	struct tar_visitor v = { on_entry, on_data, on_end, NULL };
	struct tar *t = NULL;

	if (split > in.n)
		split = in.n;
	if (failed(tar_new(&v, &t)))
		abort();
	if (!failed(tar_feed(t, bytes_of(in.p, split))) &&
		!failed(tar_feed(t, bytes_of(in.p + split, in.n - split))))
		err_ignore(tar_end(t)); /* only crashes count */
	tar_freep(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t split = size ? data[0] : 0;
	uint8_t *sealed = malloc(size + 1);

	if (!sealed)
		abort();
	parse(bytes_of(data, size), split);
	memcpy(sealed, data, size);
	for (size_t at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK)
		if (memcmp(sealed + at + MAGIC_AT, "ustar", 5) == 0)
			seal(sealed + at);
	parse(bytes_of(sealed, size), split);
	free(sealed);
	return 0;
}
