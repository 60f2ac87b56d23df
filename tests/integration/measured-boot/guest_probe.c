/*
 * The /init of a test guest: loads the modules, prints what was measured, powers off. Everything it
 * says is a line that begins "probe: ". It stands on the C library alone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum {
	PCRS = 24,
	LOG_BYTES_A_LINE = 32
};

static void mount_on(const char *type, const char *path)
{
	if (mount(type, path, type, MS_NOSUID | MS_NOEXEC, NULL) != 0)
		printf("probe: mount %s: %s\n", path, strerror(errno));
}

/* "boot /usr/lib/modules/x.ko" */
static void load_module(const char *group, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	long status = fd >= 0 ? syscall(SYS_finit_module, fd, "", 0) : -1;

	printf("probe: module %s %s %s\n", group, path, status == 0 ? "ok" : strerror(errno));
	if (fd >= 0)
		(void)close(fd);
}

static void load_modules(void)
{
	FILE *f = fopen("/etc/sealpod/modules", "re");
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		char *space = strchr(line, ' ');
		line[strcspn(line, "\n")] = '\0';
		if (!space)
			continue;
		*space = '\0';
		load_module(line, space + 1);
	}
	if (f)
		(void)fclose(f);
}

static void print_line_of(const char *path, const char *what)
{
	FILE *f = fopen(path, "re");
	char line[4096] = "";

	if (!f || !fgets(line, sizeof(line), f))
		printf("probe: %s: %s\n", path, strerror(errno));
	line[strcspn(line, "\n")] = '\0';
	printf("probe: %s %s\n", what, line);
	if (f)
		(void)fclose(f);
}

static void print_pcrs(void)
{
	char path[64], what[16];

	for (int i = 0; i < PCRS; i++) {
		(void)snprintf(path, sizeof(path), "/sys/class/tpm/tpm0/pcr-sha256/%d", i);
		(void)snprintf(what, sizeof(what), "pcr %d", i);
		print_line_of(path, what);
	}
}

static void print_log(void)
{
	FILE *f = fopen("/sys/kernel/security/tpm0/binary_bios_measurements", "rbe");
	unsigned char bytes[LOG_BYTES_A_LINE];
	size_t n;

	while (f && (n = fread(bytes, 1, sizeof(bytes), f)) > 0) {
		printf("probe: log ");
		for (size_t i = 0; i < n; i++)
			printf("%02x", bytes[i]);
		printf("\n");
	}
	if (f)
		(void)fclose(f);
}

static void print_devices(void)
{
	DIR *dir = opendir("/sys/class/block");
	struct dirent *e;

	while (dir && (e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.')
			printf("probe: block %s\n", e->d_name);
	if (dir)
		(void)closedir(dir);
	printf("probe: net %s\n", access("/sys/class/net/eth0", F_OK) == 0 ? "eth0" : "none");
}

int main(void)
{
	mount_on("proc", "/proc");
	mount_on("sysfs", "/sys");
	mount_on("devtmpfs", "/dev");
	mount_on("securityfs", "/sys/kernel/security");
	if (!freopen("/dev/hvc0", "we", stdout))
		return 1;
	print_line_of("/proc/uptime", "start");
	load_modules();
	print_line_of("/proc/uptime", "modules");
	print_line_of("/proc/cmdline", "cmdline");
	print_pcrs();
	print_log();
	print_devices();
	printf("probe: end\n");
	(void)fflush(stdout);
	sync();
	(void)reboot(RB_POWER_OFF);
	return 1;
}
