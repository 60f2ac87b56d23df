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

/* Where Kata's runtime has the pod's shared memory; ours is per container. */
#define SANDBOX_SHM "/run/kata-containers/sandbox/shm"

static const struct standard_mount *standard_at(const char *destination)
{
	for (size_t i = 0; i < ARRAY_LEN(standard); i++)
		if (str_equal(standard[i].destination, destination))
			return &standard[i];
	return NULL;
}

static struct err deny(const Oci__Mount *m, const char *expected)
{
	char actual[DENIAL_VALUE_MAX];

	(void)snprintf(actual, sizeof(actual), "%s %s on %s", m->type, m->source, m->destination);
	return err_deny(ERR_DENIED, "manifest.mounts", "Mounts", expected, actual);
}

static bool has_option(const Oci__Mount *m, const char *option)
{
	for (size_t i = 0; i < m->n_options; i++)
		if (str_equal(m->options[i], option))
			return true;
	return false;
}

static RESULT check_standard(const Oci__Mount *m, const struct standard_mount *s)
{
	bool shm = str_equal(s->destination, "/dev/shm") && str_equal(m->type, "bind") &&
		   str_equal(m->source, SANDBOX_SHM);
	bool same = str_equal(m->type, s->type) ||
		    (str_equal(s->type, "cgroup") && str_equal(m->type, "cgroup2"));

	if (!shm && !same)
		return deny(m, s->type);
	/* A writable sysfs or cgroup tree is asked for by privileged containers only. */
	if ((str_equal(s->type, "sysfs") || str_equal(s->type, "cgroup")) && has_option(m, "rw"))
		return deny(m, "ro");
	return OK;
}

static bool tmpfs_option(const char *o)
{
	static const char *const words[] = { "nosuid", "noexec", "nodev", "ro", "rw", "relatime",
		"noatime", "strictatime", "rprivate", "private" };
	static const char *const values[] = { "mode=", "size=", "uid=", "gid=", "nr_inodes=" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_equal(o, words[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		if (str_starts(o, values[i]) && !strchr(o, ','))
			return true;
	return false;
}

static RESULT check_tmpfs(const Oci__Mount *m)
{
	if (m->n_options > AGENT_MOUNT_OPTIONS_MAX)
		return err_new(ERR_LIMIT, "mount: more than %d options", AGENT_MOUNT_OPTIONS_MAX);
	for (size_t i = 0; i < m->n_options; i++)
		if (!tmpfs_option(m->options[i]))
			return deny(m, "known options");
	return OK;
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

	TRY(check_destination(m->destination));
	if (s)
		return check_standard(m, s);
	TRY(manifest_check_listed(rule, MANIFEST_MOUNTS, m->destination));
	if (str_equal(m->destination, SPEC_RESOLV_CONF))
		return OK;
	if (str_equal(m->type, "tmpfs"))
		return check_tmpfs(m);
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

static void put_asked(struct json_writer *w, const Oci__Mount *m)
{
	put_mount(w, (const char *const[]){ m->destination, "tmpfs", "tmpfs" },
		(const char *const *)m->options, m->n_options);
}

void spec_put_mounts(struct json_writer *w, const struct spec_inputs *in)
{
	static const char *const bind_options[] = { "rbind", "ro", "nosuid", "nodev", "noexec" };

	jw_key(w, "mounts");
	jw_array(w);
	for (size_t i = 0; i < ARRAY_LEN(standard); i++)
		put_mount(w,
			(const char *const[]){
				standard[i].destination, standard[i].type, standard[i].source },
			standard[i].options, ARRAY_LEN(standard[i].options));
	for (size_t i = 0; i < in->spec->n_mounts; i++)
		if (!standard_at(in->spec->mounts[i]->destination) &&
			!str_equal(in->spec->mounts[i]->destination, SPEC_RESOLV_CONF))
			put_asked(w, in->spec->mounts[i]);
	if (in->resolv_conf && manifest_lists(in->rule, MANIFEST_MOUNTS, SPEC_RESOLV_CONF))
		put_mount(w, (const char *const[]){ SPEC_RESOLV_CONF, "bind", in->resolv_conf },
			bind_options, ARRAY_LEN(bind_options));
	jw_array_end(w);
}
