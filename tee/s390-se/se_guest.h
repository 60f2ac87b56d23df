/*
 * The ultravisor's device (Linux, arch/s390/include/uapi/asm/uvdevice.h). The structs are the
 * kernel's, for this machine's byte order.
 */
#pragma once

#include <stdint.h>

#define SE_UV_DEVICE	  "/dev/uv"
#define SE_UV_GUEST	  "/sys/firmware/uv/prot_virt_guest"
#define SE_UVIO_IOCTL_ATT 0xc0407501u

enum {
	SE_UV_EXECUTED = 1
};

struct se_uvio_ioctl_cb {
	uint32_t flags;
	uint16_t uv_rc, uv_rrc; /* of the ultravisor: SE_UV_EXECUTED, or why not */
	uint64_t argument_addr;
	uint32_t argument_len;
	uint8_t reserved[44];
};

struct se_uvio_attest {
	uint64_t arcb_addr, meas_addr, add_data_addr;
	uint8_t user_data[256];
	uint8_t config_uid[16];
	uint32_t arcb_len, meas_len, add_data_len;
	uint16_t user_data_len, reserved;
};
