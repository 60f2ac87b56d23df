/* Parts of the store that its files share. */
#pragma once

#include <collateral/store.h>

enum {
	CSTORE_VERSION = 1
};

#define INDEX_NAME	"index.json"
#define OBJECTS_NAME	"objects"
#define CSTORE_IMPORTED "import"

void cstore_item_done(struct cstore_item *i);
void cstore_contents_done(struct cstore *s); /* all but the path */
/* What the index says of these bytes. ERR_FORMAT: no collateral. */
RESULT cstore_item_of(struct bytes file, const char *source, int64_t now, struct cstore_item *ret);
RESULT cstore_put(struct cstore *s, struct cstore_item *item);
RESULT cstore_object_path(const struct cstore *s, const char *sha256, char **ret_path);
/* ERR_UNVERIFIED: the bytes are not those of their name. */
RESULT cstore_read_object(const struct cstore *s, const char *sha256, struct buf *ret);
/* Removes objects that no item names and that are not of this minute (another writer's). */
RESULT cstore_sweep(const struct cstore *s);
RESULT cstore_index_parse(struct bytes text, struct cstore *s);
