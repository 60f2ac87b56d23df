/* The files of container engines as texts: ours is one marked block, a file, or members of JSON. */
#include "engine_parts.h"

#include <stdlib.h>

#define BEGIN "# BEGIN sealpod (sealpod install; sealpod uninstall removes it)\n"
#define END   "# END sealpod\n"

enum {
	CONTAINERD_V3 = 2, /* first release whose configuration has version 3 */
	DOCKER_SHIMS = 23  /* first release that starts any shim of containerd */
};

static const struct engine_info engines[ENGINES] = {
	[ENGINE_CONTAINERD] = { "containerd", "containerd", "/etc/containerd/config.toml",
		"containerd.service", "restart", "containerd-shim-sealpod-v2" },
	[ENGINE_CRIO] = { "crio", "crio", "/etc/crio/crio.conf.d/50-sealpod.conf", "crio.service",
		"restart", "containerd-shim-sealpod-v2" },
	[ENGINE_DOCKER] = { "docker", "dockerd", "/etc/docker/daemon.json", "docker.service",
		"reload", NULL },
	[ENGINE_PODMAN] = { "podman", "podman", "/etc/containers/containers.conf.d/50-sealpod.conf",
		NULL, NULL, "sealpod-oci" },
};

const struct engine_info *engine_info(enum engine_kind e)
{
	return &engines[e];
}

const char *engine_name(enum engine_kind e)
{
	return engines[e].name;
}

RESULT engine_find(const char *name, enum engine_kind *ret_engine)
{
	for (unsigned i = 0; i < ENGINES; i++) {
		if (!str_equal(engines[i].name, name))
			continue;
		*ret_engine = (enum engine_kind)i;
		return OK;
	}
	return err_new(ERR_USAGE, "engine '%.32s': containerd, crio, docker or podman", name);
}

RESULT engine_program(enum engine_kind e, const char *handler, char **ret_name)
{
	if (e != ENGINE_PODMAN)
		return str_format(ret_name, "containerd-shim-%s-v2", handler);
	if (str_equal(handler, RUNTIME_HANDLER))
		return str_dup("sealpod-oci", ret_name);
	if (!str_starts(handler, RUNTIME_HANDLER "-"))
		return err_new(ERR_USAGE,
			"handler %s: only sealpod and sealpod-NAME can be known by a program's "
			"name",
			handler);
	return str_format(ret_name, "sealpod-oci%s", handler + strlen(RUNTIME_HANDLER));
}

/* ---- a block of TOML ---- */

/* The text without our block; false when there is a beginning without an end. */
static bool without_block(struct bytes old, struct buf *out)
{
	struct bytes begin = bytes_str(BEGIN), end = bytes_str(END);
	const uint8_t *at = old.n ? memmem(old.p, old.n, begin.p, begin.n) : NULL;
	const uint8_t *stop;
	size_t rest;

	if (!at) {
		buf_put(out, old);
		return true;
	}
	rest = old.n - (size_t)(at - old.p);
	stop = memmem(at, rest, end.p, end.n);
	if (!stop)
		return false;
	buf_put(out, bytes_of(old.p, (size_t)(at - old.p)));
	stop += end.n;
	buf_put(out, bytes_of(stop, old.n - (size_t)(stop - old.p)));
	return true;
}

static void put_text(struct buf *out, const char *name, const char *value)
{
	struct json_writer w = jw_of(out);

	buf_printf(out, "%s = ", name);
	jw_str(&w, value);
	buf_puts(out, "\n");
}

static void put_path(struct buf *out, const char *name, const char *dir, const char *file)
{
	AUTO(auto_free) char *path = NULL;

	if (failed(str_format(&path, "%s/%s", dir, file)))
		out->bad = ERR_NOMEM;
	else
		put_text(out, name, path);
}

static RESULT check_result(enum engine_kind e, const struct buf *text)
{
	AUTO(json_freep) struct json *tree = NULL;

	TRY(buf_end(text, "configuration"));
	struct err err = toml_parse(buf_bytes(text), &tree);
	return failed(err) ? err_add(err, "%s: with the handlers added", engines[e].file) : OK;
}

/* ---- containerd ---- */

static const char *cri_plugin(uint64_t version)
{
	return version >= 3 ? "io.containerd.cri.v1.runtime" : "io.containerd.grpc.v1.cri";
}

static RESULT check_containerd(
	const struct json *tree, uint64_t version, const struct engine_text *t)
{
	const struct json *plugin = json_get(json_get(tree, "plugins"), cri_plugin(version));
	const struct json *runtimes = json_get(json_get(plugin, "containerd"), "runtimes");

	for (size_t i = 0; i < t->handlers->n; i++) {
		if (json_get(runtimes, t->handlers->v[i]))
			return err_new(ERR_STATE,
				"runtime %s is in the file already, put there by somebody else: "
				"remove "
				"it first",
				t->handlers->v[i]);
	}
	return OK;
}

static RESULT containerd_version(
	const struct json *tree, struct bytes base, const struct engine_text *t, uint64_t *ret)
{
	if (json_get(tree, "version")) {
		if (!json_u64(json_get(tree, "version"), ret) || *ret < 2 || *ret > 9)
			return err_new(ERR_UNSUPPORTED, "version: 2 or later; 'containerd config "
							"migrate' prints the file so");
		return OK;
	}
	if (json_members(tree) > 0 && base.n > 0)
		return err_new(ERR_UNSUPPORTED, "no version, so it is of version 1: 'containerd "
						"config migrate' prints it as a later one");
	*ret = t->version >= CONTAINERD_V3 ? 3 : 2;
	return OK;
}

static RESULT put_containerd(
	const struct engine_text *t, const char *handler, const char *plugin, struct buf *out)
{
	AUTO(auto_free) char *table = NULL;
	AUTO(auto_free) char *program = NULL;

	TRY(str_format(&table, "plugins.\"%s\".containerd.runtimes.%s", plugin, handler));
	TRY(engine_program(ENGINE_CONTAINERD, handler, &program));
	buf_printf(out, "[%s]\n", table);
	buf_printf(out, "runtime_type = \"io.containerd.%s.v2\"\n", handler);
	put_path(out, "runtime_path", t->bin_dir, program);
	buf_puts(out, "privileged_without_host_devices = true\n"
		      "pod_annotations = [\"io.katacontainers.*\"]\n");
	if (!t->config)
		return OK;
	buf_printf(out, "[%s.options]\n", table);
	put_text(out, "ConfigPath", t->config);
	return OK;
}

static RESULT add_containerd(struct bytes base, const struct engine_text *t, struct buf *out)
{
	AUTO(json_freep) struct json *tree = NULL;
	uint64_t version = 0;

	TRY(toml_parse(base, &tree));
	TRY(containerd_version(tree, base, t, &version));
	TRY(check_containerd(tree, version, t));
	/* A key of the file as a whole cannot follow a table, so it is outside of the block. */
	if (base.n == 0)
		buf_printf(out, "version = %llu\n", (unsigned long long)version);
	buf_put(out, base);
	if (base.n > 0 && base.p[base.n - 1] != '\n')
		buf_puts(out, "\n");
	buf_puts(out, BEGIN);
	for (size_t i = 0; i < t->handlers->n; i++)
		TRY(put_containerd(t, t->handlers->v[i], cri_plugin(version), out));
	buf_puts(out, END);
	return check_result(ENGINE_CONTAINERD, out);
}

/* ---- files of our own ---- */

static RESULT add_crio(const struct engine_text *t, struct buf *out)
{
	buf_puts(out, BEGIN);
	for (size_t i = 0; i < t->handlers->n; i++) {
		AUTO(auto_free) char *program = NULL;

		TRY(engine_program(ENGINE_CRIO, t->handlers->v[i], &program));
		buf_printf(out, "[crio.runtime.runtimes.%s]\n", t->handlers->v[i]);
		put_path(out, "runtime_path", t->bin_dir, program);
		buf_puts(out, "runtime_type = \"vm\"\nruntime_root = \"/run/sealpod/crio\"\n"
			      "privileged_without_host_devices = true\n");
		if (t->config)
			put_text(out, "runtime_config_path", t->config);
	}
	buf_puts(out, END);
	return check_result(ENGINE_CRIO, out);
}

static RESULT add_podman_runtime(
	const struct engine_text *t, const char *name, const char *handler, struct buf *out)
{
	AUTO(auto_free) char *program = NULL;
	AUTO(auto_free) char *path = NULL;
	struct json_writer w = jw_of(out);

	TRY(engine_program(ENGINE_PODMAN, handler, &program));
	TRY(str_format(&path, "%s/%s", t->bin_dir, program));
	buf_printf(out, "%s = [", name);
	jw_str(&w, path);
	buf_puts(out, "]\n");
	return OK;
}

/* By the handler's name as with other engines, and by the program's as people type it. */
static RESULT add_podman(const struct engine_text *t, struct buf *out)
{
	buf_puts(out, BEGIN "[engine.runtimes]\n");
	for (size_t i = 0; i < t->handlers->n; i++) {
		const char *handler = t->handlers->v[i];

		TRY(add_podman_runtime(t, handler, handler, out));
		if (str_equal(handler, RUNTIME_HANDLER))
			TRY(add_podman_runtime(t, "sealpod-oci", handler, out));
	}
	buf_puts(out, END);
	return check_result(ENGINE_PODMAN, out);
}

/* ---- Docker ---- */

static bool lists(const struct strv *handlers, const char *name)
{
	for (size_t i = 0; i < handlers->n; i++) {
		if (str_equal(handlers->v[i], name))
			return true;
	}
	return false;
}

/* An entry that engine_add() makes: it names one of our programs. */
static bool is_ours(const char *name, const struct json *entry)
{
	const char *type = json_string(json_get(entry, "runtimeType"));
	const char *path = json_string(json_get(entry, "path"));
	AUTO(auto_free) char *ours = NULL;

	if (failed(str_format(&ours, "io.containerd.%s.v2", name)))
		return false;
	return (type && str_equal(type, ours)) || (path && str_ends(path, "/sealpod-oci"));
}

static RESULT put_docker(const struct engine_text *t, const char *handler, struct json_writer *w)
{
	AUTO(auto_free) char *text = NULL;

	jw_key(w, handler);
	jw_object(w);
	if (t->version >= DOCKER_SHIMS || t->version == 0) {
		TRY(str_format(&text, "io.containerd.%s.v2", handler));
		jw_kstr(w, "runtimeType", text);
	} else {
		TRY(str_format(&text, "%s/sealpod-oci", t->bin_dir));
		jw_kstr(w, "path", text);
		jw_key(w, "runtimeArgs");
		jw_array(w);
		jw_str(w, "--handler");
		jw_str(w, handler);
		jw_array_end(w);
	}
	if (t->version >= DOCKER_SHIMS && t->config) {
		jw_key(w, "options");
		jw_object(w);
		jw_kstr(w, "TypeUrl", "runtimeoptions.v1.Options");
		jw_kstr(w, "ConfigPath", t->config);
		jw_object_end(w);
	}
	jw_object_end(w);
	return OK;
}

static bool any_left(const struct json *old, const struct strv *drop)
{
	for (size_t i = 0; i < json_members(old); i++) {
		if (!lists(drop, json_name_at(old, i)))
			return true;
	}
	return false;
}

static RESULT put_runtimes(const struct json *old, const struct strv *drop,
	const struct engine_text *t, struct json_writer *w)
{
	jw_key(w, "runtimes");
	jw_object(w);
	for (size_t i = 0; i < json_members(old); i++) {
		const char *name = json_name_at(old, i);
		if (lists(drop, name)) {
			if (!is_ours(name, json_at(old, i)))
				return err_new(ERR_STATE,
					"runtime %.64s is in the file already, put there by "
					"somebody "
					"else: remove it first",
					name);
			continue;
		}
		jw_key(w, name);
		jw_json(w, json_at(old, i));
	}
	for (size_t i = 0; t && i < t->handlers->n; i++)
		TRY(put_docker(t, t->handlers->v[i], w));
	jw_object_end(w);
	return OK;
}

/* t NULL: only without those of `drop`. */
static RESULT edit_docker(
	struct bytes old, const struct strv *drop, const struct engine_text *t, struct buf *out)
{
	AUTO(json_freep) struct json *tree = NULL;
	AUTO(json_freep) struct json *edited = NULL;
	AUTO(buf_done) struct buf compact = BUF_INIT(ENGINE_CONFIG_MAX);
	struct json_writer w = jw_of(&compact);
	const struct json *runtimes;

	TRY(json_parse(old.n ? old : bytes_str("{}"), &tree));
	runtimes = json_get(tree, "runtimes");
	if (json_type(tree) != JSON_OBJECT || (runtimes && json_type(runtimes) != JSON_OBJECT))
		return err_new(ERR_FORMAT, "no object, or runtimes is none");
	jw_object(&w);
	for (size_t i = 0; i < json_members(tree); i++) {
		if (json_at(tree, i) == runtimes)
			continue;
		jw_key(&w, json_name_at(tree, i));
		jw_json(&w, json_at(tree, i));
	}
	if (t || any_left(runtimes, drop))
		TRY(put_runtimes(runtimes, drop, t, &w));
	jw_object_end(&w);
	TRY(buf_end(&compact, "configuration"));
	TRY(json_parse(buf_bytes(&compact), &edited));
	if (json_members(edited) == 0)
		return OK;
	json_pretty(edited, out);
	return buf_end(out, "configuration");
}

/* ---- all ---- */

RESULT engine_add(
	enum engine_kind e, struct bytes old, const struct engine_text *t, struct buf *ret_text)
{
	AUTO(buf_done) struct buf base = BUF_INIT(ENGINE_CONFIG_MAX);

	if (e == ENGINE_DOCKER)
		return edit_docker(old, t->handlers, t, ret_text);
	if (!without_block(old, &base))
		return err_new(ERR_FORMAT, "'BEGIN sealpod' without 'END sealpod'");
	TRY(buf_end(&base, "configuration"));
	if (e == ENGINE_CONTAINERD)
		return add_containerd(buf_bytes(&base), t, ret_text);
	return e == ENGINE_CRIO ? add_crio(t, ret_text) : add_podman(t, ret_text);
}

RESULT engine_remove(
	enum engine_kind e, struct bytes old, const struct strv *handlers, struct buf *ret_text)
{
	if (e == ENGINE_DOCKER)
		return edit_docker(old, handlers, NULL, ret_text);
	if (!without_block(old, ret_text))
		return err_new(ERR_FORMAT, "'BEGIN sealpod' without 'END sealpod'");
	return buf_end(ret_text, "configuration");
}
