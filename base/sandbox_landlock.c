#include "sandbox_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include <base/auto.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Of later ABIs than Debian 12's headers know. */
#define ACCESS_FS_TRUNCATE     (1ULL << 14) /* ABI 3 */
#define ACCESS_NET_BIND_TCP    (1ULL << 0)  /* ABI 4 */
#define ACCESS_NET_CONNECT_TCP (1ULL << 1)

enum {
	ABI_REFER = 2,
	ABI_TRUNCATE = 3,
	ABI_NET = 4
};

struct ruleset_attr { /* landlock_ruleset_attr of ABI 4; older kernels take its first member */
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
};

static uint64_t fs_rights(long abi)
{
	uint64_t all = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; /* ABI 1 */

	if (abi >= ABI_REFER)
		all |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= ABI_TRUNCATE)
		all |= ACCESS_FS_TRUNCATE;
	return all;
}

static uint64_t rights_of(unsigned access, uint64_t all)
{
	const uint64_t read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	const uint64_t exec = LANDLOCK_ACCESS_FS_EXECUTE;
	uint64_t rights = 0;

	if (access & SANDBOX_READ)
		rights |= read;
	if (access & SANDBOX_EXEC)
		rights |= exec | LANDLOCK_ACCESS_FS_READ_FILE;
	if (access & SANDBOX_WRITE)
		rights |= all & ~read & ~exec;
	return rights & all;
}

/* What applies to a file; the other rights are only taken for directories. */
static const uint64_t file_rights = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
				    LANDLOCK_ACCESS_FS_READ_FILE | ACCESS_FS_TRUNCATE;

static RESULT add_path(int ruleset, const struct sandbox_path *p, uint64_t all)
{
	AUTO(auto_close) int fd = open(p->path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = { .allowed_access = rights_of(p->access, all) };
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return OK; /* what is not there cannot be opened */
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_new(ERR_SYS, "sandbox path %s", p->path);
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= file_rights;
	rule.parent_fd = fd;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
		return err_new(ERR_SYS, "sandbox path %s", p->path);
	return OK;
}

RESULT sandbox_landlock(const struct sandbox *s)
{
	AUTO(auto_close) int ruleset = -1;
	struct ruleset_attr attr = { 0 };
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (abi < 1)
		return OK; /* this kernel has none: seccomp and capabilities remain */
	attr.handled_access_fs = fs_rights(abi);
	if (abi >= ABI_NET && !s->allow_network)
		attr.handled_access_net = ACCESS_NET_BIND_TCP | ACCESS_NET_CONNECT_TCP;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr,
		abi >= ABI_NET ? sizeof(attr) : sizeof(attr.handled_access_fs), 0);
	if (ruleset < 0)
		return err_new(ERR_SYS, "Landlock rules");
	for (const struct sandbox_path *p = s->paths; p && p->path; p++)
		TRY(add_path(ruleset, p, attr.handled_access_fs));
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		return err_new(ERR_SYS, "Landlock");
	return OK;
}
