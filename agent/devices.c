#include "devices.h"

#include "block_wait.h"
#include "device_map.h"

#include <sys/stat.h>

struct devices_job {
	struct container *container;
	size_t i; /* the device being waited for */
	struct block_wait *wait;
	devices_fn *fn;
	void *arg;
	struct device_found *found; /* one for each device before `i` */
};

static void next(struct devices_job *j);

static void job_end(struct devices_job *j, struct err e)
{
	devices_fn *fn = j->fn;
	void *arg = j->arg;

	j->container->devices = NULL;
	free(j->found);
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

static RESULT look_up(const struct container *c, const char *path, const char *device,
	struct device_found *ret_found)
{
	const Oci__LinuxDevice *d = listed(c, path);
	struct stat st;

	if (!d)
		return err_new(ERR_FORMAT, "container_path %.255s: not in Linux.Devices", path);
	if (stat(device, &st) != 0)
		return err_new(ERR_SYS, "%s", device);
	if (!S_ISBLK(st.st_mode))
		return err_new(ERR_FORMAT, "%s is no block device", device);
	*ret_found = (struct device_found){ d, st.st_rdev };
	return OK;
}

static void on_found(void *arg, struct err e, const char *device)
{
	struct devices_job *j = arg;
	const struct container *c = j->container;

	j->wait = NULL;
	if (!failed(e))
		e = look_up(c, c->request->devices[j->i]->container_path, device, &j->found[j->i]);
	if (failed(e)) {
		job_end(j, err_add(e, "devices[%zu]", j->i));
		return;
	}
	j->i++;
	next(j);
}

const char *device_address(const Agent__Device *d)
{
	bool by_path = str_equal(d->type, "mmioblk") || str_equal(d->type, "nvdimm");

	return by_path || d->id[0] == '\0' ? d->vm_path : d->id;
}

/* Requests that have a manifest name the guest's own numbers. */
static RESULT renumber(const struct devices_job *j)
{
	struct container *c = j->container;
	Oci__Linux *l = c->request->oci->linux_;

	if (!c->open)
		return OK;
	TRY(device_map_make(l, j->found, j->i, &c->device_numbers));
	if (l)
		device_map_apply(&c->device_numbers, c->agent->set.init, l->resources);
	return OK;
}

static void next(struct devices_job *j)
{
	struct container *c = j->container;
	const Agent__Device *d;
	struct err e;

	if (j->i == c->request->n_devices) {
		job_end(j, renumber(j));
		return;
	}
	d = c->request->devices[j->i];
	e = block_wait_start(
		&(struct block_ask){ c->agent, d->type, device_address(d), on_found, j }, &j->wait);
	if (failed(e))
		job_end(j, err_add(e, "devices[%zu]", j->i));
}

RESULT devices_start(struct container *c, devices_fn *fn, void *arg)
{
	struct devices_job *j = malloc(sizeof(*j));
	struct device_found *found = calloc(c->request->n_devices + 1, sizeof(*found));

	if (!j || !found) {
		free(j);
		free(found);
		return err_new(ERR_NOMEM, "devices");
	}
	*j = (struct devices_job){ .container = c, .fn = fn, .arg = arg, .found = found };
	c->devices = j;
	next(j);
	return OK;
}
