/* Inside the storage drivers: one storage being made. */
#pragma once

#include "mount_options.h"
#include "storage.h"

struct storage_driver;

struct storage {
	struct storage *next; /* the latest first, so that they can be unmounted in order */
	const struct storage_driver *driver;
	char *mount_point;
	enum storage_kind kind;
	struct strv users; /* ids of containers; "" is the pod */
	int fd;		   /* O_PATH of the root; -1: not made yet */
	bool mounted;
	bool made;	 /* its directory was made for it */
	bool is_file;	 /* its mount point is a file */
	bool for_images; /* where images are unpacked; no container's */
	char *scratch;	 /* directory to be removed with it; NULL: none */
	char *mapping;	 /* of the device mapper, to be removed after the unmount; NULL: none */
	bool size_fixed; /* by the manifest */
	uint64_t size;	 /* bytes that its file system was made for; 0: no limit */
	char *key;	 /* of the broker; NULL: none */
	char *volume;	 /* claimed as; NULL: not yet */
};

struct storage_op {
	struct storage_op *next; /* they are worked off one after the other */
	struct agent *agent;
	Agent__Storage *const *list;
	size_t n, i;
	char *user;
	struct container *container; /* NULL: of the pod */
	storage_fn *fn;
	void *arg;
	struct storage *now; /* being made */
	bool waiting;	     /* for storage_step_done() */
	/* Of what is under way while waiting: gives it up without storage_step_done(). */
	void (*cancel)(struct storage_op *op);
	void *work;
};

struct storage_driver {
	const char *name;
	enum storage_kind kind;
	/* Kata forgets these with the container; a pod's emptyDir must outlive a restart of it. */
	bool of_pod;
	/* Either done when it returns, or op->waiting is set and storage_step_done() follows. */
	RESULT (*attach)(struct storage_op *op, const Agent__Storage *q, struct storage *s);
};

/* The step that set op->waiting has ended. */
void storage_step_done(struct storage_op *op, struct err e);

/* Makes the mount point, below <run_dir>/kata-containers; its descriptor (O_PATH). With a manifest
 * no step of the path may be a symbolic link. */
RESULT storage_point(const struct agent *a, struct storage *s, int *ret_fd);
/* Mounts there and takes the root's descriptor. */
struct storage_mount {
	const char *source, *type;
	unsigned long flags;
	const char *data;
};
RESULT effect_mount(const struct storage_mount *m, const char *target);
RESULT effect_unmount(const char *target);
RESULT storage_mount(const struct agent *a, struct storage *s, const struct storage_mount *m);
/* An empty file as mount point, because such is what will be mounted; only in the open world. */
RESULT storage_make_file(const struct agent *a, struct storage *s);
/* Removes what was made of it. */
void storage_unmake(const struct agent *a, const struct storage *s);
/* FSGroup of the request: owner group and modes below the root. */
RESULT storage_set_group(const struct storage *s, const Agent__FSGroup *g, bool read_only);

/* Removes a mapping of the device mapper. */
void storage_unmap(const struct agent *a, const char *mapping);
/* ---- drivers ---- */
RESULT storage_attach_virtio_fs(struct storage_op *op, const Agent__Storage *q, struct storage *s);
RESULT storage_attach_ephemeral(struct storage_op *op, const Agent__Storage *q, struct storage *s);
RESULT storage_attach_block(struct storage_op *op, const Agent__Storage *q, struct storage *s);
RESULT storage_attach_local(struct storage_op *op, const Agent__Storage *q, struct storage *s);
RESULT storage_attach_bind(struct storage_op *op, const Agent__Storage *q, struct storage *s);
RESULT storage_attach_overlay(struct storage_op *op, const Agent__Storage *q, struct storage *s);
