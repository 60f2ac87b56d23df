#include "sandbox_spec.h"

#include "message.h"

#include <base/file.h>
#include <net/pb.h>

#define PKG_OCI "io.katacontainers.pkg.oci."

static void drop_hooks(Oci__Hook ***list, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		pb_free(&(*list)[i]->base);
	free(*list);
	*list = NULL;
	*n = 0;
}

/* Hooks of the host have run on the host; only startContainer runs in the container. */
static void amend_hooks(Oci__Hooks *h)
{
	drop_hooks(&h->prestart, &h->n_prestart);
	drop_hooks(&h->poststart, &h->n_poststart);
	drop_hooks(&h->poststop, &h->n_poststop);
	drop_hooks(&h->createruntime, &h->n_createruntime);
	drop_hooks(&h->createcontainer, &h->n_createcontainer);
}

/* The guest has one PID, network and time namespace of its own making; paths are the host's. */
static RESULT amend_namespaces(Oci__Linux *l, bool *ret_pidns)
{
	static const char *const gone[] = { "pid", "network", "time" };
	size_t kept = 0;

	for (size_t i = 0; i < l->n_namespaces; i++) {
		Oci__LinuxNamespace *ns = l->namespaces[i];
		bool drop = false;

		if (str_equal(ns->type, "pid") && ns->path[0])
			*ret_pidns = true;
		for (size_t g = 0; g < ARRAY_LEN(gone); g++)
			drop = drop || str_equal(ns->type, gone[g]);
		if (drop)
			pb_free(&ns->base);
		else
			l->namespaces[kept++] = ns;
	}
	l->n_namespaces = kept;
	for (size_t i = 0; i < kept; i++)
		TRY(message_set(&l->namespaces[i]->path, NULL));
	return OK;
}

/* What a privileged container has. */
static bool allows_all(const Oci__LinuxDeviceCgroup *d)
{
	return d->allow && (!d->type[0] || str_equal(d->type, "a")) && d->major <= 0 &&
	       d->minor <= 0;
}

static void drop_rules(Oci__LinuxResources *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->n_devices; i++) {
		if (allows_all(r->devices[i]))
			r->devices[kept++] = r->devices[i];
		else
			pb_free(&r->devices[i]->base);
	}
	r->n_devices = kept;
}

void spec_amend_resources(bool shared, Oci__LinuxResources *r)
{
	/* A guest with a manifest knows what its devices may be used for. */
	if (!shared) {
		drop_rules(r);
		MESSAGE_DROP(r->blockio);
	}
	MESSAGE_DROP(r->network);
	if (r->cpu) {
		/* Sets of the host's processors and memory nodes. */
		err_ignore(message_set(&r->cpu->cpus, NULL));
		err_ignore(message_set(&r->cpu->mems, NULL));
	}
}

static RESULT amend_linux(Oci__Linux *l, bool shared, bool *ret_pidns)
{
	TRY(amend_namespaces(l, ret_pidns));
	if (l->resources)
		spec_amend_resources(shared, l->resources);
	MESSAGE_DROP(l->intelrdt);
	return message_set(&l->mountlabel, NULL);
}

RESULT spec_amend_process(Oci__Process *p)
{
	TRY(message_set(&p->apparmorprofile, NULL));
	return message_set(&p->selinuxlabel, NULL);
}

static RESULT amend_annotations(const struct spec_amend *how, Oci__Spec *spec)
{
	static const char *const types[] = {
		[OCI_SINGLE] = "single_container",
		[OCI_SANDBOX] = "pod_sandbox",
		[OCI_CONTAINER] = "pod_container",
	};

	message_drop_annotation(spec, ANNOTATION_INITDATA);
	TRY(message_set_annotation(spec, PKG_OCI "bundle_path", how->bundle));
	return message_set_annotation(spec, PKG_OCI "container_type", types[how->role]);
}

RESULT spec_amend(const struct spec_amend *how, Oci__Spec *spec, bool *ret_pidns)
{
	*ret_pidns = false;
	if (!spec->process)
		return err_new(ERR_FORMAT, "config.json: process: is not there");
	if (!spec->root)
		return err_new(ERR_FORMAT, "config.json: root: is not there");
	TRY(message_set(&spec->root->path, how->root));
	TRY(spec_amend_process(spec->process));
	spec->process->terminal = how->terminal;
	if (spec->hooks)
		amend_hooks(spec->hooks);
	if (spec->linux_)
		TRY(amend_linux(spec->linux_, how->shared, ret_pidns));
	return amend_annotations(how, spec);
}

static bool is_mounted(const Oci__Spec *spec, const char *at)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		if (str_equal(spec->mounts[i]->destination, at))
			return true;
	}
	return false;
}

static RESULT add_bind(const char *source, const char *at, Oci__Spec *spec)
{
	AUTO(pb_free_any) Oci__Mount *m = calloc(1, sizeof(*m));

	if (!m)
		return err_new(ERR_NOMEM, "mount");
	oci__mount__init(m);
	TRY(message_set(&m->destination, at));
	TRY(message_set(&m->source, source));
	TRY(message_set(&m->type, "bind"));
	TRY(message_add_text(&m->options, &m->n_options, "rbind"));
	TRY(MESSAGE_ADD(&spec->mounts, &spec->n_mounts, m));
	m = NULL;
	return OK;
}

RESULT spec_add_pod_files(const char *dir, Oci__Spec *spec)
{
	static const char *const names[] = { "resolv.conf", "hostname" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(auto_free) char *source = NULL;
		AUTO(auto_free) char *at = NULL;

		TRY(path_join(dir, names[i], &source));
		TRY(path_join("/etc", names[i], &at));
		if (file_exists(source) && !is_mounted(spec, at))
			TRY(add_bind(source, at, spec));
	}
	return OK;
}

const char *spec_image_name(const Oci__Spec *spec, enum oci_role role)
{
	static const char *const names[] = { "io.kubernetes.cri.image-name",
		"io.kubernetes.cri-o.ImageName" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *image = oci_annotation(spec, names[i]);

		if (image && image[0])
			return image;
	}
	return role == OCI_SANDBOX ? "pause" : NULL; /* the guest has that one */
}
