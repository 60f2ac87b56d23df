#include "virtiofsd.h"

#include <errno.h>

#include <base/file.h>
#include <base/json.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CAP(name) (UINT64_C(1) << CAP_##name)
/* Namespaces, mounts and its limits; it drops these before it hears the guest. */
#define TO_BEGIN (CAP(SYS_ADMIN) | CAP(SETPCAP) | CAP(SYS_RESOURCE))
/* A file server for users of all numbers, whose files are whoever's: these it keeps. */
#define OF_FILES                                                                                   \
	(CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FOWNER) | CAP(FSETID) | CAP(SETGID) | CAP(SETUID) |  \
		CAP(MKNOD) | CAP(SETFCAP))

static const char *const places[] = {
	"/usr/lib/qemu/virtiofsd", /* QEMU up to 7.2 */
	"/usr/libexec/virtiofsd",  /* written in Rust */
};

static RESULT find_program(const char *program, const char **ret_program)
{
	for (size_t i = 0; !program && i < ARRAY_LEN(places); i++) {
		if (file_exists(places[i]))
			program = places[i];
	}
	if (!program)
		return err_new(ERR_NOT_FOUND,
			"virtiofsd is in neither %s nor %s: install qemu-system-common or "
			"virtiofsd, or set shared_fs = \"none\"",
			places[0], places[1]);
	if (!file_exists(program))
		return err_new(ERR_NOT_FOUND, "virtiofsd %s is not there", program);
	*ret_program = program;
	return OK;
}

/*
 * The daemon accepts one connection on a socket that it is handed; QEMU is handed the other end. An
 * address that the kernel chooses is nobody's for the moment between.
 */
static RESULT make_ends(int *ret_listener, int *ret_connected)
{
	AUTO(auto_close) int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	AUTO(auto_close) int connected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t n = sizeof(a);

	if (listener < 0 || connected < 0 ||
		bind(listener, (struct sockaddr *)&a, sizeof(a.sun_family)) < 0 ||
		listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&a, &n) < 0 ||
		connect(connected, (struct sockaddr *)&a, n) < 0)
		return err_new(ERR_SYS, "a socket for virtiofsd");
	*ret_listener = TAKE_FD(listener);
	*ret_connected = TAKE_FD(connected);
	return OK;
}

RESULT virtiofsd_start(
	const char *program, const char *dir, int log_fd, struct process *ret_process, int *ret_fd)
{
	AUTO(auto_free) char *source = NULL;
	AUTO(auto_close) int listener = -1;
	AUTO(auto_close) int connected = -1;

	if (strchr(dir, ','))
		return err_new(ERR_USAGE, "shared directory %s: no comma in its name", dir);
	TRY(find_program(program, &program));
	TRY(str_format(&source, "source=%s", dir));
	TRY(make_ends(&listener, &connected));
	const char *const argv[] = { program, "--fd=3", "-o", source, "-o", "sandbox=namespace",
		"-o", "xattr", "-o", "cache=auto", "-o", "announce_submounts", "-o",
		"log_level=warn", NULL };
	struct process_spec spec = {
		.argv = argv,
		.stdin_fd = -1,
		.stdout_fd = log_fd,
		.stderr_fd = log_fd,
		.keep_fds = { listener },
		.n_keep_fds = 1,
		.die_with_parent = true,
		.new_session = true,
		.no_new_privs = true,
		.no_capabilities = true,
		.capabilities = TO_BEGIN | OF_FILES,
	};
	TRY(process_start(&spec, ret_process));
	*ret_fd = TAKE_FD(connected);
	return OK;
}
