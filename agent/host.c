#include "host.h"

#include <sched.h>

#include <base/file.h>
#include <base/json.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#define CGROUP_ROOT  "/sys/fs/cgroup"
#define KATA_ADDRESS "vsock://-1:1024"

enum {
	CONFIG_MAX = 64 * 1024
};

static RESULT configured(const char *path, char **ret_address)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CONFIG_MAX);
	AUTO(json_freep) struct json *config = NULL;
	const struct json *address;

	TRY(file_read(path, &text));
	TRY(toml_parse(buf_bytes(&text), &config));
	address = json_get(config, "server_addr");
	if (address && !json_string(address))
		return err_new(ERR_FORMAT, "%s: server_addr: no text", path);
	return str_dup(address ? json_string(address) : KATA_ADDRESS, ret_address);
}

RESULT host_address(const char *listen, const char *config, char **ret_address)
{
	if (config && !listen)
		return configured(config, ret_address);
	return str_dup(listen ? listen : KATA_ADDRESS, ret_address);
}

RESULT host_cgroups(const char **ret_manager)
{
	struct statfs fs;

	if (statfs(CGROUP_ROOT, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC) {
		*ret_manager = "cgroupfs";
		return OK;
	}
	/* What the host mounts later is still seen, what is mounted here is not seen there. */
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0 ||
		mount("cgroup2", CGROUP_ROOT, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) !=
			0)
		return err_new(ERR_SYS, "a cgroup v2 tree for crun");
	*ret_manager = "disabled";
	return OK;
}

RESULT host_cgroup_dir(const char *manager, char **ret_dir)
{
	if (!str_equal(manager, "disabled"))
		return str_dup(CGROUP_ROOT "/sealpod", ret_dir);
	return str_format(ret_dir, CGROUP_ROOT "/sealpod-%d", (int)getpid());
}
