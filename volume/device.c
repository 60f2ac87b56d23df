#include "device.h"

#include <fcntl.h>

#include <base/auto.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

RESULT device_open(const char *path, struct device *ret_device, int *ret_fd)
{
	AUTO(auto_close) int fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
	struct device d = { 0 };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return err_new(ERR_SYS, "%s", path);
	if (S_ISREG(st.st_mode))
		d.size = (uint64_t)st.st_size;
	else if (!S_ISBLK(st.st_mode) || ioctl(fd, BLKGETSIZE64, &d.size) != 0)
		return err_new(ERR_FORMAT, "%s is no block device", path);
	d.major = major(st.st_rdev);
	d.minor = minor(st.st_rdev);
	*ret_device = d;
	*ret_fd = TAKE_FD(fd);
	return OK;
}
