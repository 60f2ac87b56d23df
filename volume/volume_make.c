#include "volume_make.h"

#include "crypt.h"
#include "luks2.h"

#include <fcntl.h>
#include <unistd.h>

#include <base/random.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

enum {
	BLOCK = 4096,
	WIPE = 1024 * 1024,
	DEVICE_MIN = 16 * 1024 * 1024,
	KEY_MIN = 32 /* bytes of a key that a volume is made with */
};

/* Below the encryption, so that the kernel finds no superblock of integrity and writes its own;
 * above it, because what was never written has no tag yet and cannot be read, which mke2fs does. */
static RESULT wipe_at(int fd, uint64_t offset)
{
	AUTO(auto_free) uint8_t *zeros = calloc(1, WIPE);
	struct stat st;

	if (!zeros)
		return err_new(ERR_NOMEM, "wiping");
	if (pwrite(fd, zeros, WIPE, (off_t)offset) != WIPE || fsync(fd) != 0 ||
		fstat(fd, &st) != 0 || (S_ISBLK(st.st_mode) && ioctl(fd, BLKFLSBUF, 0) != 0))
		return err_new(ERR_SYS, "wiping the device's beginning");
	return OK;
}

static RESULT wipe_mapped(const char *device)
{
	AUTO(auto_close) int fd = -1;
	struct device d;

	TRY(device_open(device, &d, &fd));
	return wipe_at(fd, 0);
}

static RESULT check_size(const char *device, const struct device *d, uint64_t least)
{
	if (d->size < least)
		return err_new(ERR_FORMAT, "%s has %llu bytes, fewer than %llu", device,
			(unsigned long long)d->size, (unsigned long long)least);
	return OK;
}

/* What is asked for in the new mapping: an empty file system, or an empty device. */
static RESULT fill(const struct volume *v, const char *mapped)
{
	TRY(wipe_mapped(mapped));
	return v->filesystem ? filesystem_make(mapped, v->filesystem) : OK;
}

static RESULT map_new(const struct volume *v, const struct crypt_layout *l, char **ret_device)
{
	AUTO(auto_free) char *mapped = NULL;
	struct err e;

	TRY(crypt_open(l, &mapped));
	e = fill(v, mapped);
	if (failed(e)) {
		struct err_saved why;

		err_save(e, &why);
		crypt_close(v->name);
		return err_restore(&why);
	}
	*ret_device = TAKE(mapped);
	return OK;
}

/* ---- a key that nobody else has ---- */

static RESULT make_once(const struct volume *v, char **ret_device)
{
	AUTO(secret_freep) struct secret *key = NULL;
	AUTO(auto_close) int fd = -1;
	struct crypt_layout l = { .name = v->name, .sector_size = BLOCK };

	TRY(device_open(v->device, &l.device, &fd));
	TRY(check_size(v->device, &l.device, DEVICE_MIN));
	TRY(wipe_at(fd, 0));
	(void)close(TAKE_FD(fd));
	TRY(secret_new(CRYPT_KEY_XTS + (v->plain_sectors ? 0 : CRYPT_KEY_MAC), &key));
	TRY(random_fill(secret_data(key), secret_size(key)));
	l.key = key;
	return map_new(v, &l, ret_device);
}

/* ---- LUKS2 ---- */

struct opening {
	const struct volume *v;
	struct device device;
	int fd; /* exclusive, until it is mapped */
	struct luks2 luks2;
	struct secret *key;
};

static void opening_done(struct opening *o)
{
	if (o->fd >= 0)
		(void)close(o->fd);
	secret_free(o->key);
}

static struct crypt_layout layout_of(const struct opening *o)
{
	return (struct crypt_layout){ .name = o->v->name,
		.device = o->device,
		.offset = o->luks2.data_offset,
		.sector_size = o->luks2.sector_size,
		.lasts = true,
		.key = o->key };
}

static RESULT open_present(struct opening *o, char **ret_device)
{
	struct crypt_layout l;

	TRY(luks2_open(o->fd, !o->v->plain_sectors, secret_bytes(o->v->key), &o->luks2, &o->key));
	(void)close(TAKE_FD(o->fd));
	l = layout_of(o);
	return crypt_open(&l, ret_device);
}

/* Whole only now, and only with all of it on the device. */
static RESULT finish(struct opening *o, const char *mapped)
{
	AUTO(auto_close) int upper = open(mapped, O_RDWR | O_CLOEXEC);
	AUTO(auto_close) int lower = open(o->v->device, O_RDWR | O_CLOEXEC);

	if (upper < 0 || lower < 0 || fsync(upper) != 0)
		return err_new(ERR_SYS, "%s", o->v->device);
	return luks2_format_end(lower, &o->luks2, secret_bytes(o->v->key), o->key);
}

static RESULT create(struct opening *o, char **ret_device)
{
	AUTO(auto_free) char *mapped = NULL;
	struct crypt_layout l;
	struct err e;

	if (secret_size(o->v->key) < KEY_MIN)
		return err_new(ERR_FORMAT, "a key of %zu bytes: a new volume needs %d or more",
			secret_size(o->v->key), KEY_MIN);
	TRY(check_size(o->v->device, &o->device, LUKS2_DATA_OFFSET + (uint64_t)DEVICE_MIN));
	TRY(luks2_format_begin(o->fd, !o->v->plain_sectors, &o->luks2, &o->key));
	TRY(wipe_at(o->fd, o->luks2.data_offset));
	(void)close(TAKE_FD(o->fd));
	l = layout_of(o);
	TRY(map_new(o->v, &l, &mapped));
	e = finish(o, mapped);
	if (failed(e)) {
		struct err_saved why;

		err_save(e, &why);
		crypt_close(o->v->name);
		return err_restore(&why);
	}
	*ret_device = TAKE(mapped);
	return OK;
}

static RESULT open_keyed(const struct volume *v, char **ret_device)
{
	AUTO(opening_done) struct opening o = { .v = v, .fd = -1 };
	enum luks2_state state = LUKS2_OTHER;

	TRY(device_open(v->device, &o.device, &o.fd));
	TRY(luks2_look(o.fd, o.device.size, &state));
	if (state == LUKS2_PRESENT)
		return open_present(&o, ret_device);
	if (state == LUKS2_OTHER)
		return err_new(ERR_STATE,
			"%s is not empty and no LUKS2 volume: nothing on it is overwritten",
			v->device);
	if (!v->create)
		return err_new(ERR_STATE, "%s is %s, and no volume is to be made of it", v->device,
			state == LUKS2_EMPTY ? "empty" : "half formatted");
	return create(&o, ret_device);
}

RESULT volume_make(const struct volume *v, char **ret_device)
{
	if (v->key)
		return open_keyed(v, ret_device);
	if (v->name)
		return make_once(v, ret_device);
	if (v->filesystem)
		TRY(filesystem_make(v->device, v->filesystem));
	return str_dup(v->device, ret_device);
}
