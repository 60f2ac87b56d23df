/* Which devices a container of the open world may use: linux.resources.devices of its config.json.
 */
#include "open.h"

static void put_number(struct json_writer *w, const char *key, int64_t v)
{
	jw_key(w, key);
	jw_i64(w, v);
}

/* What is left out stands for all of it. No device has major 0: where a number is missing some
 * runtimes send that. */
static void put_rule(struct json_writer *w, const Oci__LinuxDeviceCgroup *d)
{
	jw_object(w);
	jw_kbool(w, "allow", d->allow);
	jw_kstr(w, "type", d->type[0] != '\0' ? d->type : "a");
	if (d->major > 0) {
		put_number(w, "major", d->major);
		if (d->minor >= 0)
			put_number(w, "minor", d->minor);
	}
	jw_kstr(w, "access", d->access[0] != '\0' ? d->access : "rwm");
	jw_object_end(w);
}

static bool is_about(const Oci__LinuxDeviceCgroup *rule, const Oci__LinuxDevice *d)
{
	return str_equal(rule->type, d->type) && rule->major == d->major && rule->minor == d->minor;
}

/* Runtimes may leave the rules to the agent, and then a device that was given can be used. */
static bool has_rule(const Oci__LinuxResources *r, const Oci__LinuxDevice *d)
{
	for (size_t i = 0; r && i < r->n_devices; i++)
		if (is_about(r->devices[i], d))
			return true;
	return false;
}

static void put_given(
	struct json_writer *w, const Oci__LinuxResources *r, const Oci__LinuxDevice *d)
{
	Oci__LinuxDeviceCgroup rule = OCI__LINUX_DEVICE_CGROUP__INIT;

	if (str_equal(d->type, "p") || has_rule(r, d))
		return;
	rule.allow = true;
	rule.type = d->type;
	rule.major = d->major;
	rule.minor = d->minor;
	put_rule(w, &rule);
}

/* The last rule that fits counts. crun adds the devices that everybody needs. */
void spec_open_put_device_rules(struct json_writer *w, const Oci__Linux *l)
{
	const Oci__LinuxDeviceCgroup nothing = OCI__LINUX_DEVICE_CGROUP__INIT;
	const Oci__LinuxResources *r = l ? l->resources : NULL;

	jw_key(w, "devices");
	jw_array(w);
	put_rule(w, &nothing);
	for (size_t i = 0; l && i < l->n_devices; i++)
		put_given(w, r, l->devices[i]);
	for (size_t i = 0; r && i < r->n_devices; i++)
		put_rule(w, r->devices[i]);
	jw_array_end(w);
}

RESULT spec_open_check_device_rules(const Oci__LinuxResources *r)
{
	for (size_t i = 0; r && i < r->n_devices; i++) {
		const Oci__LinuxDeviceCgroup *d = r->devices[i];

		if (strlen(d->type) > 1 || !strchr("abcu", d->type[0]))
			return err_new(ERR_FORMAT, "Linux.Resources.Devices: type %.16s, not a b c",
				d->type);
		if (strlen(d->access) > 3 || strspn(d->access, "rwm") != strlen(d->access))
			return err_new(ERR_FORMAT,
				"Linux.Resources.Devices: access %.16s, not of r w m", d->access);
	}
	return OK;
}
