#include <policy/agent_limits.h>
#include <policy/spec.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const char *annotation(const Oci__Spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->n_annotations; i++)
		if (str_equal(spec->annotations[i]->key, key))
			return spec->annotations[i]->value;
	return NULL;
}

const char *spec_container_name(const Oci__Spec *spec)
{
	static const char *const keys[] = {
		"io.kubernetes.cri.container-name", /* containerd */
		"io.kubernetes.container.name",	    /* CRI-O */
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *name = annotation(spec, keys[i]);

		if (name)
			return name;
	}
	return NULL;
}

bool spec_is_sandbox(const Oci__Spec *spec)
{
	static const char *const marks[][2] = {
		{ "io.kubernetes.cri.container-type", "sandbox" },
		{ "io.kubernetes.cri-o.ContainerType", "sandbox" },
		{ "io.katacontainers.pkg.oci.container_type", "pod_sandbox" },
	};

	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		const char *type = annotation(spec, marks[i][0]);

		if (type && str_equal(type, marks[i][1]))
			return true;
	}
	return false;
}

static bool id_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '.' || c == '_' || c == '-';
}

RESULT spec_check_id(const char *id)
{
	size_t n = strlen(id);

	if (n == 0 || n > AGENT_ID_MAX)
		return err_new(ERR_FORMAT, "id: %zu characters", n);
	if (id[0] == '.' || id[0] == '-' || id[0] == '_')
		return err_new(ERR_FORMAT, "id: begins with '%c'", id[0]);
	for (size_t i = 0; i < n; i++)
		if (!id_char(id[i]))
			return err_new(ERR_FORMAT, "id: character %zu is not allowed", i);
	return OK;
}

static struct err deny(const char *code, const char *field, const char *actual)
{
	return err_deny(ERR_DENIED, code, field, "(not listed)", actual);
}

static RESULT check_root(const Oci__Root *root, const struct manifest_container *rule)
{
	char field[DENIAL_FIELD_MAX];

	if (!rule->readonly_rootfs || (root && root->readonly))
		return OK;
	(void)snprintf(field, sizeof(field), "containers[%s].readonly_rootfs", rule->name);
	return err_deny(ERR_DENIED, "manifest.rootfs", field, "read-only", "writable");
}

static RESULT check_namespaces(const Agent__CreateContainerRequest *q)
{
	const Oci__Linux *l = q->oci->linux_;

	if (!l)
		return OK;
	if (l->n_uidmappings > 0 || l->n_gidmappings > 0)
		return deny("manifest.namespaces", "Linux.UIDMappings", "user");
	for (size_t i = 0; i < l->n_namespaces; i++) {
		if (str_equal(l->namespaces[i]->type, "user"))
			return deny("manifest.namespaces", "Linux.Namespaces", "user");
		if (l->namespaces[i]->path[0] != '\0')
			return deny(
				"manifest.namespaces", "Linux.Namespaces", l->namespaces[i]->path);
	}
	return OK;
}

static RESULT check_hooks(const Oci__Hooks *h)
{
	if (h && (h->n_prestart | h->n_poststart | h->n_poststop | h->n_createruntime |
			 h->n_createcontainer | h->n_startcontainer) > 0)
		return deny("manifest.hooks", "Hooks", "a hook");
	return OK;
}

/* containerd sets these two for every pod; the guest has them already (see init). */
static bool is_harmless(const Oci__Linux__SysctlEntry *e)
{
	static const char *const harmless[][2] = {
		{ "net.ipv4.ip_unprivileged_port_start", "0" },
		{ "net.ipv4.ping_group_range", "0 2147483647" },
	};

	for (size_t k = 0; k < ARRAY_LEN(harmless); k++)
		if (str_equal(e->key, harmless[k][0]) && str_equal(e->value, harmless[k][1]))
			return true;
	return false;
}

RESULT spec_check_sysctls(const Oci__Spec *spec, const struct json_map *listed)
{
	const Oci__Linux *l = spec->linux_;

	for (size_t i = 0; l && i < l->n_sysctl; i++) {
		const Oci__Linux__SysctlEntry *e = l->sysctl[i];
		const char *want = json_map_get(listed, e->key);
		char field[DENIAL_FIELD_MAX];

		if (is_harmless(e) || (want && str_equal(want, e->value)))
			continue;
		(void)snprintf(field, sizeof(field), "sysctls.%s", e->key);
		return err_deny(ERR_DENIED, "manifest.sysctl", field, want ? want : "(not listed)",
			e->value);
	}
	return OK;
}

/* The numbers are the guest's: a request that names other ones means another device. */
static RESULT check_device_here(const Oci__LinuxDevice *d)
{
	struct stat st;

	if (lstat(d->path, &st) != 0 || !(S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
		return err_new(ERR_NOT_FOUND, "device %s", d->path);
	if (d->major != (int64_t)major(st.st_rdev) || d->minor != (int64_t)minor(st.st_rdev) ||
		!str_equal(d->type, S_ISBLK(st.st_mode) ? "b" : "c"))
		return deny("manifest.devices", "Linux.Devices", d->path);
	return OK;
}

RESULT spec_check_devices_here(const Oci__Spec *spec)
{
	const Oci__Linux *l = spec->linux_;

	for (size_t i = 0; l && i < l->n_devices; i++)
		if (!str_equal(l->devices[i]->path, SPEC_TRUSTED_STORE))
			TRY(check_device_here(l->devices[i]));
	return OK;
}

static RESULT check_devices(
	const Agent__CreateContainerRequest *q, const struct manifest_container *rule)
{
	const Oci__Linux *l = q->oci->linux_;
	const Oci__LinuxResources *r = l ? l->resources : NULL;

	for (size_t i = 0; i < q->n_devices; i++) {
		if (i > 0 || !str_equal(q->devices[i]->container_path, SPEC_TRUSTED_STORE))
			return deny("manifest.devices", "devices", q->devices[i]->container_path);
		TRY(manifest_check_listed(rule, MANIFEST_DEVICES, SPEC_TRUSTED_STORE));
	}
	for (size_t i = 0; l && i < l->n_devices; i++)
		TRY(manifest_check_listed(rule, MANIFEST_DEVICES, l->devices[i]->path));
	for (size_t i = 0; r && i < r->n_devices; i++)
		if (r->devices[i]->allow && !rule->privileged)
			return deny("manifest.devices", "Linux.Resources.Devices", "allow");
	return OK;
}

static RESULT check_linux(const Oci__Linux *l)
{
	static const char *const kept[] = { "", "private", "rprivate", "slave", "rslave" };
	size_t k = 0;

	if (!l)
		return OK;
	while (k < ARRAY_LEN(kept) && !str_equal(l->rootfspropagation, kept[k]))
		k++;
	if (k == ARRAY_LEN(kept))
		return deny("manifest.mounts", "Linux.RootfsPropagation", l->rootfspropagation);
	if (l->n_maskedpaths > AGENT_PATHS_MAX || l->n_readonlypaths > AGENT_PATHS_MAX)
		return err_new(ERR_LIMIT, "more than %d masked paths", AGENT_PATHS_MAX);
	return spec_check_seccomp(l->seccomp);
}

static RESULT check_capability_set(
	char *const *caps, size_t n, const struct manifest_container *rule)
{
	for (size_t i = 0; i < n; i++)
		TRY(manifest_check_listed(rule, MANIFEST_CAPABILITIES, caps[i]));
	return OK;
}

static RESULT check_capabilities(
	const Oci__LinuxCapabilities *c, const struct manifest_container *rule)
{
	if (!c)
		return OK;
	TRY(check_capability_set(c->bounding, c->n_bounding, rule));
	TRY(check_capability_set(c->effective, c->n_effective, rule));
	TRY(check_capability_set(c->inheritable, c->n_inheritable, rule));
	TRY(check_capability_set(c->permitted, c->n_permitted, rule));
	return check_capability_set(c->ambient, c->n_ambient, rule);
}

RESULT spec_check_process(const Oci__Process *p, const struct manifest_container *rule)
{
	if (p->n_rlimits > AGENT_RLIMITS_MAX)
		return err_new(ERR_LIMIT, "more than %d rlimits", AGENT_RLIMITS_MAX);
	for (size_t i = 0; i < p->n_rlimits; i++)
		if (!str_starts(p->rlimits[i]->type, "RLIMIT_"))
			return err_new(ERR_FORMAT, "rlimit %s: unknown", p->rlimits[i]->type);
	if (p->user && p->user->n_additionalgids > AGENT_GROUPS_MAX)
		return err_new(ERR_LIMIT, "more than %d groups", AGENT_GROUPS_MAX);
	return check_capabilities(p->capabilities, rule);
}

RESULT spec_check(const Agent__CreateContainerRequest *q, const struct manifest_container *rule)
{
	const Oci__Spec *spec = q->oci;

	if (q->string_user || q->n_shared_mounts > 0)
		return deny("manifest.request", q->string_user ? "string_user" : "shared_mounts",
			"given");
	if (q->stdin_port || q->stdout_port || q->stderr_port)
		return err_new(ERR_UNSUPPORTED, "ports for standard streams");
	if (spec->solaris || spec->windows)
		return err_new(ERR_UNSUPPORTED, "a specification for another system");
	TRY(check_hooks(spec->hooks));
	TRY(check_root(spec->root, rule));
	TRY(check_namespaces(q));
	TRY(check_linux(spec->linux_));
	TRY(check_devices(q, rule));
	TRY(spec_check_storages(q, rule));
	TRY(spec_check_mounts(spec, rule));
	return spec->process ? spec_check_process(spec->process, rule) : OK;
}
