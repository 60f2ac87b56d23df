/* Where the members of a quote are, by the names that Trustee's claims give them. */
#include "tdx/quote_internal.h"

const struct tdx_member tdx_header_members[] = {
	{ "version", 0, 2 },
	{ "att_key_type", 2, 2 },
	{ "tee_type", 4, 4 },
	{ "reserved", 8, 4 },
	{ "vendor_id", 12, 16 },
	{ "user_data", 28, 20 },
	{ 0 },
};

const struct tdx_member sgx_header_members[] = {
	{ "version", 0, 2 },
	{ "att_key_type", 2, 2 },
	{ "att_key_data_0", 4, 4 },
	{ "qe_svn", 8, 2 },
	{ "pce_svn", 10, 2 },
	{ "vendor_id", 12, 16 },
	{ "user_data", 28, 20 },
	{ 0 },
};

const struct tdx_member td_members[] = {
	{ "tcb_svn", 0, 16 },
	{ "mr_seam", 16, 48 },
	{ "mrsigner_seam", 64, 48 },
	{ "seam_attributes", 112, 8 },
	{ "td_attributes", 120, 8 },
	{ "xfam", 128, 8 },
	{ "mr_td", 136, 48 },
	{ "mr_config_id", 184, 48 },
	{ "mr_owner", 232, 48 },
	{ "mr_owner_config", 280, 48 },
	{ "rtmr_0", 328, 48 },
	{ "rtmr_1", 376, 48 },
	{ "rtmr_2", 424, 48 },
	{ "rtmr_3", 472, 48 },
	{ "report_data", 520, 64 },
	{ "tee_tcb_svn2", 584, 16 },
	{ "mr_servicetd", 600, 48 },
	{ 0 },
};

const struct tdx_member sgx_members[] = {
	{ "cpu_svn", 0, 16 },
	{ "misc_select", 16, 4 },
	{ "reserved1", 20, 12 },
	{ "isv_ext_prod_id", 32, 16 },
	{ "attributes\\.flags", 48, 8 },
	{ "attributes\\.xfrm", 56, 8 },
	{ "mr_enclave", 64, 32 },
	{ "reserved2", 96, 32 },
	{ "mr_signer", 128, 32 },
	{ "reserved3", 160, 32 },
	{ "config_id", 192, 64 },
	{ "isv_prod_id", 256, 2 },
	{ "isv_svn", 258, 2 },
	{ "config_svn", 260, 2 },
	{ "reserved4", 262, 42 },
	{ "isv_family_id", 304, 16 },
	{ "report_data", 320, 64 },
	{ 0 },
};

struct bytes tdx_quote_body(const struct tdx_quote *q)
{
	struct bytes all = q->signed_bytes;

	return bytes_of(all.p + all.n - q->body_size, q->body_size);
}
