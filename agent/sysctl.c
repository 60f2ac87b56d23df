#include "requests.h"

#include <fcntl.h>
#include <sched.h>

#include <base/file.h>

enum {
	NAME_MAX_LEN = 256
};

/* Both ways of writing it are in use: "net.ipv4.x" and "net/ipv4/eth0.1/x". */
RESULT sysctl_path(const char *name, char **ret_path)
{
	AUTO(auto_free) char *path = NULL;
	size_t n = strlen(name);
	bool slashes = strchr(name, '/') != NULL;

	if (n == 0 || n > NAME_MAX_LEN)
		return err_new(ERR_FORMAT, "sysctl: name of %zu characters", n);
	TRY(str_format(&path, "/proc/sys/%s", name));
	for (char *at = path + strlen("/proc/sys/"); *at; at++) {
		if (*at == '.' && !slashes)
			*at = '/';
		if (*at <= ' ' || *at > '~')
			return err_new(ERR_FORMAT, "sysctl: a character of its name");
	}
	if (strstr(path, "/../") || strstr(path, "//") || strstr(path, "/./") ||
		str_ends(path, "/..") || str_ends(path, "/"))
		return err_new(ERR_FORMAT, "sysctl %.64s: not a name", name);
	*ret_path = TAKE(path);
	return OK;
}

/* The namespace that keeps its own value, 0 for none (namespaces(7), "namespaced sysctls"). */
int sysctl_namespace(const char *path)
{
	static const char *const ipc[] = { "/proc/sys/kernel/shm", "/proc/sys/kernel/sem",
		"/proc/sys/kernel/msg", "/proc/sys/fs/mqueue/" };

	for (size_t i = 0; i < ARRAY_LEN(ipc); i++)
		if (str_starts(path, ipc[i]))
			return CLONE_NEWIPC;
	if (str_equal(path, "/proc/sys/kernel/domainname"))
		return CLONE_NEWUTS;
	return 0;
}

static RESULT enter(const char *path, int kind)
{
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, kind) != 0)
		return err_new(ERR_SYS, "namespace %s", path);
	return OK;
}

/* The pod's namespaces belong to no process, so the agent steps in and out again. */
static RESULT write_inside(const struct agent *a, int kind, const char *path, struct bytes value)
{
	bool ipc = kind == CLONE_NEWIPC;
	const char *own = ipc ? "/proc/self/ns/ipc" : "/proc/self/ns/uts";
	AUTO(auto_close) int back = open(own, O_RDONLY | O_CLOEXEC);
	struct err e;

	if (back < 0)
		return err_new(ERR_SYS, "%s", own);
	TRY(enter(ipc ? a->ipc_ns : a->uts_ns, kind));
	e = file_write(path, value);
	if (setns(back, kind) != 0)
		return err_new(ERR_SYS, "back to own namespaces");
	return e;
}

RESULT effect_sysctl(struct agent *a, const char *name, const char *value)
{
	AUTO(auto_free) char *path = NULL;
	struct bytes text = bytes_str(value);
	struct err e;
	int kind;

	TRY(sysctl_path(name, &path));
	kind = sysctl_namespace(path);
	/* crun would set none of them: it sees the guest's network and other kernel-wide ones. */
	if (kind == 0 && !a->set.init)
		return err_new(
			ERR_UNSUPPORTED, "sysctl %s: it is this host's, not the pod's", name);
	e = kind == 0 ? file_write(path, text) : write_inside(a, kind, path, text);
	return failed(e) ? err_add(e, "sysctl %s", name) : OK;
}
