/*
 * A directory of collateral, shared by command line and broker:
 *
 *	objects/<sha256>	as received, never changed
 *	index.json		kind, subject, source, when fetched, validity
 *	lock			held by whoever writes
 *
 * Public data (0755, 0644): its trust comes from signatures at use. An object is written before the
 * index names it and the index is replaced as a whole, so a crash at any point leaves the old index
 * or the new one; readers need no lock.
 */
#pragma once

#include <tee/collateral.h>

enum {
	CSTORE_ITEMS_MAX = 4096,
	CSTORE_INDEX_MAX = 4 * 1024 * 1024,
	CSTORE_BUNDLE_MAX = JSON_SIZE_MAX,
	CSTORE_HOSTS_MAX = 64,
};

struct cstore_item {
	char *sha256;  /* hex: the object's name */
	char *kind;    /* collateral_kind_name() of what it holds first */
	char *subject; /* of the same */
	char *source;  /* address it came from, or "import" */
	int64_t fetched;
	int64_t not_before, not_after; /* earliest end of what it holds; both 0: no times */
};

struct cstore_host { /* when a server may be asked again */
	char *host;
	int64_t not_before;
};

struct cstore {
	char *path;
	struct cstore_item *items;
	size_t n_items;
	struct cstore_host *hosts;
	size_t n_hosts;
};

/* The directory is made when it is absent (`create`), else ERR_NOT_FOUND. */
RESULT cstore_open(const char *path, bool create, struct cstore **ret_store);
void cstore_freep(struct cstore **s);
/* What changes (another inode) with every commit. */
RESULT cstore_index_path(const char *store, char **ret_path);
/* A directory that holds an index. */
bool cstore_is_one(const char *path);

/*
 * Adds what was fetched from `source`, or imported; an older object of the same source is dropped
 * from the index. ERR_FORMAT when it is no collateral: nothing changes then. Not written before
 * cstore_commit().
 */
RESULT cstore_add(struct cstore *s, struct bytes file, const char *source, int64_t now);
/* The item of a source; NULL: none. */
const struct cstore_item *cstore_of_source(const struct cstore *s, const char *source);
/* Rate limits: the earliest time a host may be asked again. */
RESULT cstore_set_host(struct cstore *s, const char *host, int64_t not_before);
int64_t cstore_host_not_before(const struct cstore *s, const char *host); /* 0: at once */
/* Under the lock: reads the index anew, merges what was added here, replaces it, removes objects
 * that nothing names. */
RESULT cstore_commit(struct cstore *s);

/*
 * Everything in the store into `ret`. Objects whose bytes are not what their name says are left out
 * and counted; `ret_damaged` may be NULL.
 */
RESULT cstore_load(const struct cstore *s, struct collateral *ret, struct strv *ret_damaged);

/* One file for a site without network: JSON, sorted, so that equal stores give equal bytes. */
RESULT cstore_export(const struct cstore *s, struct buf *ret_bundle);
/* ERR_FORMAT when any item is not what the bundle says: nothing is added then. */
RESULT cstore_import(struct cstore *s, struct bytes bundle, int64_t now, size_t *ret_added);
