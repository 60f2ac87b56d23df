#include "broker_collateral.h"

#include <collateral/store.h>

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static RESULT index_stat(const struct broker_collateral *c, struct stat *ret)
{
	AUTO(auto_free) char *path = NULL;
	struct stat st;

	TRY(cstore_index_path(c->path, &path));
	if (stat(path, &st) != 0)
		return err_new(ERR_SYS, "%s", path);
	*ret = st;
	return OK;
}

/* The index is looked at before it is read: what changes in between is read again next time. */
static RESULT load(struct broker_collateral *c, const struct stat *index)
{
	AUTO(collateral_freep) struct collateral *fresh = NULL;
	AUTO(cstore_freep) struct cstore *s = NULL;
	AUTO(strv_done) struct strv damaged = { 0 };

	TRY(cstore_open(c->path, false, &s));
	TRY(collateral_new(&fresh));
	TRY(cstore_load(s, fresh, &damaged));
	collateral_freep(&c->loaded);
	c->loaded = TAKE(fresh);
	c->damaged = damaged.n;
	c->index = *index;
	return OK;
}

RESULT broker_collateral_open(const char *path, struct broker_collateral *ret)
{
	struct stat index;

	*ret = (struct broker_collateral){ .path = path };
	if (!path)
		return OK;
	TRY(index_stat(ret, &index));
	return load(ret, &index);
}

const struct collateral *broker_collateral_now(struct broker_collateral *c)
{
	struct stat index;

	if (c->path && !failed(index_stat(c, &index)) && !is_same_file(&index, &c->index))
		err_ignore(load(c, &index)); /* the old collateral stays */
	return c->loaded;
}

void broker_collateral_done(struct broker_collateral *c)
{
	collateral_freep(&c->loaded);
	*c = (struct broker_collateral){ 0 };
}
