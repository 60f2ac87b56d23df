/* PID 1 of the guest: everything before the first request, and the end. */
#pragma once

#include <base/json.h>
#include <crypto/digest.h>

#define BOOT_MODULES_FILE "/etc/sealpod/modules"

/* File systems that programs expect. The root is bound over itself and moved to "/", because
 * pivot_root(2), which crun uses, does not work on the root that the kernel starts from. */
RESULT boot_mounts(void);
/* What the module of group `tee` brings: configfs, where TSM reports are asked for. */
RESULT boot_mount_configfs(void);

/* Lines "GROUP PATH" of the modules file, in order; those of `group`. A module that does not load
 * is an error only when `required`. */
RESULT boot_modules(const char *file, const char *group, bool required);
/*
 * The groups virtio-net, virtio-block and virtio-socket of `file`, each only when
 * <root>/sys/bus/virtio has such a device: checking a module's signature is the dearest part of
 * loading it. `root` is "" in a guest.
 */
RESULT boot_device_modules(const char *root, const char *file);
/* The same of group virtio-entropy. */
RESULT boot_entropy_module(const char *root, const char *file);
struct agent;
/* Overlay mounts become possible in this guest; nothing outside of one. */
RESULT boot_overlay(struct agent *a);
/* Both a few seconds from now, for guests that start without them. */
RESULT boot_later(struct agent *a);
/* False when the machine says that this is no SEV, TDX or Secure Execution guest. */
bool boot_may_be_tee(void);
/* One line of it, for tests. ERR_FORMAT; the group or the path may not be empty. */
RESULT boot_module_line(struct bytes line, struct bytes *ret_group, struct bytes *ret_path);

/* Loopback up, and what containerd sets for every pod: low ports and ping for everybody. */
RESULT boot_network(void);

/* Writes the reason to the console, syncs and switches the machine off. */
_Noreturn void boot_power_off(const char *reason);

/*
 * The initdata image: the first block device below <root>/sys/class/block whose first 8 bytes are
 * "initdata" (Kata). ERR_NOT_FOUND without one. `root` is "" in a guest.
 */
RESULT boot_find_initdata(const char *root, struct buf *ret_toml);
