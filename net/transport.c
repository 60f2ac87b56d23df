#include "transport_address.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>

#include <base/buf.h>
#include <base/clock.h>
#include <base/file.h>
#include <net/transport.h>
#include <sys/stat.h>

#define VIRTIO_PORTS "/sys/class/virtio-ports"

enum {
	BACKLOG = 64,
	RETRY_MS = 20,
	SHORT_MAX = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1 + sizeof("unix://") - 1
};

static int new_socket(const struct transport_address *a)
{
	return socket(a->socket.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* Removes the socket file of a server that is gone; whoever still listens keeps it. */
static RESULT remove_stale(const struct transport_address *a)
{
	const char *path = a->socket.un.sun_path;
	AUTO(auto_close) int probe = -1;
	struct stat st;

	if (a->kind != TRANSPORT_UNIX || path[0] == '\0' || lstat(path, &st) != 0)
		return OK;
	if (!S_ISSOCK(st.st_mode))
		return err_new(ERR_STATE, "exists and is no socket");
	probe = new_socket(a);
	if (probe < 0)
		return err_new(ERR_SYS, "socket");
	if (connect(probe, &a->socket.any, a->n) == 0 || errno != ECONNREFUSED)
		return err_new(ERR_STATE, "in use");
	if (unlink(path) != 0 && errno != ENOENT)
		return err_new(ERR_SYS, "removing the stale socket");
	return OK;
}

static RESULT listen_at(const struct transport_address *a, int *ret_fd)
{
	AUTO(auto_close) int fd = -1;

	if (a->kind == TRANSPORT_VIRTIO_PORT)
		return err_new(ERR_UNSUPPORTED, "a virtio-serial port has one peer; connect to it");
	TRY(remove_stale(a));
	fd = new_socket(a);
	if (fd < 0)
		return err_new(ERR_SYS, "socket");
	/* The file gets the mode of the socket, unix(7). */
	if (a->kind == TRANSPORT_UNIX && fchmod(fd, 0600) != 0)
		return err_new(ERR_SYS, "mode");
	if (bind(fd, &a->socket.any, a->n) != 0)
		return err_new(ERR_SYS, "bind");
	if (listen(fd, BACKLOG) != 0)
		return err_new(ERR_SYS, "listen");
	*ret_fd = TAKE_FD(fd);
	return OK;
}

/* A path that is too long for unix(7) is named through its directory, which ret_dir keeps open. */
static RESULT parse_any_length(const char *address, struct transport_address *a, int *ret_dir)
{
	static const char scheme[] = "unix:///";
	AUTO(auto_free) char *shorter = NULL;
	AUTO(auto_free) char *dir = NULL;
	const char *slash = strrchr(address, '/');

	if (strlen(address) <= SHORT_MAX || !str_starts(address, scheme))
		return transport_address_parse(address, a);
	const char *path = address + sizeof(scheme) - 2;
	TRY(bytes_to_str(bytes_of(path, (size_t)(slash - path)), &dir));
	AUTO(auto_close) int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_new(errno == ENOENT ? ERR_PEER : ERR_SYS, "directory %.200s", dir);
	TRY(str_format(&shorter, "unix:///proc/self/fd/%d%s", fd, slash));
	TRY(transport_address_parse(shorter, a));
	*ret_dir = TAKE_FD(fd);
	return OK;
}

RESULT transport_listen(const char *address, int ret_fd[static 1])
{
	AUTO(auto_close) int dir = -1;
	struct transport_address a;
	struct err e;

	TRY(parse_any_length(address, &a, &dir));
	e = listen_at(&a, ret_fd);
	return failed(e) ? err_add(e, "listening on %.200s", address) : e;
}

static RESULT open_port(const struct transport_address *a, int *ret_fd)
{
	AUTO(auto_free) char *device = NULL;
	char path[128];
	int fd;

	TRY(virtio_port_find(VIRTIO_PORTS, a->port_name, &device));
	(void)snprintf(path, sizeof(path), "/dev/%s", device);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return err_new(ERR_NOT_FOUND, "%s does not exist yet", path);
	if (fd < 0)
		return err_new(ERR_SYS, "%s", path);
	*ret_fd = fd;
	return OK;
}

/* Waits for a connect() in progress; errno tells how it ended. */
static bool connected(int fd, uint64_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	uint64_t now = clock_monotonic_ms();
	socklen_t n = sizeof(int);
	int sys = ETIMEDOUT;

	if (poll(&p, 1, until > now ? (int)(until - now) : 0) == 1 &&
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &sys, &n) == 0 && sys == 0)
		return true;
	errno = sys;
	return false;
}

/* What may pass when the other side comes up. */
static bool is_transient(int sys)
{
	return sys == ECONNREFUSED || sys == ENOENT || sys == EAGAIN || sys == ETIMEDOUT ||
	       sys == ECONNRESET || sys == ENODEV || sys == EHOSTUNREACH;
}

static RESULT connect_once(const struct transport_address *a, uint64_t until, int *ret_fd)
{
	AUTO(auto_close) int fd = -1;

	if (a->kind == TRANSPORT_VIRTIO_PORT)
		return open_port(a, ret_fd);
	fd = new_socket(a);
	if (fd < 0)
		return err_new(ERR_SYS, "socket");
	if (connect(fd, &a->socket.any, a->n) != 0 &&
		(errno != EINPROGRESS || !connected(fd, until))) {
		int sys = errno;

		if (is_transient(sys))
			return err_new(ERR_PEER, "%s", strerrordesc_np(sys));
		errno = sys;
		return err_new(ERR_SYS, "connect");
	}
	*ret_fd = TAKE_FD(fd);
	return OK;
}

static RESULT connect_until(const struct transport_address *a, uint64_t until, int *ret_fd)
{
	for (;;) {
		struct err e = connect_once(a, until, ret_fd);

		if (e.code != ERR_PEER && e.code != ERR_NOT_FOUND)
			return e;
		if (clock_monotonic_ms() + RETRY_MS > until)
			return e;
		(void)poll(NULL, 0, RETRY_MS);
	}
}

RESULT transport_connect(const char *address, int timeout_ms, int ret_fd[static 1])
{
	AUTO(auto_close) int dir = -1;
	struct transport_address a;
	struct err e;

	TRY(parse_any_length(address, &a, &dir));
	e = connect_until(
		&a, clock_monotonic_ms() + (unsigned)(timeout_ms > 0 ? timeout_ms : 0), ret_fd);
	if (!failed(e))
		return e;
	e = err_add(e, "connecting to %.200s", address);
	if (timeout_ms > 0 && (e.code == ERR_PEER || e.code == ERR_NOT_FOUND))
		e.code = ERR_TIMEOUT;
	return e;
}

bool transport_is_virtio_port(const char *address)
{
	return strncmp(address, "virtio-port://", strlen("virtio-port://")) == 0;
}

bool transport_has_vsock_host(void)
{
	return access("/dev/vhost-vsock", R_OK | W_OK) == 0;
}

bool transport_has_vsock_guest(void)
{
	return access("/dev/vsock", R_OK | W_OK) == 0;
}
