/*
 * Work in another network namespace, done by a child of this process: whatever fails there, this
 * process stays where it is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <base/err.h>

enum {
	NETNS_FDS_MAX = 64
};

struct netns_fds {
	int fd[NETNS_FDS_MAX];
	size_t n;
};
void netns_fds_done(struct netns_fds *f); /* closes; for AUTO */
/* ERR_LIMIT; the descriptor stays the caller's then. */
RESULT netns_fds_add(struct netns_fds *f, int fd);

struct netns_job {
	const char *path; /* of the namespace: /run/netns/NAME, /proc/PID/ns/net */
	/* In the child, which sees a copy of this process's memory. What it writes to `result`
	 * arrives here, and so do its descriptors, in their order. No loops, no logging. */
	struct err (*fn)(const void *arg, void *result, struct netns_fds *fds);
	const void *arg;
	size_t result_size;
};
/*
 * `result` is of job->result_size bytes; the child starts from what is in it. It and ret_fds are
 * written only on success; ret_fds may be NULL. ERR_NOT_FOUND: no network namespace at `path`;
 * ERR_TIMEOUT after a minute; else what fn returned. CAP_SYS_ADMIN.
 */
RESULT netns_run(const struct netns_job *job, void *result, struct netns_fds *ret_fds);
/* There is a network namespace at `path`. */
bool netns_exists(const char *path);
/* A new one, empty, held by the descriptor alone; this process stays where it is. CAP_SYS_ADMIN. */
RESULT netns_new(int *ret_fd);
/* This thread goes to the namespace of `fd`; ret_back leads to the one it was in. */
RESULT netns_enter(int fd, int *ret_back);
