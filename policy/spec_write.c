#include <policy/spec.h>

/* What the kernel shows to every container and none needs: the engines' usual lists. */
static const char *const masked_paths[] = { "/proc/acpi", "/proc/asound", "/proc/interrupts",
	"/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
	"/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/kernel/security",
	"/sys/devices/virtual/powercap", "/sys/devices/virtual/tpm" };
static const char *const readonly_paths[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
	"/proc/sysrq-trigger" };

/* A request without sets gets what the manifest lists, not inheritable. */
static void put_capabilities(
	struct json_writer *w, const Oci__Process *p, const struct manifest_container *rule)
{
	const Oci__LinuxCapabilities *c = p ? p->capabilities : NULL;
	char *const *own = rule->capabilities.v;
	size_t n = rule->capabilities.n;

	jw_key(w, "capabilities");
	jw_object(w);
	spec_put_strings(w, "bounding", c ? c->bounding : own, c ? c->n_bounding : n);
	spec_put_strings(w, "effective", c ? c->effective : own, c ? c->n_effective : n);
	spec_put_strings(w, "permitted", c ? c->permitted : own, c ? c->n_permitted : n);
	spec_put_strings(w, "inheritable", c ? c->inheritable : NULL, c ? c->n_inheritable : 0);
	spec_put_strings(w, "ambient", c ? c->ambient : NULL, c ? c->n_ambient : 0);
	jw_object_end(w);
}

static void put_asked(struct json_writer *w, const Oci__Process *p)
{
	spec_put_rlimits(w, p);
	if (p->oomscoreadj != 0) {
		jw_key(w, "oomScoreAdj");
		jw_i64(w, p->oomscoreadj);
	}
	if (!p->terminal || !p->consolesize)
		return;
	jw_key(w, "consoleSize");
	jw_object(w);
	jw_ku64(w, "height", p->consolesize->height);
	jw_ku64(w, "width", p->consolesize->width);
	jw_object_end(w);
}

static void put_process(struct json_writer *w, const struct plan *plan, const Oci__Process *asked,
	const struct manifest_container *rule)
{
	jw_object(w);
	jw_kbool(w, "terminal", asked && asked->terminal);
	spec_put_user(w, &plan->user);
	spec_put_strings(w, "args", plan->argv.v, plan->argv.n);
	spec_put_strings(w, "env", plan->env.v, plan->env.n);
	jw_kstr(w, "cwd", plan->cwd);
	put_capabilities(w, asked, rule);
	jw_kbool(w, "noNewPrivileges", !rule->new_privileges || (asked && asked->nonewprivileges));
	if (asked)
		put_asked(w, asked);
	jw_object_end(w);
}

RESULT spec_write_process(const struct plan *plan, const Oci__Process *asked,
	const struct manifest_container *rule, struct buf *json)
{
	struct json_writer w = jw_of(json);

	put_process(&w, plan, asked, rule);
	return buf_end(json, "process");
}

/* The network is the guest's: the pod is the virtual machine. */
static void put_namespaces(struct json_writer *w, const struct spec_inputs *in)
{
	jw_key(w, "namespaces");
	jw_array(w);
	spec_put_namespace(w, "pid", in->pid_ns);
	spec_put_namespace(w, "mount", NULL);
	spec_put_namespace(w, "cgroup", NULL);
	spec_put_namespace(w, "ipc", in->ipc_ns);
	spec_put_namespace(w, "uts", in->uts_ns);
	jw_array_end(w);
}

static void put_positive(struct json_writer *w, const char *key, int64_t v)
{
	if (v == 0)
		return;
	jw_key(w, key);
	jw_i64(w, v);
}

static void put_cpu(struct json_writer *w, const Oci__LinuxCPU *c)
{
	jw_key(w, "cpu");
	jw_object(w);
	if (c->shares > 0)
		jw_ku64(w, "shares", c->shares);
	put_positive(w, "quota", c->quota);
	if (c->period > 0)
		jw_ku64(w, "period", c->period);
	jw_object_end(w);
}

void spec_put_limits(struct json_writer *w, const Oci__LinuxResources *r)
{
	if (r->memory) {
		jw_key(w, "memory");
		jw_object(w);
		put_positive(w, "limit", r->memory->limit);
		put_positive(w, "reservation", r->memory->reservation);
		put_positive(w, "swap", r->memory->swap);
		jw_object_end(w);
	}
	if (r->cpu)
		put_cpu(w, r->cpu);
	if (r->pids && r->pids->limit != 0) {
		jw_key(w, "pids");
		jw_object(w);
		put_positive(w, "limit", r->pids->limit);
		jw_object_end(w);
	}
}

static void put_device_rule(struct json_writer *w, bool allow, const Oci__LinuxDevice *d)
{
	jw_object(w);
	jw_kbool(w, "allow", allow);
	if (d) {
		jw_kstr(w, "type", d->type);
		jw_key(w, "major");
		jw_i64(w, d->major);
		jw_key(w, "minor");
		jw_i64(w, d->minor);
	}
	jw_kstr(w, "access", "rwm");
	jw_object_end(w);
}

/* The rules are ours: the request's devices were listed and have the guest's numbers. */
static void put_resources(
	struct json_writer *w, const Oci__Linux *l, const struct manifest_container *rule)
{
	jw_object(w);
	jw_key(w, "devices");
	jw_array(w);
	put_device_rule(w, rule->privileged, NULL);
	for (size_t i = 0; l && i < l->n_devices; i++)
		put_device_rule(w, true, l->devices[i]);
	jw_array_end(w);
	if (l && l->resources)
		spec_put_limits(w, l->resources);
	jw_object_end(w);
}

static void put_paths(struct json_writer *w, const char *key, const char *const *own, size_t n_own,
	char *const *asked, size_t n_asked)
{
	jw_key(w, key);
	jw_array(w);
	for (size_t i = 0; i < n_own; i++)
		jw_str(w, own[i]);
	for (size_t i = 0; i < n_asked; i++)
		jw_str(w, asked[i]);
	jw_array_end(w);
}

static void put_devices(struct json_writer *w, const Oci__Linux *l)
{
	jw_key(w, "devices");
	jw_array(w);
	for (size_t i = 0; l && i < l->n_devices; i++) {
		const Oci__LinuxDevice *d = l->devices[i];

		jw_object(w);
		jw_kstr(w, "path", d->path);
		jw_kstr(w, "type", d->type);
		put_positive(w, "major", d->major);
		jw_key(w, "minor");
		jw_i64(w, d->minor);
		jw_ku64(w, "fileMode", d->filemode & 0666);
		jw_ku64(w, "uid", d->uid);
		jw_ku64(w, "gid", d->gid);
		jw_object_end(w);
	}
	jw_array_end(w);
}

static void put_linux(struct json_writer *w, const struct spec_inputs *in)
{
	const Oci__Linux *l = in->spec->linux_;
	AUTO(buf_done) struct buf cgroup = BUF_INIT(512);
	bool open = in->rule->privileged;

	/* The host's cgroup path has no meaning here. */
	buf_printf(&cgroup, "/sealpod/%s", in->id);
	jw_key(w, "linux");
	jw_object(w);
	jw_kstr(w, "cgroupsPath", buf_cstr(&cgroup) ? buf_cstr(&cgroup) : "/sealpod");
	jw_key(w, "resources");
	put_resources(w, l, in->rule);
	put_namespaces(w, in);
	put_devices(w, l);
	put_paths(w, "maskedPaths", masked_paths, open ? 0 : ARRAY_LEN(masked_paths),
		l ? l->maskedpaths : NULL, l ? l->n_maskedpaths : 0);
	put_paths(w, "readonlyPaths", readonly_paths, open ? 0 : ARRAY_LEN(readonly_paths),
		l ? l->readonlypaths : NULL, l ? l->n_readonlypaths : 0);
	spec_put_seccomp(w, l ? l->seccomp : NULL);
	jw_object_end(w);
}

RESULT spec_write(const struct spec_inputs *in, struct buf *json)
{
	struct json_writer w = jw_of(json);

	jw_object(&w);
	jw_kstr(&w, "ociVersion", "1.0.0");
	jw_key(&w, "process");
	put_process(&w, in->plan, in->spec->process, in->rule);
	jw_key(&w, "root");
	jw_object(&w);
	jw_kstr(&w, "path", in->rootfs);
	jw_kbool(&w, "readonly", in->spec->root && in->spec->root->readonly);
	jw_object_end(&w);
	spec_put_mounts(&w, in);
	put_linux(&w, in);
	jw_object_end(&w);
	return buf_end(json, "config.json");
}
