/* Requests of the Kata agent API, one function each, and what they do to the guest. */
#pragma once

#include "agent.h"

/* sandbox.c */
void sandbox_create(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void sandbox_destroy(struct agent *a, struct ttrpc_call *call, struct bytes payload);
RESULT sandbox_check_dns_line(const char *line);
RESULT effect_namespaces(struct agent *a, const char *hostname);

/* sysctl.c */
/* The file below /proc/sys; ERR_FORMAT when the name is none. */
RESULT sysctl_path(const char *name, char **ret_path);
/* CLONE_NEWIPC or CLONE_NEWUTS when every such namespace has its own value, else 0. */
int sysctl_namespace(const char *path);
RESULT effect_sysctl(struct agent *a, const char *name, const char *value);

/* pause.c */
RESULT effect_pid_namespace(struct agent *a);
void pause_end(struct agent *a);

/* modules.c */
RESULT modules_check(const Agent__KernelModule *m);
RESULT effect_module(const Agent__KernelModule *m);

/* lifecycle.c, exec.c */
void lifecycle_create(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void lifecycle_start(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void remove_container(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void exec_process(struct agent *a, struct ttrpc_call *call, struct bytes payload);

/* tasks.c */
void tasks_signal(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void tasks_wait(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void tasks_write(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void tasks_read_stdout(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void tasks_read_stderr(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void tasks_close_stdin(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void tasks_resize(struct agent *a, struct ttrpc_call *call, struct bytes payload);

/* stats.c */
void stats_container(struct agent *a, struct ttrpc_call *call, struct bytes payload);

/* update.c */
void update_container(struct agent *a, struct ttrpc_call *call, struct bytes payload);

/* diagnostics.c, metrics.c, iptables.c */
void diagnostics_get(struct agent *a, struct ttrpc_call *call, struct bytes payload);
/* Remembers which file the termination log is, while the request is there. */
RESULT diagnostics_remember(struct container *c);
void metrics_get(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void iptables_get(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void iptables_set(struct agent *a, struct ttrpc_call *call, struct bytes payload);

RESULT effect_filter_get(bool ipv6, struct buf *rules);
RESULT effect_filter_set(bool ipv6, struct bytes rules, struct buf *out);

/* memory.c */
void memory_add_swap(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void memory_add_swap_path(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void memory_probe(struct agent *a, struct ttrpc_call *call, struct bytes payload);
RESULT effect_swap(const char *path);
RESULT effect_memory_probe(uint64_t address);

/* refuse.c: what no agent of ours can be asked to do, and why */
void refuse_policy(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void refuse_mem_agent(struct agent *a, struct ttrpc_call *call, struct bytes payload);

/* network.c */
void network_interface(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void network_routes(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void network_neighbours(struct agent *a, struct ttrpc_call *call, struct bytes payload);
RESULT network_check_interface(const Types__Interface *i);
RESULT network_check_route(const Types__Route *r);
RESULT network_check_neighbour(const Types__ARPNeighbor *n);
/* network_list.c */
void network_list_interfaces(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void network_list_routes(struct agent *a, struct ttrpc_call *call, struct bytes payload);
/* network_effects.c */
RESULT effect_interface(const Types__Interface *i);
RESULT effect_routes(const Agent__Routes *routes);
RESULT effect_neighbours(const Agent__ARPNeighbors *neighbours);

/* volume_stats.c */
void volume_stats(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void volume_resize(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void volume_update_ephemeral(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void volume_remove_stale(struct agent *a, struct ttrpc_call *call, struct bytes payload);

/* copy_file.c */
void copy_file(struct agent *a, struct ttrpc_call *call, struct bytes payload);

/* guest.c */
void guest_health(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void guest_version(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void guest_details(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void guest_set_clock(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void guest_reseed(struct agent *a, struct ttrpc_call *call, struct bytes payload);
RESULT effect_clock(int64_t sec, int64_t usec);
RESULT effect_random(struct bytes data);

/* online.c */
void guest_online(struct agent *a, struct ttrpc_call *call, struct bytes payload);
void online_give_up(struct agent *a);
RESULT effect_cpus(uint32_t n, uint32_t *ret_done);
RESULT effect_memory_online(void);

/* crun.c */
RESULT effect_run(struct agent *a, const struct process_spec *spec, command_fn *fn, void *arg);
