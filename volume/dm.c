#include "dm.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>

#define CONTROL "/dev/mapper/control"

enum {
	VERSION_MAJOR = 4, /* of the interface; all kernels that can run this have it */
	DATA_MAX = 16 * 1024
};

/* One request; what it carries and what comes back stand after the header. */
struct request {
	struct dm_ioctl head;
	uint8_t data[DATA_MAX];
};

static struct request *request_new(const char *name, uint32_t flags)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->head.version[0] = VERSION_MAJOR;
	r->head.data_size = sizeof(*r);
	r->head.data_start = offsetof(struct request, data);
	r->head.flags = flags;
	(void)snprintf(r->head.name, sizeof(r->head.name), "%s", name);
	return r;
}

static void request_freep(struct request **r)
{
	if (*r)
		bytes_wipe(*r, sizeof(**r));
	free(*r);
}

static RESULT send_request(struct request *r, unsigned long command, const char *what)
{
	AUTO(auto_close) int fd = open(CONTROL, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_new(ERR_SYS, CONTROL);
	if (ioctl(fd, command, r) != 0)
		return err_new(ERR_SYS, "device mapper: %s", what);
	return OK;
}

static RESULT simple(const char *name, uint32_t flags, unsigned long command, const char *what,
	uint64_t *ret_dev)
{
	AUTO(request_freep) struct request *r = request_new(name, flags);

	if (!r)
		return err_new(ERR_NOMEM, "device mapper");
	TRY(send_request(r, command, what));
	if (ret_dev)
		*ret_dev = r->head.dev;
	return OK;
}

static RESULT load(const char *name, const struct dm_target *t)
{
	AUTO(request_freep) struct request *r =
		request_new(name, t->secret ? DM_SECURE_DATA_FLAG : 0);
	struct dm_target_spec spec = { .length = t->sectors };
	size_t n = strlen(t->params) + 1;

	if (!r)
		return err_new(ERR_NOMEM, "device mapper");
	if (n > DATA_MAX - sizeof(spec))
		return err_new(ERR_LIMIT, "device mapper: parameters of %zu bytes", n);
	(void)snprintf(spec.target_type, sizeof(spec.target_type), "%s", t->type);
	spec.next = (uint32_t)(sizeof(spec) + n);
	memcpy(r->data, &spec, sizeof(spec));
	memcpy(r->data + sizeof(spec), t->params, n);
	r->head.target_count = 1;
	return send_request(r, DM_TABLE_LOAD, t->type);
}

/* The kernel's new_encode_dev(): 12 bits major, 20 bits minor in two parts. */
static unsigned minor_of(uint64_t dev)
{
	return (unsigned)((dev & 0xff) | ((dev >> 12) & 0xfff00));
}

RESULT dm_make(const char *name, const struct dm_target *t, unsigned *ret_minor)
{
	uint64_t dev = 0;
	struct err e;

	TRY(simple(name, 0, DM_DEV_CREATE, "create", NULL));
	e = load(name, t);
	if (!failed(e))
		e = simple(name, 0, DM_DEV_SUSPEND, "resume", &dev);
	if (failed(e)) {
		struct err_saved why;

		err_save(e, &why);
		err_ignore(dm_remove(name));
		return err_restore(&why);
	}
	*ret_minor = minor_of(dev);
	return OK;
}

RESULT dm_status(const char *name, struct buf *text)
{
	AUTO(request_freep) struct request *r = request_new(name, 0);
	struct dm_target_spec spec;
	const char *line;

	if (!r)
		return err_new(ERR_NOMEM, "device mapper");
	TRY(send_request(r, DM_TABLE_STATUS, "status"));
	memcpy(&spec, r->data, sizeof(spec));
	line = (const char *)r->data + sizeof(spec);
	if (r->head.target_count != 1 || !memchr(line, '\0', DATA_MAX - sizeof(spec)))
		return err_new(ERR_FORMAT, "device mapper: status of %s", name);
	buf_puts(text, line);
	return buf_end(text, "status");
}

RESULT dm_remove(const char *name)
{
	struct err e = simple(name, DM_DEFERRED_REMOVE, DM_DEV_REMOVE, "remove", NULL);

	return failed(e) && err_errno() == ENXIO ? OK : e;
}

/* Linux, Documentation/admin-guide/device-mapper/dm-integrity.rst: mismatches, sectors, recalc. */
RESULT dm_integrity_sectors(const char *status, uint64_t *ret_sectors)
{
	const char *begin = strchr(status, ' ');
	AUTO(auto_free) char *number = NULL;
	size_t n;

	if (!begin)
		return err_new(ERR_FORMAT, "status of integrity: %.64s", status);
	n = strcspn(begin + 1, " ");
	TRY(bytes_to_str(bytes_of(begin + 1, n), &number));
	return str_to_u64(number, UINT64_MAX / 512, "sectors", ret_sectors);
}
