#include "sandbox_size.h"

#include <base/buf.h>

enum {
	MILLI = 1000
};

static const uint64_t mib = 1024 * 1024;

struct limits {
	int64_t quota;	 /* <= 0: none */
	uint64_t period; /* 0: none */
	int64_t memory;	 /* bytes; <= 0: none */
};

static RESULT number(const Oci__Spec *spec, const char *name, int64_t *ret_v)
{
	const char *text = oci_annotation(spec, name);
	uint64_t v = 0;

	if (!text)
		return OK;
	bool minus = text[0] == '-';
	struct err e = str_to_u64(text + minus, INT64_MAX, "annotation", &v);
	if (failed(e))
		return err_new(ERR_FORMAT, "annotation %s: '%.32s' is no number", name, text);
	*ret_v = minus ? -(int64_t)v : (int64_t)v;
	return OK;
}

static RESULT annotated(const Oci__Spec *spec, struct limits *l)
{
	int64_t period = 0;

	TRY(number(spec, "io.kubernetes.cri.sandbox-cpu-quota", &l->quota));
	TRY(number(spec, "io.kubernetes.cri.sandbox-cpu-period", &period));
	TRY(number(spec, "io.kubernetes.cri.sandbox-memory", &l->memory));
	l->period = period > 0 ? (uint64_t)period : 0;
	return OK;
}

static void of_container(const Oci__LinuxResources *r, struct limits *l)
{
	if (r && r->cpu) {
		l->quota = r->cpu->quota;
		l->period = r->cpu->period;
	}
	if (r && r->memory)
		l->memory = r->memory->limit;
}

static uint64_t whole(uint64_t v, uint64_t unit)
{
	return v / unit + (v % unit != 0);
}

static uint64_t vcpus(const struct limits *l)
{
	return l->quota > 0 && l->period > 0 ? whole((uint64_t)l->quota, l->period) : 0;
}

/* An even number of MiB. */
static uint64_t memory(const struct limits *l)
{
	uint64_t m = l->memory > 0 ? (uint64_t)l->memory / mib : 0;

	return m + m % 2;
}

static RESULT check(const struct sandbox_size *s)
{
	if (s->vcpus == 0 || s->vcpus > VM_CPUS_MAX)
		return err_new(ERR_LIMIT, "the pod's limits make %llu processors: 1 to %d can be",
			(unsigned long long)s->vcpus, VM_CPUS_MAX);
	if (s->memory_mib > VM_MEMORY_MIB_MAX)
		return err_new(ERR_LIMIT, "the pod's limits make %llu MiB: at most %d can be",
			(unsigned long long)s->memory_mib, VM_MEMORY_MIB_MAX);
	return OK;
}

RESULT sandbox_size(
	const Oci__Spec *spec, const struct runtime_config *c, struct sandbox_size *ret_size)
{
	struct sandbox_size s = { .vcpus = c->vcpus, .memory_mib = c->memory_mib };
	const char *sandbox = NULL;
	struct limits l = { 0 };

	if (oci_role(spec, &sandbox) == OCI_SINGLE)
		of_container(spec->linux_ ? spec->linux_->resources : NULL, &l);
	else
		TRY(annotated(spec, &l));
	/* One limit is enough: the pod then gets what it says and what the guest itself needs. */
	if (vcpus(&l) || memory(&l)) {
		if (vcpus(&l) > VM_CPUS_MAX)
			return err_new(ERR_LIMIT, "the pod's limits make %llu processors: 1 to %d",
				(unsigned long long)vcpus(&l), VM_CPUS_MAX);
		s.vcpus = whole(c->overhead_vcpus_milli + vcpus(&l) * MILLI, MILLI);
		s.vcpus = s.vcpus ? s.vcpus : 1;
		s.memory_mib = c->overhead_memory_mib + memory(&l);
		if (!memory(&l))
			s.memory_mib = c->memory_mib;
	}
	if (s.memory_mib < VM_MEMORY_MIB_MIN)
		s.memory_mib = VM_MEMORY_MIB_MIN;
	TRY(check(&s));
	*ret_size = s;
	return OK;
}
