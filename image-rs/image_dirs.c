#include "image_dirs.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/auto.h>
#include <base/encode.h>
#include <base/file.h>
#include <base/random.h>
#include <crypto/digest.h>

enum {
	STAGING_DIGITS = 16
};

RESULT layer_name(
	const char *blob_digest, const char *diff_id, char to[static LAYER_NAME_CHARS + 1])
{
	struct digest_value d;

	TRY(digest2(DIGEST_SHA256, bytes_str(blob_digest), bytes_str(diff_id), &d));
	hex_to(digest_bytes(&d), to);
	return OK;
}

bool layer_name_ok(const char *name)
{
	return strlen(name) == LAYER_NAME_CHARS &&
	       strspn(name, "0123456789abcdef") == LAYER_NAME_CHARS;
}

/* "PID-random": who made it can be told later. */
RESULT staging_make(const char *work_dir, char **ret_path)
{
	AUTO(auto_free) char *path = NULL;
	char name[STAGING_DIGITS + 1];

	TRY(random_hex(name, STAGING_DIGITS));
	TRY(str_format(&path, "%s/" STAGING_DIR "/%d-%s", work_dir, (int)getpid(), name));
	TRY(dir_make(path, 0755));
	*ret_path = TAKE(path);
	return OK;
}

static bool is_abandoned(const char *name)
{
	char *end = NULL;
	long pid = strtol(name, &end, 10);

	return pid > 0 && *end == '-' && kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

RESULT staging_sweep(const char *work_dir)
{
	AUTO(auto_free) char *dir_path = NULL;
	AUTO(auto_closedir) DIR *dir = NULL;
	struct dirent *entry;

	TRY(path_join(work_dir, STAGING_DIR, &dir_path));
	dir = opendir(dir_path);
	if (!dir)
		return err_new(ERR_SYS, "%s", dir_path);
	/* One thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((entry = readdir(dir)) != NULL) {
		AUTO(auto_free) char *path = NULL;
		if (!is_abandoned(entry->d_name))
			continue;
		TRY(path_join(dir_path, entry->d_name, &path));
		TRY(dir_remove_tree(path));
	}
	return OK;
}
