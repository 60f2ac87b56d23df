#include "volume_make.h"

#include "device.h"
#include "dm.h"

#include <errno.h>
#include <unistd.h>

#include <base/random.h>
#include <base/secret.h>
#include <linux/fs.h>
#include <linux/keyctl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

enum {
	KEY_XTS = 64, /* two keys of AES-256 */
	KEY_MAC = 32, /* HMAC-SHA-256, also the size of a tag */
	SECTOR = 512,
	BLOCK = 4096,
	WIPE = 1024 * 1024,
	DEVICE_MIN = 16 * 1024 * 1024,
	PARAMS_MAX = 1024
};

/* Below the encryption, so that the kernel finds no superblock of integrity and writes its own;
 * above it, because what was never written has no tag yet and cannot be read, which mke2fs does. */
static RESULT wipe_begin(int fd)
{
	AUTO(auto_free) uint8_t *zeros = calloc(1, WIPE);

	if (!zeros)
		return err_new(ERR_NOMEM, "wiping");
	if (pwrite(fd, zeros, WIPE, 0) != WIPE || fsync(fd) != 0 || ioctl(fd, BLKFLSBUF, 0) != 0)
		return err_new(ERR_SYS, "wiping the device's beginning");
	return OK;
}

static RESULT wipe_mapped(const char *device)
{
	AUTO(auto_close) int fd = -1;
	struct device d;

	TRY(device_open(device, &d, &fd));
	return wipe_begin(fd);
}

static RESULT integrity_make(
	const char *name, const struct device *d, uint64_t sectors, unsigned *ret_minor)
{
	char params[PARAMS_MAX];
	const struct dm_target t = { .sectors = sectors, .type = "integrity", .params = params };

	/* "D": no journal; after a crash of the guest nobody reads it. */
	(void)snprintf(params, sizeof(params), "%u:%u 0 %d D 1 block_size:%d", d->major, d->minor,
		KEY_MAC, BLOCK);
	return dm_make(name, &t, ret_minor);
}

/* The kernel tells how much is left beside the tags only once it has written its superblock. */
static RESULT integrity_format(const char *name, const struct device *d, uint64_t *ret_sectors)
{
	AUTO(buf_done) struct buf status = BUF_INIT(PARAMS_MAX);
	unsigned minor;
	struct err e;

	TRY(integrity_make(name, d, BLOCK / SECTOR, &minor));
	e = dm_status(name, &status);
	TRY(dm_remove(name));
	TRY(e);
	buf_u8(&status, '\0');
	TRY(buf_end(&status, "status"));
	TRY(dm_integrity_sectors((const char *)status.p, ret_sectors));
	*ret_sectors -= *ret_sectors % (BLOCK / SECTOR);
	return OK;
}

static long key_add(const char *description, const struct secret *key)
{
	return syscall(SYS_add_key, "logon", description, secret_bytes(key).p, secret_size(key),
		KEY_SPEC_PROCESS_KEYRING);
}

/* The mapping keeps its own copy, out of everybody's reach. */
static RESULT crypt_make(const char *name, unsigned below, uint64_t sectors, char **ret_device)
{
	AUTO(secret_freep) struct secret *key = NULL;
	char description[128], params[PARAMS_MAX];
	const struct dm_target t = {
		.sectors = sectors, .type = "crypt", .params = params, .secret = true
	};
	unsigned minor;
	struct err e;
	long id;

	TRY(secret_new(KEY_XTS + KEY_MAC, &key));
	TRY(random_fill(secret_data(key), secret_size(key)));
	(void)snprintf(description, sizeof(description), "sealpod:%s", name);
	id = key_add(description, key);
	if (id < 0)
		return err_new(ERR_SYS, "kernel keyring");
	(void)snprintf(params, sizeof(params),
		"capi:authenc(hmac(sha256),xts(aes))-plain64 :%d:logon:%s 0 /dev/dm-%u 0 2 "
		"integrity:%d:aead "
		"sector_size:%d",
		KEY_XTS + KEY_MAC, description, below, KEY_MAC, BLOCK);
	e = dm_make(name, &t, &minor);
	(void)syscall(SYS_keyctl, KEYCTL_REVOKE, id);
	TRY(e);
	return str_format(ret_device, "/dev/dm-%u", minor);
}

static void lower_name(const char *name, char to[static 128])
{
	(void)snprintf(to, 128, "%.100s-integrity", name);
}

void volume_close(const char *name)
{
	char lower[128];

	lower_name(name, lower);
	/* From top to bottom; each goes when its last user does. */
	err_ignore(dm_remove(name));
	err_ignore(dm_remove(lower));
}

RESULT volume_encrypt(const char *device, const char *name, char **ret_device)
{
	AUTO(auto_close) int fd = -1;
	char lower[128];
	struct device d;
	uint64_t sectors;
	unsigned minor;
	struct err e;

	TRY(device_open(device, &d, &fd));
	if (d.size < DEVICE_MIN)
		return err_new(ERR_FORMAT, "%s has %llu bytes, fewer than %d", device,
			(unsigned long long)d.size, DEVICE_MIN);
	TRY(wipe_begin(fd));
	(void)close(TAKE_FD(fd));
	lower_name(name, lower);
	TRY(integrity_format(lower, &d, &sectors));
	TRY(integrity_make(lower, &d, sectors, &minor));
	e = crypt_make(name, minor, sectors, ret_device);
	if (!failed(e))
		e = wipe_mapped(*ret_device);
	if (failed(e)) {
		struct err_saved why;

		err_save(e, &why);
		volume_close(name);
		return err_restore(&why);
	}
	return OK;
}
