/*
 * Extended reports by /dev/sev-guest (Linux, Documentation/virt/coco/sev-guest.rst), for kernels
 * without configfs-tsm. The structs are the kernel's, for this machine's byte order.
 */
#pragma once

#include "guest_io.h"

#define SEV_GUEST_DEVICE   "/dev/sev-guest"
#define SNP_GET_EXT_REPORT 0xc0205302u

enum {
	SNP_MSG_VERSION = 1,
	SNP_MSG_SIZE = 4000,
	SNP_PAGE = 4096,
};
/* The host's half of exitinfo2 (GHCB 2.01, SNP Guest Request). */
#define SNP_VMM_INVALID_LEN UINT64_C(0x100000000)
#define SNP_VMM_BUSY	    UINT64_C(0x200000000)

struct snp_ext_report_req {
	uint8_t user_data[64];
	uint32_t vmpl;
	uint8_t reserved[28];
	uint64_t certs_address;
	uint32_t certs_len; /* on SNP_VMM_INVALID_LEN: how many are needed */
};

struct snp_guest_request {
	uint8_t msg_version;
	uint64_t req_data, resp_data; /* addresses */
	uint64_t exitinfo2;	      /* low half: firmware's error, high half: the host's */
};

/* Report, and certificate table (may stay empty), over these 64 bytes. Errors name firmware's or
 * the host's code and what it means. */
RESULT sev_guest_report(const struct guest_io *g, const uint8_t user_data[static 64],
	struct buf *ret_report, struct buf *ret_table);
