/* Event loop: epoll, signalfd, timerfd, pidfd. One thread. Callbacks may add and remove sources,
 * also their own. */
#pragma once

#include <stdint.h>

#include <base/err.h>
#include <sys/epoll.h>
#include <sys/types.h>

struct loop;
struct loop_source; /* owned by the loop until removed */

typedef void loop_fd_fn(void *arg, int fd, unsigned events); /* EPOLLIN... */
typedef void loop_timer_fn(void *arg);
typedef void loop_signal_fn(void *arg, int signo);
typedef void loop_child_fn(void *arg, pid_t pid, int status); /* status as of process_wait() */

RESULT loop_new(struct loop **ret_loop);
void loop_free(struct loop *l);
void loop_freep(struct loop **l);

/* The fd stays the caller's. */
RESULT loop_add_fd(struct loop *l, int fd, unsigned events, loop_fd_fn *fn, void *arg,
	struct loop_source **ret_source);
RESULT loop_set_events(struct loop_source *s, unsigned events);
/* Once after delay_ms, then every period_ms (0: once; the source stays until removed). */
RESULT loop_add_timer(struct loop *l, uint64_t delay_ms, uint64_t period_ms, loop_timer_fn *fn,
	void *arg, struct loop_source **ret_source);
/* The signal is blocked for the process and delivered here. */
RESULT loop_add_signal(struct loop *l, int signo, loop_signal_fn *fn, void *arg);
/* Reaps `pid` and removes itself. Not called when somebody else reaped it. */
RESULT loop_add_child(struct loop *l, pid_t pid, loop_child_fn *fn, void *arg);
void loop_remove(struct loop_source *s); /* NULL is fine */

/* Until loop_stop(); returns its value. */
RESULT loop_run(struct loop *l, int *ret_value);
void loop_stop(struct loop *l, int value);
/* One round, waiting at most timeout_ms; for tests and for pumping inside a synchronous call. */
RESULT loop_once(struct loop *l, int timeout_ms);
