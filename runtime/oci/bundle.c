#include "bundle.h"

#include <errno.h>
#include <string.h>

#include <base/file.h>
#include <net/pb.h>
#include <runtime/oci_json.h>
#include <sys/stat.h>

enum {
	ANNOTATIONS_MAX = 512,
	NAMESPACES_MAX = 16
};

#define CRIO_TYPE    "io.kubernetes.cri-o.ContainerType"
#define CRIO_SANDBOX "io.kubernetes.cri-o.SandboxID"

void bundle_done(struct bundle *b)
{
	for (size_t i = 0; i < b->annotations.n; i++) {
		free(b->annotations.v[i].name);
		free(b->annotations.v[i].value);
	}
	free(b->annotations.v);
	free(b->dir);
	free(b->rootfs);
	json_free(b->spec);
	*b = (struct bundle){ 0 };
}

static RESULT take_annotations(struct bundle *b)
{
	const struct json *all = json_get(b->spec, "annotations");
	size_t n = json_members(all);

	if (n > ANNOTATIONS_MAX)
		return err_new(ERR_LIMIT, "annotations: more than %d", ANNOTATIONS_MAX);
	b->annotations.v = calloc(n + 1, sizeof(*b->annotations.v));
	if (!b->annotations.v)
		return err_new(ERR_NOMEM, "annotations");
	for (size_t i = 0; i < n; i++) {
		struct json_pair *pair = &b->annotations.v[b->annotations.n];
		const char *value = json_string(json_at(all, i));

		if (!value)
			return err_new(
				ERR_FORMAT, "annotations.%.80s is no string", json_name_at(all, i));
		b->annotations.n++; /* from here on the pair is released with the others */
		TRY(str_dup(json_name_at(all, i), &pair->name));
		TRY(str_dup(value, &pair->value));
	}
	return OK;
}

static RESULT take_role(struct bundle *b, struct bytes text)
{
	AUTO(pb_free_any) Oci__Spec *spec = NULL;
	const char *sandbox = NULL;

	TRY(oci_json_spec(text, &spec));
	if (oci_role(spec, &sandbox) != OCI_CONTAINER)
		return OK;
	if (!sandbox || !sandbox[0])
		return err_new(ERR_FORMAT,
			"annotations: a container of a pod without the id of its sandbox");
	/* The same string, which lives as long as the bundle. */
	for (size_t i = 0; i < b->annotations.n && !b->sandbox; i++)
		if (str_equal(b->annotations.v[i].value, sandbox))
			b->sandbox = b->annotations.v[i].value;
	return OK;
}

static void take_network(struct bundle *b)
{
	const struct json *all = json_pointer(b->spec, "/linux/namespaces");
	const char *manager = json_map_get(&b->annotations, "io.container.manager");
	bool user = false;

	b->network = BUNDLE_NETWORK_HOST;
	for (size_t i = 0; i < json_count(all) && i < NAMESPACES_MAX; i++) {
		const struct json *one = json_at(all, i);
		const char *type = json_string(json_get(one, "type"));
		const char *path = json_string(json_get(one, "path"));

		user = user || (type && str_equal(type, "user"));
		if (!type || !str_equal(type, "network"))
			continue;
		b->network = path && path[0] ? BUNDLE_NETWORK_PATH : BUNDLE_NETWORK_EMPTY;
		b->netns = path;
	}
	b->network_later = b->network == BUNDLE_NETWORK_EMPTY && !b->sandbox &&
			   (user || !manager || !str_equal(manager, "libpod"));
}

static RESULT take_rootfs(struct bundle *b)
{
	const char *path = json_string(json_pointer(b->spec, "/root/path"));
	struct stat st;

	if (!path || !path[0])
		return err_new(ERR_FORMAT, "root.path is missing");
	if (path[0] == '/')
		TRY(str_dup(path, &b->rootfs));
	else
		TRY(path_join(b->dir, path, &b->rootfs));
	if (stat(b->rootfs, &st) != 0)
		return err_new(ERR_SYS, "root.path %s", b->rootfs);
	if (!S_ISDIR(st.st_mode))
		return err_new(ERR_FORMAT, "root.path %s is no directory", b->rootfs);
	return OK;
}

static RESULT check_process(struct bundle *b)
{
	const struct json *process = json_get(b->spec, "process");
	const char *cwd = json_string(json_get(process, "cwd"));

	if (json_type(b->spec) != JSON_OBJECT || !process)
		return err_new(ERR_FORMAT, "process is missing");
	if (json_count(json_get(process, "args")) == 0)
		return err_new(ERR_FORMAT, "process.args is empty: there is nothing to run");
	if (!cwd || cwd[0] != '/')
		return err_new(
			ERR_FORMAT, "process.cwd '%.80s' is no absolute path", cwd ? cwd : "");
	(void)json_bool(json_get(process, "terminal"), &b->terminal);
	return OK;
}

static RESULT take_all(struct bundle *b, struct bytes text)
{
	TRY(json_parse(text, &b->spec));
	TRY(check_process(b));
	TRY(take_annotations(b));
	TRY(take_role(b, text));
	take_network(b);
	return take_rootfs(b);
}

RESULT bundle_load(const char *dir, const char *config, struct bundle *ret_bundle)
{
	AUTO(bundle_done) struct bundle b = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(OCI_SPEC_MAX);
	AUTO(auto_free) char *path = NULL;

	b.dir = realpath(dir ? dir : ".", NULL);
	if (!b.dir)
		return err_new(ERR_SYS, "bundle %s", dir);
	TRY(path_join(b.dir, config ? config : "config.json", &path));
	TRY(file_read(config && config[0] == '/' ? config : path, &text));
	struct err e = take_all(&b, buf_bytes(&text));
	if (failed(e))
		return err_add(e, "%s", path);
	*ret_bundle = b;
	b = (struct bundle){ 0 };
	return OK;
}

/* ---- for the shim ---- */

static void put_root(const struct bundle *b, struct json_writer *w)
{
	const struct json *root = json_get(b->spec, "root");

	jw_object(w);
	jw_kstr(w, "path", b->rootfs);
	for (size_t i = 0; i < json_members(root); i++) {
		if (str_equal(json_name_at(root, i), "path"))
			continue;
		jw_key(w, json_name_at(root, i));
		jw_json(w, json_at(root, i));
	}
	jw_object_end(w);
}

static void put_annotations(
	const struct bundle *b, const struct bundle_rewrite *how, struct json_writer *w)
{
	const struct json *all = json_get(b->spec, "annotations");

	jw_object(w);
	for (size_t i = 0; i < json_members(all); i++) {
		jw_key(w, json_name_at(all, i));
		jw_json(w, json_at(all, i));
	}
	if (how->sandbox && !b->sandbox) {
		jw_kstr(w, CRIO_TYPE, "container");
		jw_kstr(w, CRIO_SANDBOX, how->sandbox);
	}
	jw_object_end(w);
}

static void put_namespace(
	const struct json *one, const struct bundle_rewrite *how, struct json_writer *w)
{
	const char *type = json_string(json_get(one, "type"));

	if (!type)
		return;
	jw_object(w);
	jw_kstr(w, "type", type);
	/* Namespaces of other containers are the pod's own in the guest; only the network's is of
	 * this host. */
	if (str_equal(type, "network") && how->netns)
		jw_kstr(w, "path", how->netns);
	jw_object_end(w);
}

static void put_linux(
	const struct bundle *b, const struct bundle_rewrite *how, struct json_writer *w)
{
	const struct json *all = json_get(b->spec, "linux");

	jw_object(w);
	for (size_t i = 0; i < json_members(all); i++) {
		const struct json *value = json_at(all, i);

		jw_key(w, json_name_at(all, i));
		if (!str_equal(json_name_at(all, i), "namespaces")) {
			jw_json(w, value);
			continue;
		}
		jw_array(w);
		for (size_t j = 0; j < json_count(value) && j < NAMESPACES_MAX; j++)
			put_namespace(json_at(value, j), how, w);
		jw_array_end(w);
	}
	jw_object_end(w);
}

RESULT bundle_print(const struct bundle *b, const struct bundle_rewrite *how, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	for (size_t i = 0; i < json_members(b->spec); i++) {
		const char *name = json_name_at(b->spec, i);

		if (str_equal(name, "hooks") || str_equal(name, "annotations"))
			continue;
		jw_key(&w, name);
		if (str_equal(name, "root"))
			put_root(b, &w);
		else if (str_equal(name, "linux"))
			put_linux(b, how, &w);
		else
			jw_json(&w, json_at(b->spec, i));
	}
	jw_key(&w, "annotations");
	put_annotations(b, how, &w);
	jw_object_end(&w);
	return buf_end(out, "config.json");
}
