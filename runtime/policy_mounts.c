/* Where volumes go and what they are made of; what kubelet and the engines mount by themselves. */
#include "policy_work.h"
#include "runtime/pod_size.h"

#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"
#define TERMINATION_LOG "/dev/termination-log"

struct place {
	const char *at, *kind, *name;
	bool read_only, sealed;
	uint64_t size;
	char *key; /* of the broker; NULL: none */
	bool create, no_integrity;
};

static void place_done(struct place *p)
{
	free(p->key);
}

static void put_place(struct json_writer *w, const struct place *p)
{
	jw_object(w);
	jw_kstr(w, "at", p->at);
	jw_kstr(w, "kind", p->kind);
	if (p->name)
		jw_kstr(w, "name", p->name);
	if (p->read_only)
		jw_kbool(w, "read_only", true);
	if (p->sealed)
		jw_kbool(w, "sealed", true);
	if (p->size > 0)
		jw_ku64(w, "size", p->size);
	if (p->key)
		jw_kstr(w, "key", p->key);
	if (p->create)
		jw_kbool(w, "create", true);
	if (p->no_integrity)
		jw_kstr(w, "integrity", "none");
	jw_object_end(w);
}

/* ---- volumes of the pod ---- */

static const struct json *named(const struct json *list, const char *pointer, const char *name)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const char *have = policy_text_at(json_at(list, i), pointer);

		if (have && str_equal(have, name))
			return json_at(list, i);
	}
	return NULL;
}

static RESULT find_volume(
	const struct policy_container *c, const char *name, const struct json **ret_volume)
{
	const struct json *claims =
		json_pointer(c->work->workload->object, "/spec/volumeClaimTemplates");

	*ret_volume = named(json_get(c->work->spec, "volumes"), "/name", name);
	if (!*ret_volume && !named(claims, "/metadata/name", name))
		return err_new(
			ERR_FORMAT, "container %s: volume %s is not in the pod", c->name, name);
	return OK;
}

static RESULT empty_dir(
	const struct policy_container *c, const struct json *source, struct place *p)
{
	const char *medium = policy_text(source, "medium"),
		   *limit = policy_text(source, "sizeLimit");
	uint64_t milli = 0;

	if (medium && str_starts(medium, "HugePages"))
		return err_new(ERR_UNSUPPORTED, "container %s: volume %s: medium %s", c->name,
			p->name, medium);
	p->kind = medium && str_equal(medium, "Memory") ? "memory" : "encrypted";
	if (!limit)
		return OK;
	TRY(pod_quantity(limit, "sizeLimit", &milli));
	p->size = milli / 1000;
	return OK;
}

/* The one member of a volume beside its name. */
static const char *source_of(const struct json *volume)
{
	for (size_t i = 0; i < json_members(volume); i++)
		if (!str_equal(json_name_at(volume, i), "name"))
			return json_name_at(volume, i);
	return "emptyDir";
}

static RESULT host_path(
	const struct policy_container *c, const struct json *source, struct place *p)
{
	const char *path = policy_text(source, "path");

	p->name = NULL;
	p->kind = "files";
	return policy_note(c->work,
		"container %s: %s is %s of the host: what is in it is the host's choice", c->name,
		p->at, path ? path : "a directory");
}

/* Sealed secrets in it are opened for this container (CoCo, sealed secrets). */
static bool has_secret(const struct json *volume)
{
	const struct json *sources = json_pointer(volume, "/projected/sources");

	for (size_t i = 0; i < json_count(sources); i++)
		if (json_get(json_at(sources, i), "secret"))
			return true;
	return json_get(volume, "secret") != NULL;
}

/* "kbs:///a/b/c,create" */
static RESULT take_key(const char *text, struct place *p)
{
	const char *end = strchr(text, ',');
	size_t n = end ? (size_t)(end - text) : strlen(text);

	p->kind = "encrypted";
	TRY(bytes_to_str(bytes_of(text, n), &p->key));
	for (text += n; *text == ','; text += n + 1) {
		n = strcspn(text + 1, ",");
		if (n == strlen("create") && str_starts(text + 1, "create"))
			p->create = true;
		else if (n == strlen("no-integrity") && str_starts(text + 1, "no-integrity"))
			p->no_integrity = true;
		else
			return err_new(ERR_FORMAT, "volume key of %s: %.64s", p->name, text + 1);
	}
	return OK;
}

/* A disk of the host, unless a key of the broker protects it. */
static RESULT disk(const struct policy_container *c, struct place *p)
{
	const struct strv *keys = c->work->options->volume_keys;
	size_t n = strlen(p->name);

	p->kind = "disk";
	for (size_t i = 0; keys && i < keys->n; i++)
		if (str_starts(keys->v[i], p->name) && keys->v[i][n] == '=')
			return take_key(keys->v[i] + n + 1, p);
	return policy_note(c->work,
		"container %s: volume %s at %s is a disk of the host, who may read and change what "
		"is on it",
		c->name, p->name, p->at);
}

static RESULT classify(const struct policy_container *c, const struct json *volume, struct place *p)
{
	static const char *const files[] = { "configMap", "secret", "downwardAPI", "projected" };
	static const char *const disks[] = { "persistentVolumeClaim", "ephemeral", "csi", "iscsi",
		"fc", "rbd", "cinder", "azureDisk", "awsElasticBlockStore", "gcePersistentDisk",
		"vsphereVolume" };
	const char *source = volume ? source_of(volume) : "persistentVolumeClaim";

	if (str_equal(source, "emptyDir"))
		return empty_dir(c, json_get(volume, source), p);
	if (str_equal(source, "hostPath"))
		return host_path(c, json_get(volume, source), p);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (str_equal(source, files[i])) {
			p->name = NULL;
			p->kind = "files";
			p->sealed = has_secret(volume);
			return OK;
		}
	for (size_t i = 0; i < ARRAY_LEN(disks); i++)
		if (str_equal(source, disks[i]))
			return disk(c, p);
	return err_new(ERR_UNSUPPORTED, "container %s: volume %s: %s cannot be in a guest", c->name,
		p->name, source);
}

/* A part of a volume is made by kubelet on the host, so it is a directory of the host. */
static RESULT sub_path(const struct policy_container *c, const struct json *mount, struct place *p)
{
	if (!policy_text(mount, "subPath") && !policy_text(mount, "subPathExpr"))
		return OK;
	if (!str_equal(p->kind, "files"))
		TRY(policy_note(c->work,
			"container %s: %s is a subPath of volume %s: it is copied from the host, "
			"not "
			"shared and not encrypted",
			c->name, p->at, p->name));
	free(TAKE(p->key));
	*p = (struct place){
		.at = p->at, .kind = "files", .read_only = p->read_only, .sealed = p->sealed
	};
	return OK;
}

static RESULT put_volume(
	const struct policy_container *c, const struct json *mount, struct json_writer *w)
{
	AUTO(place_done) struct place p = { .at = policy_text(mount, "mountPath"),
		.name = policy_text(mount, "name"),
		.read_only = policy_is_true(mount, "readOnly") };
	const char *propagation = policy_text(mount, "mountPropagation");
	const struct json *volume;

	if (!p.at || !p.name)
		return err_new(
			ERR_FORMAT, "container %s: volumeMounts: no name or mountPath", c->name);
	if (propagation && str_equal(propagation, "Bidirectional"))
		return err_new(ERR_UNSUPPORTED,
			"container %s: %s: mountPropagation Bidirectional: nothing leads from a "
			"guest "
			"to its host",
			c->name, p.at);
	TRY(find_volume(c, p.name, &volume));
	TRY(classify(c, volume, &p));
	TRY(sub_path(c, mount, &p));
	put_place(w, &p);
	return OK;
}

/* ---- what comes by itself ---- */

static bool is_mounted(const struct policy_container *c, const char *at)
{
	const struct json *mounts = json_get(c->json, "volumeMounts");

	return named(mounts, "/mountPath", at) != NULL;
}

/* The admission controller adds the token unless the pod or its account says otherwise; of the
 * account nothing is known here, and a mount that does not come is none. */
static void put_own(const struct policy_container *c, struct json_writer *w)
{
	const char *log = policy_text(c->json, "terminationMessagePath");
	bool token = !policy_is_false(c->work->spec, "automountServiceAccountToken");
	const struct place places[] = {
		{ .at = "/etc/hosts", .kind = "files" },
		{ .at = "/etc/hostname", .kind = "files" },
		{ .at = "/run/.containerenv", .kind = "files" }, /* of CRI-O */
		{ .at = log ? log : TERMINATION_LOG, .kind = "files" },
		{ .at = token ? SERVICE_ACCOUNT : NULL, .kind = "files", .read_only = true },
	};

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (places[i].at && !is_mounted(c, places[i].at))
			put_place(w, &places[i]);
}

/* The engine makes a directory for each VOLUME of the image; the guest has the image's own. */
static void put_image_volumes(const struct policy_container *c, struct json_writer *w)
{
	for (size_t i = 0; c->image.known && i < c->image.config.volumes.n; i++) {
		const struct place p = { .at = c->image.config.volumes.v[i], .kind = "image" };

		if (p.at[0] == '/' && !is_mounted(c, p.at))
			put_place(w, &p);
	}
}

static RESULT put_devices(const struct policy_container *c, struct json_writer *w)
{
	const struct json *devices = json_get(c->json, "volumeDevices");

	if (json_count(devices) == 0)
		return OK;
	jw_key(w, "devices");
	jw_array(w);
	for (size_t i = 0; i < json_count(devices); i++) {
		const char *path = policy_text(json_at(devices, i), "devicePath");

		if (!path || !str_starts(path, "/dev/"))
			return err_new(ERR_UNSUPPORTED,
				"container %s: volumeDevices: devicePath %s: devices are below "
				"/dev",
				c->name, path ? path : "");
		jw_str(w, path);
	}
	jw_array_end(w);
	return OK;
}

RESULT policy_put_mounts(const struct policy_container *c, struct json_writer *w)
{
	const struct json *mounts = json_get(c->json, "volumeMounts");

	jw_key(w, "mounts");
	jw_array(w);
	jw_str(w, "/etc/resolv.conf");
	jw_array_end(w);
	jw_key(w, "volumes");
	jw_array(w);
	for (size_t i = 0; i < json_count(mounts); i++)
		TRY(put_volume(c, json_at(mounts, i), w));
	put_own(c, w);
	put_image_volumes(c, w);
	jw_array_end(w);
	return put_devices(c, w);
}
