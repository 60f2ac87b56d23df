#include "image_store.h"

#include "devices.h"

#include <base/file.h>
#include <net/pb.h>

#define PLACE "kata-containers/image" /* the hub's work_dir */

/* What the container would get: not its business, and what it wrote there would break images. */
static bool drop_device(const Oci__Linux *given)
{
	Oci__Linux *l = (Oci__Linux *)(uintptr_t)given;
	size_t kept = 0;
	bool found = false;

	for (size_t i = 0; l && i < l->n_devices; i++) {
		if (str_equal(l->devices[i]->path, SPEC_TRUSTED_STORE)) {
			pb_free(&l->devices[i]->base);
			found = true;
		} else {
			l->devices[kept++] = l->devices[i];
		}
	}
	if (l)
		l->n_devices = kept;
	return found;
}

static const Agent__Device *find(const Agent__CreateContainerRequest *q)
{
	for (size_t i = 0; i < q->n_devices; i++)
		if (str_equal(q->devices[i]->container_path, SPEC_TRUSTED_STORE))
			return q->devices[i];
	return NULL;
}

static RESULT set(char **member, const char *value)
{
	char *copy = NULL;

	TRY(str_dup(value, &copy));
	*member = copy;
	return OK;
}

/* The words of an encrypted emptyDir: the same driver makes it. */
static RESULT fill(const struct agent *a, const Agent__Device *d, Agent__Storage *s)
{
	static const char *const words[] = { "encryption_key=ephemeral", "create_filesystem" };

	s->driver_options = calloc(ARRAY_LEN(words), sizeof(*s->driver_options));
	if (!s->driver_options)
		return err_new(ERR_NOMEM, "storage");
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		TRY(set(&s->driver_options[i], words[i]));
		s->n_driver_options++;
	}
	TRY(set(&s->driver, d->type));
	TRY(set(&s->source, device_address(d)));
	TRY(set(&s->fstype, "ext4"));
	return path_join(a->set.run_dir, PLACE, &s->mount_point);
}

static RESULT add_storage(struct container *c, const Agent__Device *d)
{
	Agent__CreateContainerRequest *q = c->request;
	AUTO(pb_free_any) Agent__Storage *s = calloc(1, sizeof(*s));
	Agent__Storage **list;

	if (!s)
		return err_new(ERR_NOMEM, "storage");
	agent__storage__init(s);
	TRY(fill(c->agent, d, s));
	list = realloc(q->storages, (q->n_storages + 1) * sizeof(*list));
	if (!list)
		return err_new(ERR_NOMEM, "storages");
	q->storages = list;
	c->image_store = s;
	list[q->n_storages++] = TAKE(s);
	return OK;
}

RESULT image_store_take(struct container *c)
{
	const Agent__CreateContainerRequest *q = c->request;
	const Agent__Device *d = find(q);
	bool named;

	if (!c->pulled)
		return OK;
	named = drop_device(q->oci->linux_);
	if (named && !d)
		return err_deny(ERR_DENIED, "manifest.devices", SPEC_TRUSTED_STORE,
			"a device of the guest", "none");
	return d ? add_storage(c, d) : OK;
}
