/* Platform `tdx`: Intel TDX. MRTD holds the firmware, RTMR 0 to 2 what it loads, MRCONFIGID
 * initdata. (QEMU's qapi/qom.json, TdxGuestProperties) */
#include "qemu.h"
#include "runtime/vm.h"

#include <tee/tee.h>

enum {
	MR_CONFIG_ID_SIZE = 48, /* TDX module ABI, TD_PARAMS */
	OBJECT_MAX = 4096
};

/* A SocketAddress of QMP. */
static RESULT put_vsock(struct json_writer *w, const char *address)
{
	const char *colon = strchr(address, ':');
	AUTO(auto_free) char *cid = NULL;
	uint64_t number = 0;

	if (!colon)
		return err_new(ERR_USAGE, "quote socket vsock://%s: vsock://CID:PORT", address);
	TRY(bytes_to_str(bytes_of(address, (size_t)(colon - address)), &cid));
	TRY(str_to_u64(cid, UINT32_MAX, "quote socket: CID", &number));
	TRY(str_to_u64(colon + 1, UINT32_MAX, "quote socket: port", &number));
	jw_kstr(w, "type", "vsock");
	jw_kstr(w, "cid", cid);
	jw_kstr(w, "port", colon + 1);
	return OK;
}

static RESULT put_socket(struct json_writer *w, const char *address)
{
	static const char in_file[] = "unix://", in_vsock[] = "vsock://";

	jw_key(w, "quote-generation-socket");
	jw_object(w);
	if (str_starts(address, in_vsock)) {
		TRY(put_vsock(w, address + sizeof(in_vsock) - 1));
	} else if (str_starts(address, in_file) && address[sizeof(in_file) - 1] == '/') {
		jw_kstr(w, "type", "unix");
		jw_kstr(w, "path", address + sizeof(in_file) - 1);
	} else {
		return err_new(
			ERR_USAGE, "quote socket '%s': unix:///PATH or vsock://CID:PORT", address);
	}
	jw_object_end(w);
	return OK;
}

static RESULT tdx_object(const struct vm_protection *v, struct buf *out)
{
	uint8_t mr_config_id[MR_CONFIG_ID_SIZE];
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_kstr(&w, "qom-type", "tdx-guest");
	jw_kstr(&w, "id", "tdx");
	/* Linux refuses to run when the host may take pages away behind its back. */
	jw_kbool(&w, "sept-ve-disable", true);
	if (v->initdata.n) {
		tee_fit_digest(digest_bytes(&v->initdata), mr_config_id, sizeof(mr_config_id));
		jw_kbase64(&w, "mrconfigid", BYTES_OF(mr_config_id));
	}
	if (v->quote_socket)
		TRY(put_socket(&w, v->quote_socket));
	jw_object_end(&w);
	return buf_end(out, "tdx-guest");
}

static RESULT tdx_argv(const struct vm_platform *p, const struct vm_config *c, struct strv *argv)
{
	AUTO(buf_done) struct buf object = BUF_INIT(OBJECT_MAX);

	(void)p;
	TRY(tdx_object(&c->protection, &object));
	return qemu_protected(argv, c, buf_cstr(&object), "ram");
}

const struct vm_platform vm_tdx = {
	.name = "tdx",
	.archs = 1u << VM_ARCH_X86_64,
	.firmware = VM_FIRMWARE_IMAGE,
	.hardware = true,
	.initdata_size = MR_CONFIG_ID_SIZE,
	.options = VM_QUOTE_SOCKET,
	/* The TDX module takes no other address width than the host's. */
	.cpu = "host,pmu=off",
	.machine = ",kernel-irqchip=split,confidential-guest-support=tdx,memory-backend=ram",
	.argv = tdx_argv,
};
