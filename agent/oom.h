/*
 * Containers whose processes the kernel killed for want of memory: memory.events of their cgroups,
 * watched by inotify. A host that does not ask loses the oldest events, nothing else.
 */
#pragma once

#include "agent.h"

RESULT oom_new(struct agent *a, struct oom **ret_oom);
void oom_freep(struct oom **o);
/* From its start to its removal. Without a memory controller nothing will ever happen. */
void oom_watch(struct container *c);
void oom_forget(struct container *c);
/* Looks now: a kill should be known before the end of the process that it hit. */
void oom_check(struct container *c);
/* GetOOMEvent: the next container, when there is one. */
void oom_event(struct agent *a, struct ttrpc_call *call, struct bytes payload);
