/* The user that QEMU runs as. */
#pragma once

#include <base/process.h>

/* A user of this host by its name, or "random": a number that no user has, another one each time.
 * It gets the groups that may open /dev/kvm and /dev/sev. ERR_NOT_FOUND names the user. */
RESULT vm_user_find(const char *name, struct process_user *ret_user);
