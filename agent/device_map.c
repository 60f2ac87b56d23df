#include "device_map.h"

#include <stdlib.h>

#include <base/buf.h>
#include <net/pb.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

void device_map_done(struct device_map *m)
{
	free(m->v);
	*m = (struct device_map){ 0 };
}

static bool is_block(const char *type)
{
	return str_equal(type, "b");
}

/* Disks have other names here, so only what was waited for is known. */
static struct device_pair pair_of(
	const Oci__LinuxDevice *d, const struct device_found *found, size_t n_found)
{
	struct device_pair p = { is_block(d->type), d->major, d->minor, d->major, d->minor };
	bool known = false;
	dev_t here = 0;
	struct stat st;

	for (size_t i = 0; i < n_found; i++)
		if (found[i].device == d) {
			here = found[i].number;
			known = true;
		}
	if (!known && !p.block && stat(d->path, &st) == 0 && S_ISCHR(st.st_mode)) {
		here = st.st_rdev;
		known = true;
	}
	if (known) {
		p.major = major(here);
		p.minor = minor(here);
	}
	return p;
}

RESULT device_map_make(
	Oci__Linux *l, const struct device_found *found, size_t n_found, struct device_map *ret_map)
{
	struct device_map m = { 0 };

	if (!l || l->n_devices == 0)
		return OK;
	m.v = calloc(l->n_devices, sizeof(*m.v));
	if (!m.v)
		return err_new(ERR_NOMEM, "devices");
	for (size_t i = 0; i < l->n_devices; i++) {
		Oci__LinuxDevice *d = l->devices[i];
		struct device_pair *p = &m.v[m.n];

		if (str_equal(d->type, "p"))
			continue;
		*p = pair_of(d, found, n_found);
		d->major = p->major;
		d->minor = p->minor;
		m.n++;
	}
	*ret_map = m;
	return OK;
}

static bool translate(const struct device_map *m, bool block, int64_t *major, int64_t *minor)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct device_pair *p = &m->v[i];

		if (p->block != block || p->from_major != *major || p->from_minor != *minor)
			continue;
		*major = p->major;
		*minor = p->minor;
		return true;
	}
	return false;
}

/* Majors that every kernel gives to the same driver (Linux, admin-guide/devices.txt): the others
 * are handed out as drivers load. */
static bool is_static(int64_t major)
{
	return major < 234 || (major > 254 && major < 384);
}

/* What a rule denies is denied here too; what it allows has to be the same thing. */
static bool keep_rule(const struct device_map *m, Oci__LinuxDeviceCgroup *d)
{
	bool block = is_block(d->type);
	bool one = block || str_equal(d->type, "c") || str_equal(d->type, "u");

	if (!one || d->major <= 0 || translate(m, block, &d->major, &d->minor))
		return true;
	return !d->allow || (!block && is_static(d->major));
}

static void apply_rules(const struct device_map *m, bool guest, Oci__LinuxResources *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->n_devices; i++) {
		if (keep_rule(m, r->devices[i]) || !guest)
			r->devices[kept++] = r->devices[i];
		else
			pb_free(&r->devices[i]->base);
	}
	r->n_devices = kept;
}

static void apply_throttles(
	const struct device_map *m, bool guest, Oci__LinuxThrottleDevice **list, size_t *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		if (translate(m, true, &list[i]->major, &list[i]->minor) || !guest)
			list[kept++] = list[i];
		else
			pb_free(&list[i]->base);
	}
	*n = kept;
}

static void apply_block_io(const struct device_map *m, bool guest, Oci__LinuxBlockIO *b)
{
	apply_throttles(m, guest, b->throttlereadbpsdevice, &b->n_throttlereadbpsdevice);
	apply_throttles(m, guest, b->throttlewritebpsdevice, &b->n_throttlewritebpsdevice);
	apply_throttles(m, guest, b->throttlereadiopsdevice, &b->n_throttlereadiopsdevice);
	apply_throttles(m, guest, b->throttlewriteiopsdevice, &b->n_throttlewriteiopsdevice);
}

void device_map_apply(const struct device_map *m, bool guest, Oci__LinuxResources *r)
{
	if (!r)
		return;
	apply_rules(m, guest, r);
	if (r->blockio)
		apply_block_io(m, guest, r->blockio);
}
