#include "boot.h"

#include <dirent.h>
#include <fcntl.h>

#include <base/file.h>
#include <measured-boot/initdata.h>

enum {
	MAGIC_SIZE = 8,
	IMAGE_MAX = 2 * 1024 * 1024, /* the compressed form is never larger than the document */
	DEVICES_MAX = 256
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Whole disks that could be ours; sorted, so that the order of the directory decides nothing. */
static RESULT list_disks(const char *root, struct strv *ret_names)
{
	AUTO(auto_free) char *dir = NULL;
	AUTO(auto_closedir) DIR *d = NULL;
	const struct dirent *e;

	TRY(str_format(&dir, "%s/sys/class/block", root));
	d = opendir(dir);
	if (!d)
		return err_new(ERR_NOT_FOUND, "%s: none", dir);
	/* One thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((e = readdir(d)) != NULL && ret_names->n < DEVICES_MAX)
		if (str_starts(e->d_name, "vd") || str_starts(e->d_name, "sd"))
			TRY(strv_add(ret_names, e->d_name));
	if (ret_names->n > 0)
		qsort(ret_names->v, ret_names->n, sizeof(ret_names->v[0]), by_name);
	return OK;
}

static bool has_magic(int fd)
{
	uint8_t magic[MAGIC_SIZE];

	return pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
	       bytes_equal(BYTES_OF(magic), bytes_str("initdata"));
}

/* Up to the largest image there may be: a device is longer than what is on it. */
static RESULT read_image(int fd, struct buf *image)
{
	for (;;) {
		uint8_t block[64 * 1024];
		ssize_t n = pread(fd, block, sizeof(block), (off_t)image->n);

		if (n < 0)
			return err_new(ERR_SYS, "reading initdata");
		if (n == 0 || image->n + (size_t)n > image->max)
			return OK;
		buf_put(image, bytes_of(block, (size_t)n));
		TRY(buf_end(image, "initdata"));
	}
}

static RESULT try_disk(const char *root, const char *name, struct buf *image)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_close) int fd = -1;

	TRY(str_format(&path, "%s/dev/%s", root, name));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || !has_magic(fd))
		return err_new(ERR_NOT_FOUND, "%s: no initdata", path);
	return read_image(fd, image);
}

RESULT boot_find_initdata(const char *root, struct buf *ret_toml)
{
	AUTO(strv_done) struct strv names = { 0 };
	AUTO(buf_done) struct buf image = BUF_INIT(IMAGE_MAX);
	struct err e;

	TRY(list_disks(root, &names));
	for (size_t i = 0; i < names.n; i++) {
		e = try_disk(root, names.v[i], &image);
		if (e.code == ERR_NOT_FOUND)
			continue;
		TRY(e);
		e = initdata_image_parse(buf_bytes(&image), ret_toml);
		return failed(e) ? err_add(e, "initdata on %s", names.v[i]) : OK;
	}
	return err_new(ERR_NOT_FOUND, "no disk holds initdata");
}
