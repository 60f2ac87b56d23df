/* Which block device of the guest the host means (spec: kata 5.3). */
#pragma once

#include <base/buf.h>

enum {
	PCI_STEPS_MAX = 8
};

/* Slots from the root bus down, hexadecimal: "02/01" or "02/01.0". A first step of 20 or more,
 * with two others, is the bus number of a root complex of its own (pxb-pcie). */
struct pci_path {
	unsigned bus; /* 0: the usual root */
	size_t n;
	struct {
		unsigned slot, function;
	} steps[PCI_STEPS_MAX];
};
RESULT pci_path_parse(const char *text, struct pci_path *ret_path);
/* "ID:LUN", decimal. */
RESULT scsi_address_parse(const char *text, unsigned *ret_id, unsigned *ret_lun);
/* "0.SSID.DEVNO": a channel subsystem digit of 0, one digit of 0 to 3, up to four hexadecimal. */
RESULT ccw_address_parse(const char *text, unsigned *ret_ssid, unsigned *ret_devno);

/*
 * "/dev/sda" for a source of the drivers blk, scsi, blk-ccw, mmioblk, nvdimm. `root` is "" in a
 * guest. ERR_NOT_FOUND: not yet there; ERR_FORMAT: no such address.
 */
RESULT block_find(const char *root, const char *driver, const char *source, char **ret_device);
/* Has every SCSI host look for that address. */
RESULT scsi_rescan(const char *root, const char *source);
