#include <policy/agent_limits.h>
#include <policy/spec.h>

/* What every container gets, whatever the request says about these places. */
struct standard_mount {
	const char *destination, *type, *source;
	const char *options[8];
};

static const struct standard_mount standard[] = {
	{ "/proc", "proc", "proc", { "nosuid", "noexec", "nodev" } },
	{ "/dev", "tmpfs", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k" } },
	{ "/dev/pts", "devpts", "devpts",
		{ "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5" } },
	{ "/dev/shm", "tmpfs", "shm", { "nosuid", "noexec", "nodev", "mode=1777", "size=65536k" } },
	{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" } },
	{ "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" } },
	{ "/sys/fs/cgroup", "cgroup", "cgroup", { "nosuid", "noexec", "nodev", "ro" } },
};

/* Below the run directory, where Kata's runtime has the pod's shared memory. */
#define SANDBOX_SHM "/kata-containers/sandbox/shm"
#define SHM	    "/dev/shm"

static const struct standard_mount *standard_at(const char *destination)
{
	for (size_t i = 0; i < ARRAY_LEN(standard); i++)
		if (str_equal(standard[i].destination, destination))
			return &standard[i];
	return NULL;
}

static struct err deny_as(const char *code, const Oci__Mount *m, const char *expected)
{
	char actual[DENIAL_VALUE_MAX];

	(void)snprintf(actual, sizeof(actual), "%s %s on %s", m->type, m->source, m->destination);
	return err_deny(ERR_DENIED, code, "Mounts", expected, actual);
}

static struct err deny(const Oci__Mount *m, const char *expected)
{
	return deny_as("manifest.mounts", m, expected);
}

static bool has_option(const Oci__Mount *m, const char *option)
{
	for (size_t i = 0; i < m->n_options; i++)
		if (str_equal(m->options[i], option))
			return true;
	return false;
}

/* Kata's runtimes leave the words of their volumes where a type should be. */
bool spec_is_bind(const Oci__Mount *m)
{
	static const char *const types[] = { "bind", "rbind", "local", "ephemeral" };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_equal(m->type, types[i]))
			return true;
	return has_option(m, "bind") || has_option(m, "rbind");
}

static bool is_kernel_tree(const struct standard_mount *s)
{
	return str_equal(s->type, "sysfs") || str_equal(s->type, "cgroup");
}

static RESULT check_standard(
	const Oci__Mount *m, const struct standard_mount *s, const struct manifest_container *rule)
{
	bool shm = str_equal(s->destination, SHM) && spec_is_bind(m) &&
		   str_ends(m->source, SANDBOX_SHM);
	bool same = str_equal(m->type, s->type) ||
		    (str_equal(s->type, "cgroup") && str_equal(m->type, "cgroup2"));

	if (!shm && !same)
		return deny(m, s->type);
	/* A writable sysfs or cgroup tree is asked for by privileged containers only. */
	if (is_kernel_tree(s) && has_option(m, "rw") && !rule->privileged)
		return deny(m, "ro");
	return OK;
}

static bool in_list(const char *const *list, size_t n, const char *option)
{
	for (size_t i = 0; i < n; i++)
		if (str_equal(list[i], option))
			return true;
	return false;
}

static bool plain_option(const char *o)
{
	static const char *const words[] = { "nosuid", "noexec", "nodev", "ro", "rw", "relatime",
		"noatime", "strictatime", "rprivate", "private" };

	return in_list(words, ARRAY_LEN(words), o);
}

static bool tmpfs_option(const char *o)
{
	static const char *const values[] = { "mode=", "size=", "uid=", "gid=", "nr_inodes=" };

	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		if (str_starts(o, values[i]) && !strchr(o, ','))
			return true;
	return plain_option(o);
}

static bool bind_option(const char *o)
{
	static const char *const words[] = { "bind", "rbind", "slave", "rslave" };

	return in_list(words, ARRAY_LEN(words), o) || plain_option(o);
}

static RESULT check_options(const Oci__Mount *m, bool (*known)(const char *))
{
	if (m->n_options > AGENT_MOUNT_OPTIONS_MAX)
		return err_new(ERR_LIMIT, "mount: more than %d options", AGENT_MOUNT_OPTIONS_MAX);
	for (size_t i = 0; i < m->n_options; i++)
		if (!known(m->options[i]))
			return deny(m, "known options");
	return OK;
}

/* What its source is made of, the agent knows: it has made it. */
static RESULT check_volume(const Oci__Mount *m, const struct manifest_volume *v)
{
	if (manifest_volume_kind(v) == MANIFEST_VOLUME_IMAGE)
		return OK;
	if (!spec_is_bind(m))
		return deny_as("manifest.volumes", m, "bind");
	if (v->read_only && (!has_option(m, "ro") || has_option(m, "rw")))
		return deny_as("manifest.volumes", m, "ro");
	return check_options(m, bind_option);
}

/* No ".." or empty step, so that the place listed is the place mounted. */
static RESULT check_destination(const char *path)
{
	if (path[0] != '/' || strlen(path) > 4095 || strstr(path, "//") || strstr(path, "/../") ||
		str_ends(path, "/..") || strstr(path, "/./") || str_ends(path, "/."))
		return err_new(ERR_FORMAT, "mount: destination is not a plain absolute path");
	return OK;
}

static RESULT check_mount(const Oci__Mount *m, const struct manifest_container *rule)
{
	const struct standard_mount *s = standard_at(m->destination);
	const struct manifest_volume *v = manifest_volume_at(rule, m->destination);

	TRY(check_destination(m->destination));
	if (s)
		return check_standard(m, s, rule);
	if (v)
		return check_volume(m, v);
	TRY(manifest_check_listed(rule, MANIFEST_MOUNTS, m->destination));
	if (str_equal(m->destination, SPEC_RESOLV_CONF))
		return OK;
	if (str_equal(m->type, "tmpfs"))
		return check_options(m, tmpfs_option);
	return deny(m, "tmpfs");
}

RESULT spec_check_mounts(const Oci__Spec *spec, const struct manifest_container *rule)
{
	if (spec->n_mounts > AGENT_MOUNTS_MAX)
		return err_new(ERR_LIMIT, "more than %d mounts", AGENT_MOUNTS_MAX);
	for (size_t i = 0; i < spec->n_mounts; i++)
		TRY(check_mount(spec->mounts[i], rule));
	return OK;
}

static void put_mount(
	struct json_writer *w, const char *const at[static 3], const char *const *options, size_t n)
{
	jw_object(w);
	jw_kstr(w, "destination", at[0]);
	jw_kstr(w, "type", at[1]);
	jw_kstr(w, "source", at[2]);
	jw_key(w, "options");
	jw_array(w);
	for (size_t i = 0; i < n && options[i]; i++)
		jw_str(w, options[i]);
	jw_array_end(w);
	jw_object_end(w);
}

static const char *source_of(const struct spec_inputs *in, size_t i)
{
	return in->sources ? in->sources[i] : NULL;
}

static void put_bind(struct json_writer *w, const Oci__Mount *m, const char *source)
{
	jw_object(w);
	jw_kstr(w, "destination", m->destination);
	jw_kstr(w, "type", "bind");
	jw_kstr(w, "source", source);
	jw_key(w, "options");
	jw_array(w);
	if (!has_option(m, "bind") && !has_option(m, "rbind"))
		jw_str(w, "rbind");
	for (size_t i = 0; i < m->n_options; i++)
		jw_str(w, m->options[i]);
	jw_array_end(w);
	jw_object_end(w);
}

static void put_asked(
	struct json_writer *w, const Oci__Mount *m, const char *type, const char *source)
{
	put_mount(w, (const char *const[]){ m->destination, type, source },
		(const char *const *)m->options, m->n_options);
}

/* A request of the closed world, already checked. */
static void put_listed(struct json_writer *w, const struct spec_inputs *in, size_t i)
{
	const Oci__Mount *m = in->spec->mounts[i];
	const char *source = source_of(in, i);

	if (manifest_volume_at(in->rule, m->destination)) {
		if (source)
			put_bind(w, m, source);
		return;
	}
	if (str_equal(m->destination, SHM) && source)
		put_bind(w, m, source);
	else if (!standard_at(m->destination) && !str_equal(m->destination, SPEC_RESOLV_CONF))
		put_asked(w, m, "tmpfs", "tmpfs");
}

/* The pod's shared memory instead of the container's own. */
static bool has_shm(const struct spec_inputs *in)
{
	for (size_t i = 0; i < in->spec->n_mounts; i++)
		if (str_equal(in->spec->mounts[i]->destination, SHM) && source_of(in, i))
			return true;
	return false;
}

static void put_standard(struct json_writer *w, const struct standard_mount *s,
	const struct manifest_container *rule)
{
	const char *options[ARRAY_LEN(s->options)] = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(s->options) && s->options[i]; i++)
		if (!rule->privileged || !is_kernel_tree(s) || !str_equal(s->options[i], "ro"))
			options[n++] = s->options[i];
	put_mount(w, (const char *const[]){ s->destination, s->type, s->source }, options, n);
}

static void put_closed(struct json_writer *w, const struct spec_inputs *in)
{
	static const char *const bind_options[] = { "rbind", "ro", "nosuid", "nodev", "noexec" };
	bool shm = has_shm(in);

	for (size_t i = 0; i < ARRAY_LEN(standard); i++)
		if (!shm || !str_equal(standard[i].destination, SHM))
			put_standard(w, &standard[i], in->rule);
	for (size_t i = 0; i < in->spec->n_mounts; i++)
		put_listed(w, in, i);
	if (in->resolv_conf && manifest_lists(in->rule, MANIFEST_MOUNTS, SPEC_RESOLV_CONF) &&
		!manifest_volume_at(in->rule, SPEC_RESOLV_CONF))
		put_mount(w, (const char *const[]){ SPEC_RESOLV_CONF, "bind", in->resolv_conf },
			bind_options, ARRAY_LEN(bind_options));
}

static void put_open(struct json_writer *w, const struct spec_inputs *in)
{
	for (size_t i = 0; i < in->spec->n_mounts; i++) {
		const Oci__Mount *m = in->spec->mounts[i];
		const char *source = source_of(in, i);

		if (spec_is_bind(m))
			put_bind(w, m, source ? source : m->source);
		else
			put_asked(w, m, m->type, m->source);
	}
}

void spec_put_mounts(struct json_writer *w, const struct spec_inputs *in)
{
	jw_key(w, "mounts");
	jw_array(w);
	if (in->rule)
		put_closed(w, in);
	else
		put_open(w, in);
	jw_array_end(w);
}
