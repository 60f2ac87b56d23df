#include "storage_op.h"

#include <errno.h>
#include <fts.h>

#include <sys/stat.h>

/* What kubelet gives a volume with fsGroup: the group may do what the owner may. */
enum {
	READ_WRITE = 0660,
	READ_ONLY = 0440,
	DIRECTORY = 0110
};

static mode_t wanted(mode_t now, bool read_only)
{
	mode_t add = read_only ? READ_ONLY : READ_WRITE;

	return S_ISDIR(now) ? now | add | DIRECTORY | S_ISGID : now | add;
}

static RESULT set_one(const FTSENT *f, gid_t gid, bool read_only)
{
	const struct stat *st = f->fts_statp;

	if (lchown(f->fts_accpath, (uid_t)-1, gid) != 0)
		return err_new(ERR_SYS, "fs_group: owner");
	if (S_ISLNK(st->st_mode))
		return OK;
	if (chmod(f->fts_accpath, wanted(st->st_mode, read_only) & 07777) != 0)
		return err_new(ERR_SYS, "fs_group: mode");
	return OK;
}

static void auto_fts(FTS **f)
{
	if (*f)
		(void)fts_close(*f);
}

static RESULT set_all(char *root, gid_t gid, bool read_only)
{
	char *const roots[] = { root, NULL };
	AUTO(auto_fts) FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
	FTSENT *f;

	if (!tree)
		return err_new(ERR_SYS, "fs_group");
	errno = 0;
	while ((f = fts_read(tree)) != NULL) {
		if (f->fts_info == FTS_DNR || f->fts_info == FTS_ERR || f->fts_info == FTS_NS)
			return err_new(ERR_SYS, "fs_group: %s", f->fts_name);
		if (f->fts_info != FTS_DP)
			TRY(set_one(f, gid, read_only));
		errno = 0;
	}
	return errno == 0 ? OK : err_new(ERR_SYS, "fs_group");
}

RESULT storage_set_group(const struct storage *s, const Agent__FSGroup *g, bool read_only)
{
	char root[40];
	struct stat st;

	(void)snprintf(root, sizeof(root), "/proc/self/fd/%d/.", s->fd);
	if (stat(root, &st) != 0)
		return err_new(ERR_SYS, "fs_group");
	if (g->group_change_policy == TYPES__FSGROUP_CHANGE_POLICY__OnRootMismatch &&
		st.st_gid == g->group_id && wanted(st.st_mode, read_only) == st.st_mode)
		return OK;
	return set_all(root, g->group_id, read_only);
}
