/* Platform `snp`: AMD SEV-SNP. The launch digest holds firmware, hashes of kernel, command line and
 * initrd, and the processors' first state; HOST_DATA holds initdata. (QEMU's qapi/qom.json,
 * SevSnpGuestProperties) */
#include "qemu.h"
#include "runtime/vm.h"

#include <base/encode.h>
#include <tee/tee.h>

enum {
	HOST_DATA_SIZE = 32 /* SNP firmware ABI 1.55, table 23 */
};

static RESULT snp_object(const struct vm_protection *v, uint64_t policy, struct buf *out)
{
	uint8_t host_data[HOST_DATA_SIZE];

	buf_printf(out,
		"sev-snp-guest,id=snp,cbitpos=%u,reduced-phys-bits=%u,kernel-hashes=on,"
		"policy=0x%llx",
		v->cbitpos, v->reduced_phys_bits, (unsigned long long)policy);
	if (v->initdata.n) {
		tee_fit_digest(digest_bytes(&v->initdata), host_data, sizeof(host_data));
		buf_puts(out, ",host-data=");
		base64_encode(BASE64_STD, BYTES_OF(host_data), out);
	}
	if (v->id_block[0])
		buf_printf(out, ",id-block=%s,id-auth=%s", v->id_block, v->id_auth);
	if (v->author_key)
		buf_puts(out, ",author-key-enabled=on");
	return buf_end(out, "sev-snp-guest");
}

static RESULT snp_argv(const struct vm_platform *p, const struct vm_config *c, struct strv *argv)
{
	const struct vm_protection *v = &c->protection;
	AUTO(buf_done) struct buf object = BUF_INIT(2 * ID_AUTH_SIZE);

	TRY(snp_object(v, v->has_policy ? v->policy : p->policy, &object));
	/* Pages the guest shares with the host must be a file's. */
	return qemu_protected(argv, c, buf_cstr(&object), "memfd,share=on");
}

const struct vm_platform vm_snp = {
	.name = "snp",
	.archs = 1u << VM_ARCH_X86_64,
	.firmware = VM_FIRMWARE_IMAGE,
	.hardware = true,
	.initdata_size = HOST_DATA_SIZE,
	.options = VM_POLICY | VM_ID_BLOCK | VM_CPU_MODEL,
	.cpu_model = "EPYC-v4",
	.machine = ",kernel-irqchip=split,confidential-guest-support=snp,memory-backend=ram",
	.policy = 0x30000, /* SMT, and the bit that is always one */
	.policy_must = 1u << 17,
	.argv = snp_argv,
};
