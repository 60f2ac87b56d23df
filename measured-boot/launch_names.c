#include "launch_names.h"

#include <measured-boot/launch.h>

const struct launch_cpu launch_cpus[] = {
	{ "EPYC", 23, 1, 2 },
	{ "EPYC-v1", 23, 1, 2 },
	{ "EPYC-v2", 23, 1, 2 },
	{ "EPYC-v3", 23, 1, 2 },
	{ "EPYC-v4", 23, 1, 2 },
	{ "EPYC-IBPB", 23, 1, 2 },
	{ "EPYC-Rome", 23, 49, 0 },
	{ "EPYC-Rome-v1", 23, 49, 0 },
	{ "EPYC-Rome-v2", 23, 49, 0 },
	{ "EPYC-Rome-v3", 23, 49, 0 },
	{ "EPYC-Rome-v4", 23, 49, 0 },
	{ "EPYC-Milan", 25, 1, 1 },
	{ "EPYC-Milan-v1", 25, 1, 1 },
	{ "EPYC-Milan-v2", 25, 1, 1 },
	{ "EPYC-Genoa", 25, 17, 0 },
	{ "EPYC-Genoa-v1", 25, 17, 0 },
	{ "EPYC-Turin", 26, 0, 0 },
};
const size_t launch_cpus_n = ARRAY_LEN(launch_cpus);

static const char *const vmms[] = {
	[LAUNCH_QEMU] = "qemu",
	[LAUNCH_EC2] = "ec2",
	[LAUNCH_EC2_RDX_0] = "ec2-rdx-0",
	[LAUNCH_GCE] = "gce",
};

RESULT launch_vmm_parse(const char *name, enum launch_vmm *ret_vmm)
{
	for (size_t i = 0; i < ARRAY_LEN(vmms); i++) {
		if (!str_equal(name, vmms[i]))
			continue;
		*ret_vmm = (enum launch_vmm)i;
		return OK;
	}
	return err_new(ERR_USAGE, "VMM \"%.32s\" is none of qemu, ec2, ec2-rdx-0, gce", name);
}

/* AMD APM volume 3, appendix E.3.2 */
uint32_t launch_cpu_signature(unsigned family, unsigned model, unsigned stepping)
{
	uint32_t low = family > 15 ? 15 : family;
	uint32_t high = family > 15 ? (family - 15) & 0xff : 0;

	return high << 20 | (model >> 4 & 15) << 16 | low << 8 | (model & 15) << 4 |
	       (stepping & 15);
}

RESULT launch_cpu_signature_by_name(const char *name, uint32_t *ret_signature)
{
	AUTO(buf_done) struct buf known = BUF_INIT(1024);

	for (size_t i = 0; i < launch_cpus_n; i++) {
		const struct launch_cpu *c = &launch_cpus[i];
		if (str_equal(name, c->name)) {
			*ret_signature = launch_cpu_signature(c->family, c->model, c->stepping);
			return OK;
		}
		buf_printf(&known, "%s%s", i ? ", " : "", c->name);
	}
	return err_new(ERR_USAGE, "CPU model \"%.32s\" is none of %s", name, buf_cstr(&known));
}
