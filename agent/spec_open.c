#include "open.h"

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

/* ---- devices ---- */

static void put_devices(struct json_writer *w, const Oci__Linux *l)
{
	jw_key(w, "devices");
	jw_array(w);
	for (size_t i = 0; l && i < l->n_devices; i++) {
		const Oci__LinuxDevice *d = l->devices[i];

		jw_object(w);
		jw_kstr(w, "path", d->path);
		jw_kstr(w, "type", d->type);
		jw_key(w, "major");
		jw_i64(w, d->major);
		jw_key(w, "minor");
		jw_i64(w, d->minor);
		jw_ku64(w, "fileMode", d->filemode & 07777);
		jw_ku64(w, "uid", d->uid);
		jw_ku64(w, "gid", d->gid);
		jw_object_end(w);
	}
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
		spec_open_put_limits(w, o->agent, l->resources);
	spec_open_put_device_rules(w, l);
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
