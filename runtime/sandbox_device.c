/* Block devices among linux.devices (volumeMode Block): the guest gets the disk, and its own
 * numbers take the place of the host's. Character devices are the guest's own. */
#include "message.h"
#include "sandbox_container.h"

#include <base/file.h>
#include <net/pb.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum {
	LINK_MAX = 4096
};

/* The node that the kernel's name says; nothing else is opened. */
static RESULT find_node(const Oci__LinuxDevice *d, char **ret_path)
{
	AUTO(auto_free) char *path = NULL;
	char link[64], target[LINK_MAX];
	struct stat st;

	(void)snprintf(link, sizeof(link), "/sys/dev/block/%lld:%lld", (long long)d->major,
		(long long)d->minor);
	ssize_t n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return err_new(ERR_NOT_FOUND, "device %s: the host has no block device %lld:%lld",
			d->path, (long long)d->major, (long long)d->minor);
	target[n] = '\0';
	TRY(path_join("/dev", volume_basename(target), &path));
	if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode) ||
		st.st_rdev != makedev((unsigned)d->major, (unsigned)d->minor))
		return err_new(ERR_NOT_FOUND, "device %s: %s is not %lld:%lld", d->path, path,
			(long long)d->major, (long long)d->minor);
	*ret_path = TAKE(path);
	return OK;
}

static RESULT add_device(struct create *k, const Oci__LinuxDevice *d)
{
	AUTO(pb_free_any) Agent__Device *device = NULL;
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_free) char *address = NULL;
	struct sandbox_disk *disk = NULL;

	TRY(find_node(d, &path));
	TRY(sandbox_disk_get(k->s, path, false, &disk));
	TRY(str_format(&address, "%u:0", disk->target));
	device = calloc(1, sizeof(*device));
	if (!device)
		return err_new(ERR_NOMEM, "device");
	agent__device__init(device);
	TRY(message_set(&device->id, address));
	TRY(message_set(&device->type, "scsi"));
	TRY(message_set(&device->container_path, d->path));
	TRY(MESSAGE_ADD(&k->request->devices, &k->request->n_devices, device));
	device = NULL;
	return OK;
}

RESULT sandbox_devices(struct create *k)
{
	const Oci__Linux *l = k->request->oci->linux_;

	for (size_t i = 0; l && i < l->n_devices; i++) {
		if (str_equal(l->devices[i]->type, "b"))
			TRY(add_device(k, l->devices[i]));
	}
	return OK;
}
