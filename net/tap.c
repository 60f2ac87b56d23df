#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <base/auto.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <net/tap.h>
#include <sys/ioctl.h>

static RESULT open_queue(const struct tap_spec *t, bool first, int *ret_fd)
{
	AUTO(auto_close) int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct ifreq r = { 0 };
	int flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;

	if (fd < 0)
		return err_new(ERR_SYS, "opening /dev/net/tun");
	if (t->queues > 1)
		flags |= IFF_MULTI_QUEUE;
	if (first && !t->existing)
		flags |= IFF_TUN_EXCL;
	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", t->name);
	r.ifr_flags = (short)flags;
	if (ioctl(fd, TUNSETIFF, &r) != 0) {
		if (errno == EBUSY)
			return err_new(ERR_STATE, "tap %s is in use", t->name);
		return err_new(ERR_SYS, "tap %s", t->name);
	}
	/* QEMU waits with poll(). */
	if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) != 0)
		return err_new(ERR_SYS, "tap %s", t->name);
	*ret_fd = TAKE_FD(fd);
	return OK;
}

RESULT tap_open(const struct tap_spec *t, int *ret_fds)
{
	for (size_t i = 0; i < t->queues; i++) {
		struct err e = open_queue(t, i == 0, &ret_fds[i]);

		if (!failed(e))
			continue;
		while (i-- > 0)
			(void)close(ret_fds[i]);
		return e;
	}
	return OK;
}
