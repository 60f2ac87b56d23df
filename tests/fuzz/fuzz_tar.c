/* Layer archives: headers, extended headers, any split of the stream. */
#include "tar.h"
#include "tree.h"

#include <stdlib.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tar_visitor v = { on_entry, on_data, on_end, NULL };
	size_t split = size ? data[0] : 0;
	struct tar *t = NULL;

	if (split > size)
		split = size;
	if (failed(tar_new(&v, &t)))
		abort();
	if (!failed(tar_feed(t, bytes_of(data, split))) &&
		!failed(tar_feed(t, bytes_of(data + split, size - split))))
		err_ignore(tar_end(t)); /* only crashes count */
	tar_freep(&t);
	return 0;
}
