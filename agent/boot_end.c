#include "boot.h"

#include <fcntl.h>

#include <base/file.h>
#include <net/netlink.h>
#include <sys/reboot.h>

RESULT boot_network(void)
{
	struct nl_link lo;

	TRY(nl_link_by_name("lo", &lo));
	TRY(nl_link_set_up(lo.index, true));
	TRY(file_write("/proc/sys/net/ipv4/ip_unprivileged_port_start", bytes_str("0")));
	return file_write("/proc/sys/net/ipv4/ping_group_range", bytes_str("0 2147483647"));
}

_Noreturn void boot_power_off(const char *reason)
{
	AUTO(auto_close) int console = open("/dev/console", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	AUTO(buf_done) struct buf line = BUF_INIT(ERR_TEXT_MAX + 64);

	if (reason && console >= 0) {
		buf_printf(&line, "sealpod-agent: %s\n", reason);
		/* The last words; there is nobody left to tell that they were not heard. */
		err_ignore(fd_write_all(console, buf_bytes(&line)));
	}
	sync();
	(void)reboot(RB_POWER_OFF);
	/* PID 1 may not return; the kernel would panic. */
	for (;;)
		(void)pause();
}
