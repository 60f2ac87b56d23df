/* Platforms `sev` and `sev-es`: AMD's first generations, attested before they run. The launch
 * digest holds firmware and the hashes of kernel, command line and initrd (SEV-ES: and the
 * processors' first state); no field is left for initdata, so the command line has its digest.
 * (QEMU's qapi/qom.json, SevGuestProperties) */
#include "qemu.h"
#include "runtime/vm.h"

enum {
	OBJECT_MAX = 16 * 1024
};

/* Policy bits (SEV API 0.24, chapter 3). */
enum {
	SEV_NODBG = 1u << 0,
	SEV_NOKS = 1u << 1,
	SEV_ES = 1u << 2,
	SEV_NOSEND = 1u << 3
};

static RESULT add_file(const char *name, const char *path, struct buf *out)
{
	AUTO(auto_free) char *escaped = NULL;

	if (!path)
		return OK;
	TRY(qemu_escape(path, &escaped));
	buf_printf(out, ",%s=%s", name, escaped);
	return OK;
}

static RESULT sev_argv(const struct vm_platform *p, const struct vm_config *c, struct strv *argv)
{
	const struct vm_protection *v = &c->protection;
	AUTO(buf_done) struct buf object = BUF_INIT(OBJECT_MAX);
	AUTO(auto_free) char *firmware = NULL;

	buf_printf(&object,
		"sev-guest,id=sev,cbitpos=%u,reduced-phys-bits=%u,kernel-hashes=on,policy=0x%llx",
		v->cbitpos, v->reduced_phys_bits,
		(unsigned long long)(v->has_policy ? v->policy : p->policy));
	TRY(add_file("dh-cert-file", v->dh_cert, &object));
	TRY(add_file("session-file", v->session, &object));
	TRY(buf_end(&object, "sev-guest"));
	TRY(qemu_escape(c->firmware, &firmware));
	TRY(qemu_option(argv, "-object", buf_cstr(&object)));
	/* Before 9.1 QEMU encrypts only what is in flash. */
	return qemu_optionf(
		argv, "-drive", "if=pflash,unit=0,format=raw,readonly=on,file=%s", firmware);
}

/* What both generations have in common. */
#define SEV_ROW                                                                                    \
	.archs = 1u << VM_ARCH_X86_64, .firmware = VM_FIRMWARE_IMAGE, .hardware = true,            \
	.initdata_append = true, .options = VM_POLICY | VM_SESSION | VM_CPU_MODEL,                 \
	.cpu_model = "EPYC-v3", .machine = ",confidential-guest-support=sev", .argv = sev_argv

const struct vm_platform vm_sev = {
	SEV_ROW,
	.name = "sev",
	.policy = SEV_NODBG | SEV_NOKS | SEV_NOSEND,
	.policy_must_not = SEV_ES,
};

const struct vm_platform vm_sev_es = {
	SEV_ROW,
	.name = "sev-es",
	.policy = SEV_NODBG | SEV_NOKS | SEV_ES | SEV_NOSEND,
	.policy_must = SEV_ES,
};
