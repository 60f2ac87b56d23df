/*
 * A kernel's configfs-tsm and devices in a directory: the drivers' struct tee_io, answering from
 * real files below `root`. Writing inblob makes outblob (and auxblob) by `report`; ioctl(2) goes to
 * `control`. Tests may put further files and devices below the root.
 */
#pragma once

#include <tee/tee.h>

struct fake_tsm {
	struct tee_io io; /* first: drivers give it back */
	char root[512];
	const char *provider; /* NULL: there is no configfs-tsm */
	const char *floor;    /* of privlevel; NULL: the platform has none */
	void *arg;	      /* given to the next two */
	/* The report over the inblob (report_data) at that privilege level. auxblob left empty:
	 * there is no such file. */
	struct err (*report)(void *arg, struct bytes inblob, unsigned privlevel,
		struct buf *outblob, struct buf *auxblob);
	/* `device` below the root: "/dev/sev-guest". NULL: no device answers. */
	struct err (*control)(void *arg, const char *device, unsigned long request, void *data);
	/* ---- wrong on purpose ---- */
	unsigned disturbed; /* so many of the next reports find another writer in between */
	unsigned failing;   /* so many of the next reads of outblob fail ... */
	int with;	    /* ... with this errno */
	size_t cut;	    /* bytes missing at outblob's end */
	/* ---- what happened ---- */
	unsigned asked, made, removed; /* inblobs written, entries made and removed */
};

/* An empty root below the test's directory, and io; the caller fills in who answers. */
void fake_tsm_init(struct fake_tsm *f, const char *name);
/* A file below the root, with its directories: a device that exists, a table of the firmware. */
void fake_tsm_file(const struct fake_tsm *f, const char *path, struct bytes content);
/* Config of the guest that lives there. */
struct tee_guest_config fake_tsm_config(const struct fake_tsm *f);
/* ERR_SYS as a system call that failed so. */
struct err fake_tsm_errno(int code, const char *path);
