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

static void unite(struct sandbox_cpus *to, const struct sandbox_cpus *more)
{
	cpu_list_add(&to->cpus, &more->cpus);
	cpu_list_add(&to->nodes, &more->nodes);
}

static RESULT pin(struct sandbox *s, const struct cpu_list *cpus)
{
	size_t pinned = 0;

	if (!s->c.runtime->pin_vcpus || s->machine.vm.qemu.pid <= 0)
		return OK;
	return host_pin_vcpus(s->machine.vm.qemu.pid, s->size.vcpus, cpus, &pinned);
}

static RESULT apply(struct sandbox *s)
{
	struct sandbox_cpus all = { 0 };

	for (const struct sandbox_box *b = s->boxes; b; b = b->next)
		unite(&all, &b->cpus);
	if (s->host.group)
		TRY(host_cgroup_set_cpus(s->host.group, &all.cpus, &all.nodes));
	return pin(s, &all.cpus);
}

static RESULT parse(const char *text, const char *what, struct cpu_list *list)
{
	return text[0] != '\0' ? cpu_list_parse(text, what, list) : OK;
}

RESULT sandbox_host_limit(struct sandbox *s, struct sandbox_cpus *of, const Oci__LinuxResources *r)
{
	const struct sandbox_cpus before = *of;
	struct sandbox_cpus now = *of;
	struct err e;

	if (!r || !r->cpu || (r->cpu->cpus[0] == '\0' && r->cpu->mems[0] == '\0'))
		return OK;
	TRY(parse(r->cpu->cpus, "linux.resources.cpu.cpus", &now.cpus));
	TRY(parse(r->cpu->mems, "linux.resources.cpu.mems", &now.nodes));
	*of = now;
	e = apply(s);
	if (failed(e))
		*of = before;
	return e;
}

RESULT sandbox_host_started(struct sandbox *s, const struct vm_launch *l)
{
	const struct vm *vm = &s->machine.vm;
	bool kvm = l->config.accel == VM_ACCEL_KVM;
	bool sev = kvm && (l->platform->options & VM_POLICY);
	/* Taps, vhost-vsock and disks are handed over open. */
	const struct host_cgroup_vmm vmm = {
		.pids = { vm->qemu.pid, vm->tpm.pid },
		.devices = { { "/dev/null", true }, { "/dev/random", false },
			{ "/dev/urandom", false }, { kvm ? "/dev/kvm" : NULL, true },
			{ sev ? "/dev/sev" : NULL, true } },
	};

	if (!s->host.group)
		return OK;
	TRY(host_cgroup_enter_vm(s->host.group, vm->qemu.pid));
	return host_cgroup_confine(s->host.group, &vmm, &s->host.confined);
}

bool sandbox_confined(const struct sandbox *s)
{
	return s->host.confined;
}

void sandbox_host_end(struct sandbox *s)
{
	host_cgroup_freep(&s->host.group);
}
