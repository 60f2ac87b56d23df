#include "request.h"

void mount_at(struct request *r, const char *type, const char *source, const char *at)
{
	Oci__Mount *m = &r->mounts[r->spec.n_mounts];

	oci__mount__init(m);
	m->type = text(type);
	m->source = text(source);
	m->destination = text(at);
	r->mount_list[r->spec.n_mounts++] = m;
}

void request_init(struct request *r, const char *rootfs, const char *id, const char *command)
{
	agent__create_container_request__init(&r->q);
	oci__spec__init(&r->spec);
	oci__process__init(&r->process);
	oci__user__init(&r->user);
	oci__linux_capabilities__init(&r->caps);
	oci__posixrlimit__init(&r->rlimit);
	oci__root__init(&r->root);
	oci__linux__init(&r->linux_);
	oci__linux_namespace__init(&r->user_ns);
	r->q.container_id = r->q.exec_id = text(id);
	r->q.oci = &r->spec;
	r->spec.process = &r->process;
	r->spec.root = &r->root;
	r->spec.linux_ = &r->linux_;
	r->spec.mounts = r->mount_list;
	r->root.path = text(rootfs);
	r->process.user = &r->user;
	r->process.cwd = text("/");
	r->args[0] = text("/bin/sh");
	r->args[1] = text("-c");
	r->args[2] = text(command);
	r->process.args = r->args;
	r->process.n_args = 3;
	mount_at(r, "proc", "proc", "/proc");
	mount_at(r, "tmpfs", "tmpfs", "/dev");
}
