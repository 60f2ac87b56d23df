#include "devices.h"

#include "block_wait.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

struct devices_job {
	struct container *container;
	size_t i; /* the device being waited for */
	struct block_wait *wait;
	devices_fn *fn;
	void *arg;
};

static void next(struct devices_job *j);

static void job_end(struct devices_job *j, struct err e)
{
	devices_fn *fn = j->fn;
	void *arg = j->arg;

	j->container->devices = NULL;
	free(j);
	fn(arg, e);
}

void devices_give_up(struct container *c, struct err e)
{
	struct devices_job *j = c->devices;

	if (!j)
		return;
	block_wait_cancel(j->wait);
	job_end(j, e);
}

static Oci__LinuxDevice *listed(const struct container *c, const char *path)
{
	const Oci__Linux *l = c->request->oci->linux_;

	for (size_t i = 0; l && i < l->n_devices; i++)
		if (str_equal(l->devices[i]->path, path))
			return l->devices[i];
	return NULL;
}

static RESULT fill_in(const struct container *c, const char *path, const char *device)
{
	Oci__LinuxDevice *d = listed(c, path);
	struct stat st;

	if (!d)
		return err_new(ERR_FORMAT, "container_path %.255s: not in Linux.Devices", path);
	if (stat(device, &st) != 0)
		return err_new(ERR_SYS, "%s", device);
	if (!S_ISBLK(st.st_mode))
		return err_new(ERR_FORMAT, "%s is no block device", device);
	d->major = major(st.st_rdev);
	d->minor = minor(st.st_rdev);
	return OK;
}

static void on_found(void *arg, struct err e, const char *device)
{
	struct devices_job *j = arg;
	const struct container *c = j->container;

	j->wait = NULL;
	if (!failed(e))
		e = fill_in(c, c->request->devices[j->i]->container_path, device);
	if (failed(e)) {
		job_end(j, err_add(e, "devices[%zu]", j->i));
		return;
	}
	j->i++;
	next(j);
}

/* Where the address stands depends on the type: Kata's agent/src/device. */
static const char *address(const Agent__Device *d)
{
	bool by_path = str_equal(d->type, "mmioblk") || str_equal(d->type, "nvdimm");

	return by_path || d->id[0] == '\0' ? d->vm_path : d->id;
}

static void next(struct devices_job *j)
{
	struct container *c = j->container;
	const Agent__Device *d;
	struct err e;

	if (j->i == c->request->n_devices) {
		job_end(j, OK);
		return;
	}
	d = c->request->devices[j->i];
	e = block_wait_start(
		&(struct block_ask){ c->agent, d->type, address(d), on_found, j }, &j->wait);
	if (failed(e))
		job_end(j, err_add(e, "devices[%zu]", j->i));
}

RESULT devices_start(struct container *c, devices_fn *fn, void *arg)
{
	struct devices_job *j = malloc(sizeof(*j));

	if (!j)
		return err_new(ERR_NOMEM, "devices");
	*j = (struct devices_job){ .container = c, .fn = fn, .arg = arg };
	c->devices = j;
	next(j);
	return OK;
}
