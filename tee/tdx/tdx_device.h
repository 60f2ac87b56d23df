/*
 * What a TD's kernel shows: /dev/tdx_guest (Linux, Documentation/virt/coco/tdx-guest.rst), its
 * measurement files (Linux 6.16, sysfs-devices-virtual-misc-tdx_guest) and the firmware's event log
 * (ACPI 6.5, table CCEL).
 */
#pragma once

#include "guest_io.h"
#include "tdx/tdx.h"

#define TDX_DEVICE	    "/dev/tdx_guest"
#define TDX_CMD_GET_REPORT0 0xc4405401u
/* Of kernels older than the measurement files; vendors gave it either direction. */
#define TDX_CMD_EXTEND_RTMR	 0x40315403u
#define TDX_CMD_EXTEND_RTMR_READ 0x80315403u
#define TDX_MEASUREMENTS	 "/sys/devices/virtual/misc/tdx_guest/measurements"
#define TDX_CCEL_TABLE		 "/sys/firmware/acpi/tables/CCEL"
#define TDX_CCEL_DATA		 "/sys/firmware/acpi/tables/data/CCEL"

struct tdx_report_req {
	uint8_t report_data[64], tdreport[TDREPORT_SIZE];
};

struct tdx_extend_rtmr_req {
	uint8_t digest[TDX_MEASUREMENT];
	uint8_t index;
};

/* TDREPORT_SIZE bytes from the TDX module. */
RESULT tdx_device_report(
	const struct guest_io *g, const uint8_t report_data[static 64], struct buf *ret_tdreport);
/* MRCONFIGID, by the device or else the measurement files. */
RESULT tdx_device_mr_config_id(const struct guest_io *g, uint8_t ret_value[static TDX_MEASUREMENT]);
/* RTMR2 and 3: firmware and kernel have the others. */
RESULT tdx_device_extend(const struct guest_io *g, unsigned rtmr, struct bytes digest);
/* The events without the padding of the table's area, as Trustee's guests cut it; n = 0: the
 * firmware left no log. */
RESULT tdx_device_event_log(const struct guest_io *g, struct buf *ret_log);
