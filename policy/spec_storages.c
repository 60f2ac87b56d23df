#include "policy/spec.h"

#include <policy/agent_limits.h>

static struct err deny(const char *field, const char *expected, const char *actual)
{
	return err_deny(ERR_DENIED, "manifest.storages", field, expected, actual);
}

RESULT spec_image(const Agent__CreateContainerRequest *q, const char **ret_image)
{
	const char *image = NULL;

	for (size_t i = 0; i < q->n_storages; i++) {
		const Agent__Storage *s = q->storages[i];

		if (!str_equal(s->driver, SPEC_IMAGE_DRIVER))
			continue;
		if (image || s->shared || s->fs_group || s->n_options > 0)
			return deny("storages", "one image", s->driver);
		image = s->source;
	}
	if (!image || image[0] == '\0' || strlen(image) > 1024)
		return err_new(ERR_FORMAT, "storages: no image to pull");
	*ret_image = image;
	return OK;
}

/* Kata's option strings of hugetlbfs hold a comma; their values are checked when they are used. */
static bool memory_option(const Agent__Storage *s, const char *option)
{
	static const char *const plain[] = { "nosuid", "noexec", "nodev", "ro", "rw", "relatime",
		"noatime", "strictatime" };
	static const char *const values[] = {
		"mode=", "size=", "uid=", "gid=", "nr_inodes=", "fsgid="
	};

	if (str_equal(s->fstype, "hugetlbfs"))
		return str_starts(option, "pagesize=") || str_starts(option, "size=") ||
		       str_starts(option, "fsgid=");
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (str_equal(option, plain[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		if (str_starts(option, values[i]) && !strchr(option, ','))
			return true;
	return false;
}

static RESULT check_memory(const Agent__Storage *s)
{
	if (s->n_options > AGENT_MOUNT_OPTIONS_MAX)
		return err_new(ERR_LIMIT, "storage: more than %d options", AGENT_MOUNT_OPTIONS_MAX);
	for (size_t i = 0; i < s->n_options; i++)
		if (!memory_option(s, s->options[i]))
			return deny("storages.options", "known options", s->options[i]);
	return OK;
}

static bool has(char *const *list, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (str_equal(list[i], word))
			return true;
	return false;
}

/* Of the host, or with a key of the broker: what is on it stays. */
static bool listed_disk(const struct manifest_container *rule)
{
	const struct manifest_volume *v = rule->volumes.items;

	for (size_t i = 0; i < rule->volumes.n; i++)
		if (manifest_volume_kind(&v[i]) == MANIFEST_VOLUME_DISK || v[i].key)
			return true;
	return false;
}

/* Where it ends up is checked with the mounts; here only that it is nothing else. */
static RESULT check_device(const Agent__Storage *s, const struct manifest_container *rule)
{
	if (has(s->driver_options, s->n_driver_options, "encryption_key=ephemeral") &&
		has(s->driver_options, s->n_driver_options, "create_filesystem"))
		return OK;
	if (listed_disk(rule))
		return OK;
	return deny("storages.driver_options", "encryption_key=ephemeral create_filesystem",
		s->n_driver_options > 0 ? s->driver_options[0] : "(none)");
}

static RESULT check_storage(const Agent__Storage *s, const struct manifest_container *rule)
{
	static const char *const devices[] = { "blk", "blk-ccw", "mmioblk", "scsi" };

	if (str_equal(s->driver, SPEC_IMAGE_DRIVER))
		return OK;
	if (str_equal(s->driver, "ephemeral") || str_equal(s->driver, "local"))
		return check_memory(s);
	for (size_t i = 0; i < ARRAY_LEN(devices); i++)
		if (str_equal(s->driver, devices[i]))
			return check_device(s, rule);
	return deny("storages.driver", "memory or an encrypted device", s->driver);
}

RESULT spec_check_storages(
	const Agent__CreateContainerRequest *q, const struct manifest_container *rule)
{
	if (q->n_storages > AGENT_MOUNTS_MAX)
		return err_new(ERR_LIMIT, "more than %d storages", AGENT_MOUNTS_MAX);
	for (size_t i = 0; i < q->n_storages; i++)
		TRY(check_storage(q->storages[i], rule));
	return OK;
}

RESULT spec_check_pod_storages(Agent__Storage *const *storages, size_t n)
{
	if (n > AGENT_MOUNTS_MAX)
		return err_new(ERR_LIMIT, "more than %d storages", AGENT_MOUNTS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!str_equal(storages[i]->driver, "ephemeral"))
			return deny("storages.driver", "ephemeral", storages[i]->driver);
		TRY(check_memory(storages[i]));
	}
	return OK;
}
