#include "vm_files.h"

#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <runtime/vm.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

void vm_files_done(struct vm_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		auto_close(&f->fds[i]);
	f->n = 0;
	strv_done(&f->options);
}

RESULT vm_files_add(struct vm_files *f, int fd, int *ret_number)
{
	AUTO(auto_close) int held = fd;

	if (f->n == ARRAY_LEN(f->fds))
		return err_new(ERR_LIMIT, "the virtual machine needs more than %zu open files",
			ARRAY_LEN(f->fds));
	f->fds[f->n++] = TAKE_FD(held);
	*ret_number = VM_FD_AGENT + (int)f->n - 1;
	return OK;
}

static RESULT add_name(struct vm_files *f, const char *where, int number, const char **path)
{
	if (f->n_names == VM_FILES_MAX)
		return err_new(
			ERR_LIMIT, "the virtual machine needs more than %d files", VM_FILES_MAX);
	(void)snprintf(f->names[f->n_names], sizeof(f->names[0]), "%s/%d", where, number);
	*path = f->names[f->n_names++];
	return OK;
}

static RESULT add_to_set(struct vm_files *f, const char *path, int flags, int *set)
{
	AUTO(auto_free) char *option = NULL;
	int number = 0, fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		return err_new(ERR_SYS, "opening %s", path);
	TRY(vm_files_add(f, fd, &number));
	if (*set == 0)
		*set = number;
	TRY(str_format(&option, "fd=%d,set=%d", number, *set));
	TRY(strv_add(&f->options, "-add-fd"));
	return strv_add(&f->options, option);
}

/* QEMU opens what it writes for reading first, and wants a descriptor of just that kind. */
RESULT vm_files_add_disk(struct vm_files *f, const char **path, bool writable)
{
	int set = 0;

	if (!*path)
		return OK;
	TRY(add_to_set(f, *path, O_RDONLY, &set));
	if (writable)
		TRY(add_to_set(f, *path, O_RDWR, &set));
	return add_name(f, "/dev/fdset", set, path);
}

/* The name of an open file opens it anew, and the file's mode decides whether; of memory nobody
 * asks, and seals keep it as it is. (proc(5), memfd_create(2)) */
static RESULT copy_to_memory(int from, const char *path, int *ret_fd)
{
	AUTO(auto_close) int fd = memfd_create("sealpod", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ssize_t n = 1;

	if (fd < 0)
		return err_new(ERR_SYS, "memory for a copy of %s", path);
	while (n > 0 || (n < 0 && errno == EINTR))
		n = sendfile(fd, from, NULL, INT32_MAX);
	if (n < 0 || fcntl(fd, F_ADD_SEALS,
			     F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
		return err_new(ERR_SYS, "copying %s into memory", path);
	*ret_fd = TAKE_FD(fd);
	return OK;
}

static RESULT open_for_all(const char *path, int *ret_fd)
{
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return err_new(ERR_SYS, "opening %s", path);
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_FORMAT, "%s is no regular file", path);
	if ((st.st_mode & (S_IRUSR | S_IRGRP | S_IROTH)) != (S_IRUSR | S_IRGRP | S_IROTH))
		return copy_to_memory(fd, path, ret_fd);
	*ret_fd = TAKE_FD(fd);
	return OK;
}

RESULT vm_files_add_path(struct vm_files *f, const char **path)
{
	int fd = -1, number = 0;

	if (!*path)
		return OK;
	TRY(open_for_all(*path, &fd));
	TRY(vm_files_add(f, fd, &number));
	return add_name(f, "/proc/self/fd", number, path);
}
