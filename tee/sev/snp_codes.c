#include "platforms.h"

/*
 * Status codes of the AMD SEV and SEV-SNP firmware ABI (AMD 55766 and 56860, "Status Codes"), as
 * /dev/sev and /dev/sev-guest (fw_error, low half of exitinfo2) show them; vmm_error is the high
 * half, of the hypervisor (GHCB 2.01, SNP Guest Request).
 */
const struct tee_code snp_codes[] = {
	{ 0x01, "SEV firmware",
		"INVALID_PLATFORM_STATE: the platform is not in the state that this "
		"command needs: initialise it (SNP_INIT), or shut it down first." },
	{ 0x02, "SEV firmware",
		"INVALID_GUEST_STATE: the guest is not in the state that this "
		"command needs, as a launch command after LAUNCH_FINISH." },
	{ 0x03, "SEV firmware",
		"INVALID_CONFIG: the platform is not configured for this: look at "
		"SEV and SNP settings in the BIOS." },
	{ 0x04, "SEV firmware",
		"INVALID_LEN: a buffer has the wrong length; the right one is often "
		"written back." },
	{ 0x05, "SEV firmware",
		"ALREADY_OWNED: the platform has an owner: reset its certificates "
		"first." },
	{ 0x06, "SEV firmware",
		"INVALID_CERTIFICATE: a certificate cannot be parsed or does not "
		"lead to its issuer." },
	{ 0x07, "SEV firmware",
		"POLICY_FAILURE: the guest's policy forbids this on this platform: "
		"compare the policy with SMT, sockets, ABI version and debug." },
	{ 0x08, "SEV firmware", "INACTIVE: the guest has no ASID yet: activate it." },
	{ 0x09, "SEV firmware",
		"INVALID_ADDRESS: an address is not aligned, not in memory, or not "
		"the hypervisor's." },
	{ 0x0a, "SEV firmware",
		"BAD_SIGNATURE: a signature does not hold: of an ID block, or of "
		"certificates." },
	{ 0x0b, "SEV firmware",
		"BAD_MEASUREMENT: the launch digest is not that of the ID block, or "
		"the secret's header does not fit: compute the expected digest anew." },
	{ 0x0c, "SEV firmware", "ASID_OWNED: another guest has this ASID." },
	{ 0x0d, "SEV firmware",
		"INVALID_ASID: out of the range that the BIOS gives to SEV-ES and "
		"SNP guests (\"minimum SEV non-ES ASID\")." },
	{ 0x0e, "SEV firmware", "WBINVD_REQUIRED: caches must be written back first." },
	{ 0x0f, "SEV firmware",
		"DFFLUSH_REQUIRED: the data fabric must be flushed (DF_FLUSH) "
		"before an ASID is used again." },
	{ 0x10, "SEV firmware", "INVALID_GUEST: no guest of this handle or context." },
	{ 0x11, "SEV firmware", "INVALID_COMMAND: not known to this firmware: update it." },
	{ 0x12, "SEV firmware", "ACTIVE: the guest still runs: deactivate it first." },
	{ 0x13, "SEV firmware",
		"HWERROR_PLATFORM: a hardware error; the platform can go on after "
		"it is initialised again." },
	{ 0x14, "SEV firmware", "HWERROR_UNSAFE: a hardware error; only a reset helps." },
	{ 0x15, "SEV firmware", "UNSUPPORTED: this firmware or chip cannot do that." },
	{ 0x16, "SEV firmware",
		"INVALID_PARAM: a field of the command has a wrong value; of a "
		"report request: VMPL below the guest's own, or reserved bytes." },
	{ 0x17, "SEV firmware", "RESOURCE_LIMIT: the firmware has no room left: fewer guests." },
	{ 0x18, "SEV firmware",
		"SECURE_DATA_INVALID: what the firmware stored is damaged: its "
		"identity must be made anew." },
	{ 0x19, "SEV firmware", "INVALID_PAGE_SIZE: a page is of the wrong size in the RMP." },
	{ 0x1a, "SEV firmware", "INVALID_PAGE_STATE: a page is in the wrong state in the RMP." },
	{ 0x1b, "SEV firmware", "INVALID_MDATA_ENTRY: metadata of a swapped page is wrong." },
	{ 0x1c, "SEV firmware", "INVALID_PAGE_OWNER: a page belongs to another guest." },
	{ 0x1d, "SEV firmware",
		"AEAD_OFLOW: the message counter is used up or out of step: this "
		"guest gets no more reports at this VMPL; start it anew." },
	{ 0x1f, "SEV firmware", "EXIT_RING_BUFFER: the ring buffer mode ended." },
	{ 0x20, "SEV firmware", "RMP_INIT_REQUIRED: the RMP must be initialised first." },
	{ 0x21, "SEV firmware",
		"BAD_SVN: the image's security version is lower than the committed "
		"one." },
	{ 0x22, "SEV firmware",
		"BAD_VERSION: the image's version is lower than the committed one." },
	{ 0x23, "SEV firmware", "SHUTDOWN_REQUIRED: shut the platform down first (SNP_SHUTDOWN)." },
	{ 0x24, "SEV firmware",
		"UPDATE_FAILED: the new firmware did not start; the old one runs." },
	{ 0x25, "SEV firmware",
		"RESTORE_REQUIRED: the update failed half way: load the committed "
		"image." },
	{ 0x26, "SEV firmware",
		"RMP_INITIALIZATION_FAILED: is the RMP large enough, does it lie in "
		"memory that the BIOS reserved?" },
	{ 0x27, "SEV firmware",
		"INVALID_KEY: the key asked for is not there: no VLEK is loaded, or "
		"the VCEK is masked." },
	{ 0xffffffff, "SEV driver",
		"NO_FW_CALL: the firmware was not called: the driver refused, or "
		"the device is gone." },
	{ 0x100000000, "sev-guest vmm_error",
		"INVALID_LEN: the buffer for certificates is too small: certs_len says how many "
		"bytes "
		"are needed (a multiple of 4096)." },
	{ 0x200000000, "sev-guest vmm_error",
		"BUSY: the host limits how often the firmware is asked: wait and try again with "
		"the "
		"same message." },
	{ 0 },
};
