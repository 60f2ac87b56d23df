/* Events of a TD's boot, one by one. */
#pragma once

#include <measured-boot/td_boot.h>

/* All registers zero. */
void td_boot_init(struct td_boot *b);
/* Appends a copy and extends its register; an event without digest leaves the register open. */
RESULT td_boot_add(struct td_boot *b, const struct td_boot_event *e);
/* A register that has no other reason is open for this one. */
void td_boot_open(struct td_boot *b, uint32_t rtmr, const char *why);

/* What events hash; n = 0 where the inputs do not say. */
RESULT td_hob_event(const struct td_boot_inputs *in, struct digest_value *ret);
RESULT td_cfv_event(const struct td_boot_inputs *in, struct digest_value *ret);
RESULT td_kernel_event(const struct td_boot_inputs *in, struct digest_value *ret);
RESULT td_cmdline_event(const struct td_boot_inputs *in, struct digest_value *ret);
RESULT td_initrd_event(const struct td_boot_inputs *in, struct digest_value *ret);
RESULT td_file_event(struct bytes file, struct digest_value *ret);
/* ERR_UNSUPPORTED when the store holds variables. */
RESULT td_check_store(const struct td_boot_inputs *in);
