/*
 * Ends of processes. The agent is PID 1 (or a subreaper in tests), so besides the programs that it
 * starts it inherits the processes that crun leaves to it, and orphans that nobody asked for.
 */
#pragma once

#include <base/auto.h>
#include <base/loop.h>

struct reaper;

/* Exit status, 128 + signal when killed. */
typedef void reaper_fn(void *arg, int status);

RESULT reaper_new(struct loop *l, struct reaper **ret_reaper);
void reaper_freep(struct reaper **r);
/* Calls fn once when the process has ended; before this returns when it already has. */
RESULT reaper_watch(struct reaper *r, pid_t pid, reaper_fn *fn, void *arg);
/* Drops everything watched with this argument. */
void reaper_forget(struct reaper *r, const void *arg);
/* Reaps what has ended by now instead of waiting for the loop's next round. */
void reaper_collect(struct reaper *r);
