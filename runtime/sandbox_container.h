/* Making one container: what its files share while it is under way. */
#pragma once

#include "direct_volume.h"
#include "sandbox_internal.h"

struct sandbox_copy;

struct create {
	struct sandbox *s;
	struct sandbox_op *op;
	struct sandbox_box *box;
	Agent__CreateContainerRequest *request;
	enum oci_role role;
	char *root; /* in the guest */
	struct sandbox_copy *copy;
	bool copied;
};

/* ---- sandbox_pull.c: images that the guest pulls ---- */
RESULT sandbox_pull_rootfs(struct create *k, const struct sandbox_container *c);

/* ---- sandbox_apply.c: every mount of the request's specification finds its way ---- */
RESULT sandbox_volumes(struct create *k);

/* ---- sandbox_device.c: block devices of the specification ---- */
RESULT sandbox_devices(struct create *k);

/* ---- sandbox_termination.c: the message a container leaves ---- */
RESULT sandbox_termination_note(struct create *k, const Oci__Mount *m);
/* Asks for it and tells the exit status then; false: there is nothing to ask for. */
bool sandbox_termination_ask(struct sandbox_op *op);

/* ---- sandbox_copy.c: files by CopyFile, in pieces ---- */
struct sandbox_copy *sandbox_copy_new(void);
/* Freed when its last call has answered. */
void sandbox_copy_freep(struct sandbox_copy **copy);
/* A file, a link or a whole directory; ERR_LIMIT. */
RESULT sandbox_copy_add(struct sandbox_copy *copy, const char *host, const char *guest);
typedef void sandbox_copy_fn(void *arg, struct err e);
RESULT sandbox_copy_run(
	struct sandbox_copy *copy, struct sandbox *s, sandbox_copy_fn *fn, void *arg);

/* ---- sandbox_watch.c: directories that change ---- */
RESULT sandbox_watch_add(struct sandbox_box *b, const char *host, const char *guest);
void sandbox_watch_begin(struct create *k);
void sandbox_watches_free(struct sandbox_box *b);

/* ---- sandbox_disk.c: disks that come later ---- */
struct sandbox_disk {
	struct sandbox_disk *next;
	char *path;
	unsigned target;       /* SCSI */
	struct adding *adding; /* under way; NULL: not */
	bool read_only;
	bool added;
};
/* Known by its path, or a new one. */
RESULT sandbox_disk_get(
	struct sandbox *s, const char *path, bool read_only, struct sandbox_disk **ret_disk);
/* One that the machine does not have yet; NULL: none. */
struct sandbox_disk *sandbox_disk_next(struct sandbox *s);
RESULT sandbox_disk_add(struct sandbox *s, struct sandbox_disk *d, sandbox_copy_fn *fn, void *arg);
void sandbox_disks_free(struct sandbox *s);
