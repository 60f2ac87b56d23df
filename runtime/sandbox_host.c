#include "sandbox_host.h"

#include "runtime/host_pin.h"
#include "sandbox_internal.h"

#include <errno.h>

/* A host that lets nobody make groups here (no hierarchy, a read-only one, not root) limits and
 * counts nothing, but runs pods. */
static bool is_tolerable(struct err e)
{
	return e.code == ERR_UNSUPPORTED ||
	       (e.code == ERR_SYS && (err_errno() == EACCES || err_errno() == EPERM ||
					     err_errno() == EROFS || err_errno() == ENOENT));
}

RESULT sandbox_host_begin(struct sandbox *s)
{
	const char *path = s->spec->linux_ ? s->spec->linux_->cgroupspath : "";
	const struct host_cgroup_spec spec = {
		.path = path, .id = s->id, .only = s->c.runtime->sandbox_cgroup_only
	};
	struct err e;

	TRY(str_dup(path, &s->pod.state.cgroup));
	e = host_cgroup_new(&spec, &s->host.group);
	if (!failed(e)) {
		e = host_cgroup_enter(s->host.group, 0);
		if (failed(e))
			host_cgroup_freep(&s->host.group);
	}
	return failed(e) && !is_tolerable(e) ? e : OK;
}

static RESULT pin(struct sandbox *s)
{
	size_t pinned = 0;

	if (!s->c.runtime->pin_vcpus || s->machine.vm.qemu.pid <= 0)
		return OK;
	return host_pin_vcpus(s->machine.vm.qemu.pid, s->size.vcpus, &s->host.cpus, &pinned);
}

RESULT sandbox_host_started(struct sandbox *s)
{
	if (s->host.group)
		TRY(host_cgroup_enter_vm(s->host.group, s->machine.vm.qemu.pid));
	return sandbox_host_container(s, s->spec);
}

RESULT sandbox_host_container(struct sandbox *s, const Oci__Spec *spec)
{
	const Oci__LinuxCPU *cpu =
		spec->linux_ && spec->linux_->resources ? spec->linux_->resources->cpu : NULL;
	struct cpu_list cpus, nodes;

	if (!cpu)
		return OK;
	TRY(cpu_list_parse(cpu->cpus, "linux.resources.cpu.cpus", &cpus));
	TRY(cpu_list_parse(cpu->mems, "linux.resources.cpu.mems", &nodes));
	if (cpu_list_count(&cpus) + cpu_list_count(&nodes) == 0)
		return OK;
	cpu_list_add(&cpus, &s->host.cpus);
	cpu_list_add(&nodes, &s->host.nodes);
	if (s->host.group)
		TRY(host_cgroup_set_cpus(s->host.group, &cpus, &nodes));
	s->host.cpus = cpus;
	s->host.nodes = nodes;
	return pin(s);
}

void sandbox_host_end(struct sandbox *s)
{
	host_cgroup_freep(&s->host.group);
}
