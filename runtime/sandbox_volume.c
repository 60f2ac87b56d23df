#include "sandbox_volume.h"

#include <base/encode.h>
#include <base/file.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define DIRECT_VOLUMES "/run/kata-containers/shared/direct-volumes"
#define EMPTY_DIR      "/kubernetes.io~empty-dir/"

bool volume_has_option(const Oci__Mount *m, const char *option)
{
	for (size_t i = 0; i < m->n_options; i++) {
		if (str_equal(m->options[i], option))
			return true;
	}
	return false;
}

const char *volume_option(const Oci__Mount *m, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < m->n_options; i++) {
		if (str_starts(m->options[i], name) && m->options[i][n] == '=')
			return m->options[i] + n + 1;
	}
	return NULL;
}

bool volume_is_bind(const Oci__Mount *m)
{
	return str_equal(m->type, "bind") || str_equal(m->type, "rbind") ||
	       volume_has_option(m, "bind") || volume_has_option(m, "rbind");
}

const char *volume_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : slash ? "volume" : path;
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return str_starts(path, dir) && (path[n] == '\0' || path[n] == '/');
}

/* File systems of a kernel: the guest has its own. */
static bool is_of_kernel(const Oci__Mount *m, const struct volume_facts *f)
{
	if (is_below(m->source, "/proc") || is_below(m->source, "/sys"))
		return true;
	return is_below(m->source, "/dev") && f->source != SOURCE_FILE &&
	       !is_below(m->source, "/dev/shm");
}

static bool is_direct_type(const char *type)
{
	static const char *const types[] = { "bind", "directvol", "vfiovol", "spdkvol",
		"spoolvol" };

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (str_equal(types[i], type))
			return true;
	}
	return false;
}

static enum volume_kind empty_dir(const struct volume_facts *f, const struct volume_rules *r)
{
	if (f->tmpfs)
		return VOLUME_MEMORY;
	if (r->empty_dir == EMPTY_DIR_ENCRYPTED)
		return VOLUME_DISK;
	return r->empty_dir == EMPTY_DIR_SHARED && r->shared ? VOLUME_SHARE : VOLUME_LOCAL;
}

static bool is_watched(const char *source)
{
	static const char *const kinds[] = { "/kubernetes.io~configmap/", "/kubernetes.io~secret/",
		"/kubernetes.io~projected/", "/kubernetes.io~downward-api/" };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strstr(source, kinds[i]))
			return true;
	}
	return false;
}

static enum volume_kind share_or_copy(
	const Oci__Mount *m, const struct volume_facts *f, const struct volume_rules *r)
{
	if (r->shared)
		return VOLUME_SHARE;
	if (f->source == SOURCE_OTHER)
		return VOLUME_SKIP;
	return f->source == SOURCE_DIR && is_watched(m->source) ? VOLUME_WATCH : VOLUME_COPY;
}

/* What is no plain directory or file of the host; false: nothing of these. */
static bool decide_special(const Oci__Mount *m, const struct volume_facts *f,
	const struct volume_rules *r, enum volume_kind *ret_kind)
{
	if (str_equal(m->destination, "/dev/shm") && !str_equal(m->type, "ephemeral"))
		*ret_kind = VOLUME_SHM;
	else if (strstr(m->source, EMPTY_DIR) && f->source == SOURCE_DIR)
		*ret_kind = empty_dir(f, r);
	else if (f->direct && is_direct_type(m->type))
		*ret_kind = VOLUME_DIRECT;
	else if (volume_is_bind(m) && f->source == SOURCE_BLOCK)
		*ret_kind = VOLUME_BLOCK;
	else if (f->hugetlbfs || (volume_is_bind(m) && volume_option(m, "pagesize")))
		*ret_kind = VOLUME_HUGEPAGES;
	else
		return false;
	return true;
}

RESULT volume_decide(const Oci__Mount *m, const struct volume_facts *f,
	const struct volume_rules *r, enum volume_kind *ret_kind)
{
	if (decide_special(m, f, r, ret_kind))
		return OK;
	if (!volume_is_bind(m) || str_equal(m->destination, "/dev") || is_of_kernel(m, f))
		*ret_kind = VOLUME_KEEP;
	else if (f->source == SOURCE_ABSENT)
		return err_new(ERR_NOT_FOUND, "mount %s: its source %s is not there",
			m->destination, m->source);
	else
		*ret_kind = share_or_copy(m, f, r);
	return OK;
}

RESULT volume_direct_dir(const char *source, char **ret_path)
{
	AUTO(buf_done) struct buf name = BUF_INIT(8 * 1024);

	base64_encode(BASE64_URL_NO_PAD, bytes_str(source), &name);
	for (size_t over = name.n % 4; over != 0 && over < 4; over++)
		buf_u8(&name, '='); /* Kata pads */
	TRY(buf_end(&name, "direct volume"));
	return str_format(ret_path, DIRECT_VOLUMES "/%s", buf_cstr(&name));
}

static enum volume_source source_of(mode_t mode)
{
	if (S_ISREG(mode))
		return SOURCE_FILE;
	if (S_ISDIR(mode))
		return SOURCE_DIR;
	return S_ISBLK(mode) ? SOURCE_BLOCK : SOURCE_OTHER;
}

struct volume_facts volume_facts(const Oci__Mount *m)
{
	AUTO(auto_free) char *direct = NULL;
	struct volume_facts f = { 0 };
	struct stat st;
	struct statfs fs;

	if (m->source[0] != '/')
		return f;
	if (!failed(volume_direct_dir(m->source, &direct)))
		f.direct = file_exists(direct);
	if (stat(m->source, &st) < 0)
		return f;
	f.source = source_of(st.st_mode);
	f.gid = st.st_gid;
	if (f.source == SOURCE_DIR && statfs(m->source, &fs) == 0) {
		f.tmpfs = fs.f_type == TMPFS_MAGIC;
		f.hugetlbfs = fs.f_type == HUGETLBFS_MAGIC;
		f.fs_size = (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize;
		f.page_size = f.hugetlbfs ? (uint64_t)fs.f_bsize : 0;
	}
	return f;
}
