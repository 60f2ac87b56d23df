/* Mounts of Kata's policy_data: what they are made of is told by their sources' patterns. */
#include "policy_import.h"

static const char *text_of(const struct json *j, const char *name)
{
	return json_string(json_get(j, name));
}

static bool has_option(const struct json *mount, const char *option)
{
	const struct json *options = json_get(mount, "options");

	for (size_t i = 0; i < json_count(options); i++) {
		const char *have = json_string(json_at(options, i));

		if (have && str_equal(have, option))
			return true;
	}
	return false;
}

/* Every container has these, whatever is listed. */
static bool is_standard(const char *at)
{
	static const char *const places[] = { "/proc", "/dev", "/dev/pts", "/dev/shm",
		"/dev/mqueue", "/sys", "/sys/fs/cgroup", "/etc/resolv.conf" };

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (str_equal(at, places[i]))
			return true;
	return false;
}

/* Where Kata has emptyDirs: on the host's disk, in the guest's root, in memory. */
static const struct {
	const char *part, *kind;
} places[] = {
	{ "/sandbox/ephemeral/", "memory" },
	{ "$(sandbox-id)/rootfs/local/", "encrypted" },
	{ "$(sandbox-id)/local/", "encrypted" },
};

/* "^/run/kata-containers/sandbox/ephemeral/cache$": what follows the place is the volume's name,
 * and after another '/' the directory in it (subPath). */
static RESULT name_of(const char *source, char **ret_name, bool *ret_sub)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		const char *at = strstr(source, places[i].part);
		const char *name = at ? at + strlen(places[i].part) : NULL;
		size_t n = name ? strcspn(name, "/$") : 0;

		if (n == 0 || strcspn(name, "()[]*+?\\") < n)
			continue;
		*ret_sub = name[n] == '/';
		return bytes_to_str(bytes_of(name, n), ret_name);
	}
	return OK;
}

static bool is_disk(const struct json *container, const char *source)
{
	const struct json *storages = json_get(container, "storages");

	for (size_t i = 0; i < json_count(storages); i++) {
		const struct json *s = json_at(storages, i);
		const char *driver = text_of(s, "driver"), *at = text_of(s, "mount_point");
		const struct json *options = json_get(s, "driver_options");

		if (!driver || !at || !str_equal(at, source) ||
			(!str_equal(driver, "blk") && !str_equal(driver, "scsi")))
			continue;
		for (size_t k = 0; k < json_count(options); k++) {
			const char *o = json_string(json_at(options, k));

			if (o && str_equal(o, "encryption_key=ephemeral"))
				return false;
		}
		return true;
	}
	return false;
}

/* NULL: nothing that a guest without shared files can have. */
static const char *kind_of(const struct json *container, const char *source)
{
	if (str_starts(source, "$(sfprefix)") || str_starts(source, "^$(cpath)/$(bundle-id)"))
		return "files";
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (strstr(source, places[i].part))
			return places[i].kind;
	if (is_disk(container, source))
		return "disk";
	if (strstr(source, "$(spath)") || strstr(source, "/sandbox/storage") || !*source)
		return "encrypted";
	return str_starts(source, "^$(cpath)") ? "files" : NULL;
}

static RESULT put_volume(struct import *im, const struct json *container, const struct json *mount,
	struct json_writer *w)
{
	const char *at = text_of(mount, "destination"), *source = text_of(mount, "source");
	const char *kind = kind_of(container, source ? source : "");
	AUTO(auto_free) char *name = NULL;
	bool sub = false;

	if (!kind)
		return import_note(im,
			"mount at %s of %s: not carried over: no guest without shared files has it",
			at, source);
	TRY(name_of(source ? source : "", &name, &sub));
	if (sub) {
		TRY(import_note(im,
			"mount at %s: subPath of volume %s: files that the host copies, as the "
			"runtime has them",
			at, name));
		kind = "files";
	}
	jw_object(w);
	jw_kstr(w, "at", at);
	jw_kstr(w, "kind", kind);
	if (name && !sub)
		jw_kstr(w, "name", name);
	if (has_option(mount, "ro"))
		jw_kbool(w, "read_only", true);
	jw_object_end(w);
	return OK;
}

static bool is_tmpfs(const struct json *mount)
{
	const char *type = text_of(mount, "type_");

	return type && str_equal(type, "tmpfs");
}

static RESULT put_mounts(const struct json *mounts, struct json_writer *w)
{
	jw_key(w, "mounts");
	jw_array(w);
	for (size_t i = 0; i < json_count(mounts); i++) {
		const char *at = text_of(json_at(mounts, i), "destination");

		if (!at || at[0] != '/')
			return err_new(ERR_FORMAT, "Mounts[%zu]: no absolute destination", i);
		if (str_equal(at, "/etc/resolv.conf") ||
			(is_tmpfs(json_at(mounts, i)) && !is_standard(at)))
			jw_str(w, at);
	}
	jw_array_end(w);
	return OK;
}

/* sysfs is writable for these alone. */
bool import_is_privileged(const struct json *container)
{
	const struct json *mounts = json_pointer(container, "/OCI/Mounts");

	for (size_t i = 0; i < json_count(mounts); i++) {
		const char *at = text_of(json_at(mounts, i), "destination");

		if (at && str_equal(at, "/sys") && has_option(json_at(mounts, i), "rw"))
			return true;
	}
	return false;
}

static RESULT put_devices(struct import *im, const struct json *container, struct json_writer *w)
{
	const struct json *devices = json_pointer(container, "/OCI/Linux/Devices");
	const struct json *own = json_get(container, "devices");

	jw_key(w, "devices");
	jw_array(w);
	for (size_t i = 0; i < json_count(devices); i++)
		if (text_of(json_at(devices, i), "Path"))
			jw_str(w, text_of(json_at(devices, i), "Path"));
	for (size_t i = 0; i < json_count(own); i++) {
		const char *path = text_of(json_at(own, i), "container_path"),
			   *type = text_of(json_at(own, i), "type");

		if (type && str_starts(type, "vfio"))
			TRY(import_note(im, "device %s: not carried over: pass-through", type));
		else if (path && path[0])
			jw_str(w, path);
	}
	jw_array_end(w);
	return OK;
}

RESULT import_mounts(struct import *im, const struct json *container, struct json_writer *w)
{
	const struct json *mounts = json_pointer(container, "/OCI/Mounts");

	TRY(put_mounts(mounts, w));
	jw_key(w, "volumes");
	jw_array(w);
	for (size_t i = 0; i < json_count(mounts); i++) {
		const struct json *m = json_at(mounts, i);

		if (!is_standard(text_of(m, "destination")) && !is_tmpfs(m))
			TRY(put_volume(im, container, m, w));
	}
	jw_array_end(w);
	return put_devices(im, container, w);
}
