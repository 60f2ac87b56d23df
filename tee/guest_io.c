#include "guest_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <base/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

/* ---- the kernel's ---- */

static RESULT no_such(const char *path)
{
	if (errno == ENOENT)
		return err_new(ERR_NOT_FOUND, "%s: no such file or directory", path);
	return err_new(ERR_SYS, "%s", path);
}

static RESULT kernel_read(const struct tee_io *io, const char *path, struct buf *out)
{
	(void)io;
	return file_read(path, out);
}

static RESULT kernel_write(const struct tee_io *io, const char *path, struct bytes data)
{
	(void)io;
	return file_write(path, data);
}

static RESULT kernel_make_dir(const struct tee_io *io, const char *path)
{
	(void)io;
	return mkdir(path, 0700) == 0 ? OK : no_such(path);
}

static RESULT kernel_remove_dir(const struct tee_io *io, const char *path)
{
	(void)io;
	return rmdir(path) == 0 ? OK : no_such(path);
}

static RESULT kernel_control(
	const struct tee_io *io, const char *path, unsigned long request, void *arg)
{
	AUTO(auto_close) int fd = open(path, O_RDWR | O_CLOEXEC);

	(void)io;
	if (fd < 0)
		return no_such(path);
	if (ioctl(fd, request, arg) != 0)
		return err_new(ERR_SYS, "%s: ioctl 0x%lx", path, request);
	return OK;
}

const struct tee_io tee_io_kernel = {
	.read = kernel_read,
	.write = kernel_write,
	.make_dir = kernel_make_dir,
	.remove_dir = kernel_remove_dir,
	.control = kernel_control,
};

/* ---- below a root ---- */

RESULT guest_io_init(struct guest_io *g, const struct tee_guest_config *c)
{
	g->io = c->io ? c->io : &tee_io_kernel;
	return str_dup(c->root ? c->root : "", &g->root);
}

void guest_io_done(struct guest_io *g)
{
	free(g->root);
	g->root = NULL;
}

bool guest_io_has(const struct tee_guest_config *c, const char *path)
{
	AUTO(auto_free) char *whole = NULL;

	return !failed(str_format(&whole, "%s%s", c->root ? c->root : "", path)) &&
	       file_exists(whole);
}

RESULT guest_io_read(const struct guest_io *g, const char *path, struct buf *out)
{
	AUTO(auto_free) char *whole = NULL;

	TRY(str_format(&whole, "%s%s", g->root, path));
	return g->io->read(g->io, whole, out);
}

RESULT guest_io_write(const struct guest_io *g, const char *path, struct bytes data)
{
	AUTO(auto_free) char *whole = NULL;

	TRY(str_format(&whole, "%s%s", g->root, path));
	return g->io->write(g->io, whole, data);
}

RESULT guest_io_control(
	const struct guest_io *g, const char *path, unsigned long request, void *arg)
{
	AUTO(auto_free) char *whole = NULL;

	TRY(str_format(&whole, "%s%s", g->root, path));
	return g->io->control(g->io, whole, request, arg);
}
