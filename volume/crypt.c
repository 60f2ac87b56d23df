#include "crypt.h"

#include "dm.h"

#include <unistd.h>

#include <linux/keyctl.h>
#include <sys/syscall.h>

enum {
	SECTOR = 512,
	PARAMS_MAX = 1024,
	NAME_MAX_CHARS = 128
};

static void lower_name(const char *name, char to[static NAME_MAX_CHARS])
{
	(void)snprintf(to, NAME_MAX_CHARS, "%.100s-integrity", name);
}

void crypt_close(const char *name)
{
	char lower[NAME_MAX_CHARS];

	lower_name(name, lower);
	err_ignore(dm_remove(name));
	err_ignore(dm_remove(lower));
}

/* Fewer than any volume has; enough for the kernel to look at its superblock, or to write one. */
static uint64_t few_sectors(const struct crypt_layout *l)
{
	return l->sector_size / SECTOR;
}

/* Linux, Documentation/admin-guide/device-mapper/dm-integrity.rst */
static RESULT integrity_make(const struct crypt_layout *l, uint64_t sectors, unsigned *ret_minor)
{
	char params[PARAMS_MAX], lower[NAME_MAX_CHARS];
	const struct dm_target t = { .sectors = sectors, .type = "integrity", .params = params };

	(void)snprintf(params, sizeof(params), "%u:%u %llu %d %s 1 block_size:%u", l->device.major,
		l->device.minor, (unsigned long long)(l->offset / SECTOR), CRYPT_KEY_MAC,
		l->lasts ? "J" : "D", l->sector_size);
	lower_name(l->name, lower);
	return dm_make(lower, &t, ret_minor);
}

/* The kernel tells how much is left beside the tags only once there is a superblock. */
static RESULT integrity_size(const struct crypt_layout *l, uint64_t *ret_sectors)
{
	AUTO(buf_done) struct buf status = BUF_INIT(PARAMS_MAX);
	char lower[NAME_MAX_CHARS];
	unsigned minor;
	struct err e;

	lower_name(l->name, lower);
	TRY(integrity_make(l, few_sectors(l), &minor));
	e = dm_status(lower, &status);
	TRY(dm_remove(lower));
	TRY(e);
	buf_u8(&status, '\0');
	TRY(buf_end(&status, "status"));
	TRY(dm_integrity_sectors((const char *)status.p, ret_sectors));
	*ret_sectors -= *ret_sectors % few_sectors(l);
	return OK;
}

static long key_add(const char *description, const struct secret *key)
{
	return syscall(SYS_add_key, "logon", description, secret_bytes(key).p, secret_size(key),
		KEY_SPEC_PROCESS_KEYRING);
}

/* What dm-crypt stands on. */
struct below {
	char device[32];
	uint64_t offset, sectors;
};

static void crypt_params(const struct crypt_layout *l, const struct below *b,
	const char *description, char to[static PARAMS_MAX])
{
	bool tags = secret_size(l->key) > CRYPT_KEY_XTS;

	(void)snprintf(to, PARAMS_MAX, "%s :%zu:logon:%s 0 %s %llu %s sector_size:%u",
		tags ? "capi:authenc(hmac(sha256),xts(aes))-plain64" : "aes-xts-plain64",
		secret_size(l->key), description, b->device, (unsigned long long)b->offset,
		tags ? "2 integrity:32:aead" : "1", l->sector_size);
}

/* The mapping keeps its own copy of the key, out of everybody's reach. */
static RESULT crypt_make(const struct crypt_layout *l, const struct below *b, char **ret_device)
{
	char description[NAME_MAX_CHARS], params[PARAMS_MAX];
	const struct dm_target t = {
		.sectors = b->sectors, .type = "crypt", .params = params, .secret = true
	};
	unsigned minor;
	struct err e;
	long id;

	(void)snprintf(description, sizeof(description), "sealpod:%.100s", l->name);
	id = key_add(description, l->key);
	if (id < 0)
		return err_new(ERR_SYS, "kernel keyring");
	crypt_params(l, b, description, params);
	e = dm_make(l->name, &t, &minor);
	(void)syscall(SYS_keyctl, KEYCTL_REVOKE, id);
	TRY(e);
	return str_format(ret_device, "/dev/dm-%u", minor);
}

static RESULT lower_layer(const struct crypt_layout *l, struct below *b)
{
	unsigned minor;

	if (secret_size(l->key) == CRYPT_KEY_XTS) {
		(void)snprintf(
			b->device, sizeof(b->device), "%u:%u", l->device.major, l->device.minor);
		b->offset = l->offset / SECTOR;
		b->sectors = (l->device.size - l->offset) / l->sector_size * few_sectors(l);
		return OK;
	}
	TRY(integrity_size(l, &b->sectors));
	TRY(integrity_make(l, b->sectors, &minor));
	(void)snprintf(b->device, sizeof(b->device), "/dev/dm-%u", minor);
	return OK;
}

RESULT crypt_open(const struct crypt_layout *l, char **ret_device)
{
	struct below b = { 0 };
	struct err e;

	if (l->offset >= l->device.size)
		return err_new(ERR_FORMAT, "the device ends before its data");
	TRY(lower_layer(l, &b));
	e = crypt_make(l, &b, ret_device);
	if (failed(e)) {
		struct err_saved why;

		err_save(e, &why);
		crypt_close(l->name);
		return err_restore(&why);
	}
	return OK;
}
