/* RuntimeClass: what Kubernetes must know of a handler. */
#include "runtime/engine.h"

/* MiB of the host beside the guest's memory, measured and rounded up (docs/performance.md). */
enum {
	QEMU_MIB = 72,	    /* 67 idle */
	VIRTIOFSD_MIB = 16, /* 2 idle, 12 once files were read */
	SWTPM_MIB = 4,	    /* 2 */
	SHIM_MIB = 8	    /* 2 idle, 5 with streams; its bound */
};

void engine_runtime_class(const struct runtime_config *c, struct buf *out)
{
	uint64_t mib = c->overhead_memory_mib + QEMU_MIB + SHIM_MIB;

	if (c->shared_fs == SHARED_FS_VIRTIOFS)
		mib += VIRTIOFSD_MIB;
	if (c->platform->tpm)
		mib += SWTPM_MIB;
	buf_printf(out,
		"---\napiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata:\n  name: %s\n"
		"handler: %s\noverhead:\n  podFixed:\n    cpu: %llum\n    memory: %lluMi\n",
		c->handler, c->handler, (unsigned long long)c->overhead_vcpus_milli,
		(unsigned long long)mib);
}
