#include "open.h"

#include <base/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* ---- process ---- */

static void put_capabilities(struct json_writer *w, const Oci__LinuxCapabilities *c)
{
	jw_key(w, "capabilities");
	jw_object(w);
	spec_put_strings(w, "bounding", c->bounding, c->n_bounding);
	spec_put_strings(w, "effective", c->effective, c->n_effective);
	spec_put_strings(w, "permitted", c->permitted, c->n_permitted);
	spec_put_strings(w, "inheritable", c->inheritable, c->n_inheritable);
	spec_put_strings(w, "ambient", c->ambient, c->n_ambient);
	jw_object_end(w);
}

static void put_console_size(struct json_writer *w, const Oci__Box *size)
{
	jw_key(w, "consoleSize");
	jw_object(w);
	jw_ku64(w, "height", size->height);
	jw_ku64(w, "width", size->width);
	jw_object_end(w);
}

/* Labels of AppArmor and SELinux are the host's: the guest's kernel has no such profiles. */
static void put_asked(struct json_writer *w, const Oci__Process *p)
{
	jw_kbool(w, "terminal", p->terminal);
	jw_kbool(w, "noNewPrivileges", p->nonewprivileges);
	if (p->capabilities)
		put_capabilities(w, p->capabilities);
	spec_put_rlimits(w, p);
	/* Absent and 0 look the same in the request, and the agent's own is 0. */
	if (p->oomscoreadj != 0) {
		jw_key(w, "oomScoreAdj");
		jw_i64(w, p->oomscoreadj);
	}
	if (p->terminal && p->consolesize)
		put_console_size(w, p->consolesize);
}

static void put_process(struct json_writer *w, const struct plan *plan, const Oci__Process *asked)
{
	jw_object(w);
	spec_put_user(w, &plan->user);
	spec_put_strings(w, "args", plan->argv.v, plan->argv.n);
	spec_put_strings(w, "env", plan->env.v, plan->env.n);
	jw_kstr(w, "cwd", plan->cwd);
	if (asked)
		put_asked(w, asked);
	jw_object_end(w);
}

void spec_open_write_process(const struct plan *plan, const Oci__Process *asked, struct buf *json)
{
	struct json_writer w = jw_of(json);

	put_process(&w, plan, asked);
}

/* ---- limits ---- */

/* Numbers that are 0 when absent; -1 means no limit. */
static void put_number(struct json_writer *w, const char *key, int64_t v)
{
	if (v == 0)
		return;
	jw_key(w, key);
	jw_i64(w, v);
}

static void put_text(struct json_writer *w, const char *key, const char *text)
{
	if (text[0] != '\0')
		jw_kstr(w, key, text);
}

static void put_memory(struct json_writer *w, const Oci__LinuxMemory *m)
{
	jw_key(w, "memory");
	jw_object(w);
	put_number(w, "limit", m->limit);
	put_number(w, "reservation", m->reservation);
	/* A kernel built without swap has no file for it, and needs none. */
	if (file_exists("/proc/swaps"))
		put_number(w, "swap", m->swap);
	jw_object_end(w);
}

static void put_cpu(struct json_writer *w, const Oci__LinuxCPU *c)
{
	jw_key(w, "cpu");
	jw_object(w);
	if (c->shares > 0)
		jw_ku64(w, "shares", c->shares);
	put_number(w, "quota", c->quota);
	if (c->period > 0)
		jw_ku64(w, "period", c->period);
	jw_object_end(w);
}

static void put_hugepages(struct json_writer *w, const Oci__LinuxResources *r)
{
	jw_key(w, "hugepageLimits");
	jw_array(w);
	for (size_t i = 0; i < r->n_hugepagelimits; i++) {
		jw_object(w);
		jw_kstr(w, "pageSize", r->hugepagelimits[i]->pagesize);
		jw_ku64(w, "limit", r->hugepagelimits[i]->limit);
		jw_object_end(w);
	}
	jw_array_end(w);
}

void spec_open_put_limits(struct json_writer *w, const Oci__LinuxResources *r)
{
	if (r->memory)
		put_memory(w, r->memory);
	/* Cpus and Mems number the host's processors; the guest has others. */
	if (r->cpu)
		put_cpu(w, r->cpu);
	if (r->pids && r->pids->limit != 0) {
		jw_key(w, "pids");
		jw_object(w);
		put_number(w, "limit", r->pids->limit);
		jw_object_end(w);
	}
	if (r->n_hugepagelimits > 0 && file_exists("/sys/kernel/mm/hugepages"))
		put_hugepages(w, r);
}

/* ---- devices ---- */

struct number {
	int64_t major, minor;
};

/* The request has the host's numbers. A character device of the guest with that name has its own;
 * disks have other names here, and the right numbers when the request brought them. */
static struct number number_of(const Oci__LinuxDevice *d)
{
	struct number n = { d->major, d->minor };
	struct stat st;

	if (!str_equal(d->type, "b") && stat(d->path, &st) == 0 && S_ISCHR(st.st_mode))
		n = (struct number){ major(st.st_rdev), minor(st.st_rdev) };
	return n;
}

static void put_number_of(struct json_writer *w, const struct number *n)
{
	jw_key(w, "major");
	jw_i64(w, n->major);
	jw_key(w, "minor");
	jw_i64(w, n->minor);
}

static void put_devices(struct json_writer *w, const Oci__Linux *l)
{
	jw_key(w, "devices");
	jw_array(w);
	for (size_t i = 0; l && i < l->n_devices; i++) {
		const Oci__LinuxDevice *d = l->devices[i];
		const struct number n = number_of(d);

		jw_object(w);
		jw_kstr(w, "path", d->path);
		jw_kstr(w, "type", d->type);
		put_number_of(w, &n);
		jw_ku64(w, "fileMode", d->filemode & 07777);
		jw_ku64(w, "uid", d->uid);
		jw_ku64(w, "gid", d->gid);
		jw_object_end(w);
	}
	jw_array_end(w);
}

/* A privileged container may use every device; the rule that says so names none. */
static bool allows_all(const Oci__LinuxResources *r)
{
	for (size_t i = 0; r && i < r->n_devices; i++) {
		const Oci__LinuxDeviceCgroup *d = r->devices[i];

		if (d->allow && (d->type[0] == '\0' || str_equal(d->type, "a")) && d->major <= 0 &&
			d->minor <= 0)
			return true;
	}
	return false;
}

static void put_rule(struct json_writer *w, bool allow, const Oci__LinuxDevice *d)
{
	jw_object(w);
	jw_kbool(w, "allow", allow);
	if (d) {
		const struct number n = number_of(d);

		jw_kstr(w, "type", str_equal(d->type, "b") ? "b" : "c");
		put_number_of(w, &n);
	}
	jw_kstr(w, "access", "rwm");
	jw_object_end(w);
}

/* Other rules of the host are about its own devices. crun adds the ones everybody needs. */
static void put_device_rules(struct json_writer *w, const Oci__Linux *l)
{
	bool all = allows_all(l ? l->resources : NULL);

	jw_key(w, "devices");
	jw_array(w);
	put_rule(w, all, NULL);
	for (size_t i = 0; !all && l && i < l->n_devices; i++)
		if (!str_equal(l->devices[i]->type, "p"))
			put_rule(w, true, l->devices[i]);
	jw_array_end(w);
}

/* ---- the rest ---- */

/* The network is the guest's: the pod is the virtual machine. */
static void put_namespaces(struct json_writer *w, const struct spec_open *o)
{
	jw_key(w, "namespaces");
	jw_array(w);
	spec_put_namespace(w, "pid", o->in->pid_ns);
	spec_put_namespace(w, "mount", NULL);
	spec_put_namespace(w, "cgroup", NULL);
	spec_put_namespace(w, "ipc", o->in->ipc_ns);
	spec_put_namespace(w, "uts", o->in->uts_ns);
	jw_array_end(w);
}

static void put_linux(struct json_writer *w, const struct spec_open *o)
{
	const Oci__Linux *l = o->in->spec->linux_;
	AUTO(buf_done) struct buf cgroup = BUF_INIT(512);

	buf_printf(&cgroup, "/sealpod/%s", o->in->id);
	jw_key(w, "linux");
	jw_object(w);
	jw_kstr(w, "cgroupsPath", buf_cstr(&cgroup) ? buf_cstr(&cgroup) : "/sealpod");
	jw_key(w, "resources");
	jw_object(w);
	if (o->limits && l && l->resources)
		spec_open_put_limits(w, l->resources);
	put_device_rules(w, l);
	jw_object_end(w);
	put_namespaces(w, o);
	put_devices(w, l);
	if (l) {
		spec_put_strings(w, "maskedPaths", l->maskedpaths, l->n_maskedpaths);
		spec_put_strings(w, "readonlyPaths", l->readonlypaths, l->n_readonlypaths);
		put_text(w, "rootfsPropagation", l->rootfspropagation);
		spec_put_seccomp(w, l->seccomp);
	}
	jw_object_end(w);
}

static void put_hook(struct json_writer *w, const Oci__Hook *h)
{
	jw_object(w);
	jw_kstr(w, "path", h->path);
	spec_put_strings(w, "args", h->args, h->n_args);
	spec_put_strings(w, "env", h->env, h->n_env);
	put_number(w, "timeout", h->timeout);
	jw_object_end(w);
}

/* Hooks of the runtime's own namespaces have run on the host; these are the container's. */
static void put_hooks(struct json_writer *w, const Oci__Hooks *h)
{
	if (!h || h->n_startcontainer == 0)
		return;
	jw_key(w, "hooks");
	jw_object(w);
	jw_key(w, "startContainer");
	jw_array(w);
	for (size_t i = 0; i < h->n_startcontainer; i++)
		put_hook(w, h->startcontainer[i]);
	jw_array_end(w);
	jw_object_end(w);
}

void spec_open_write(const struct spec_open *o, struct buf *json)
{
	const Oci__Spec *spec = o->in->spec;
	struct json_writer w = jw_of(json);

	jw_object(&w);
	jw_kstr(&w, "ociVersion", "1.0.0");
	jw_key(&w, "process");
	put_process(&w, o->in->plan, spec->process);
	jw_key(&w, "root");
	jw_object(&w);
	jw_kstr(&w, "path", o->in->rootfs);
	jw_kbool(&w, "readonly", spec->root && spec->root->readonly);
	jw_object_end(&w);
	spec_put_mounts(&w, o->in);
	put_hooks(&w, spec->hooks);
	put_linux(&w, o);
	jw_object_end(&w);
}
