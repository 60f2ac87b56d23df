#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <base/file.h>
#include <collateral/store.h>

enum {
	NOW = 1800000000
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/fuzz-bundle-XXXXXX";

static void clean(void)
{
	err_ignore(dir_remove_tree(folder));
}

/* All or nothing; what is taken can be read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool made;
	AUTO(cstore_freep) struct cstore *s = NULL;
	AUTO(collateral_freep) struct collateral *c = NULL;
	AUTO(strv_done) struct strv damaged = { 0 };
	size_t added;

	if (!made && (!mkdtemp(folder) || atexit(clean) != 0))
		abort();
	made = true;
	if (failed(cstore_open(folder, true, &s)) || failed(collateral_new(&c)))
		abort();
	if (failed(cstore_import(s, bytes_of(data, size), NOW, &added))) {
		if (s->n_items != 0)
			abort();
		return 0;
	}
	if (failed(cstore_load(s, c, &damaged)) || damaged.n != 0)
		abort();
	return 0;
}
