#include "api.h"

#include "block_wait.h"
#include "cgroup.h"
#include "hub.h"
#include "oom.h"
#include "requests.h"
#include "storage_op.h"

#include <base/log.h>

#define AGENT  "grpc.AgentService"
#define HEALTH "grpc.Health"

/* service, method, function. New ones at the end: seeds of the fuzzer count from the first. */
#define METHODS(X)                                                                                 \
	X(HEALTH, Check, guest_health)                                                             \
	X(HEALTH, Version, guest_version)                                                          \
	X(AGENT, CreateSandbox, sandbox_create)                                                    \
	X(AGENT, DestroySandbox, sandbox_destroy)                                                  \
	X(AGENT, CreateContainer, lifecycle_create)                                                \
	X(AGENT, StartContainer, lifecycle_start)                                                  \
	X(AGENT, RemoveContainer, remove_container)                                                \
	X(AGENT, ExecProcess, exec_process)                                                        \
	X(AGENT, SignalProcess, tasks_signal)                                                      \
	X(AGENT, WaitProcess, tasks_wait)                                                          \
	X(AGENT, WriteStdin, tasks_write)                                                          \
	X(AGENT, ReadStdout, tasks_read_stdout)                                                    \
	X(AGENT, ReadStderr, tasks_read_stderr)                                                    \
	X(AGENT, CloseStdin, tasks_close_stdin)                                                    \
	X(AGENT, TtyWinResize, tasks_resize)                                                       \
	X(AGENT, StatsContainer, stats_container)                                                  \
	X(AGENT, UpdateContainer, update_container)                                                \
	X(AGENT, UpdateInterface, network_interface)                                               \
	X(AGENT, UpdateRoutes, network_routes)                                                     \
	X(AGENT, ListInterfaces, network_list_interfaces)                                          \
	X(AGENT, ListRoutes, network_list_routes)                                                  \
	X(AGENT, AddARPNeighbors, network_neighbours)                                              \
	X(AGENT, SetGuestDateTime, guest_set_clock)                                                \
	X(AGENT, ReseedRandomDev, guest_reseed)                                                    \
	X(AGENT, GetGuestDetails, guest_details)                                                   \
	X(AGENT, OnlineCPUMem, guest_online)                                                       \
	X(AGENT, PauseContainer, freeze_pause)                                                     \
	X(AGENT, ResumeContainer, freeze_resume)                                                   \
	X(AGENT, GetOOMEvent, oom_event)                                                           \
	X(AGENT, GetDiagnosticData, diagnostics_get)                                               \
	X(AGENT, GetMetrics, metrics_get)                                                          \
	X(AGENT, GetIPTables, iptables_get)                                                        \
	X(AGENT, SetIPTables, iptables_set)                                                        \
	X(AGENT, AddSwap, memory_add_swap)                                                         \
	X(AGENT, AddSwapPath, memory_add_swap_path)                                                \
	X(AGENT, MemHotplugByProbe, memory_probe)                                                  \
	X(AGENT, MemAgentMemcgSet, refuse_mem_agent)                                               \
	X(AGENT, MemAgentCompactSet, refuse_mem_agent)                                             \
	X(AGENT, SetPolicy, refuse_policy)                                                         \
	X(AGENT, CopyFile, copy_file)                                                              \
	X(AGENT, GetVolumeStats, volume_stats)                                                     \
	X(AGENT, ResizeVolume, volume_resize)                                                      \
	X(AGENT, UpdateEphemeralMounts, volume_update_ephemeral)                                   \
	X(AGENT, RemoveStaleVirtiofsShareMounts, volume_remove_stale)

/* Whose requests begin with a container's id (field 1 of agent.proto). */
static const char *const of_container[] = { "CreateContainer", "StartContainer", "RemoveContainer",
	"ExecProcess", "SignalProcess", "WaitProcess", "WriteStdin", "ReadStdout", "ReadStderr",
	"CloseStdin", "TtyWinResize", "StatsContainer", "UpdateContainer", "PauseContainer",
	"ResumeContainer" };

/* For the lines that are logged while the request is looked at, also when it is refused. */
static void name_container(const char *method, struct bytes payload)
{
	enum {
		TAG = 1 << 3 | 2,
		ID_MAX = 127 /* one octet of length */
	};
	char id[ID_MAX + 1];
	size_t n = payload.n > 2 && payload.p[0] == TAG ? payload.p[1] : 0;

	if (n == 0 || n > ID_MAX || n + 2 > payload.n)
		return;
	memcpy(id, payload.p + 2, n);
	id[n] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(of_container); i++)
		if (str_equal(of_container[i], method))
			log_field("container", id);
}

#define X(service, method, function)                                                               \
	static void on_##method(void *arg, struct ttrpc_call *call, struct bytes payload)          \
	{                                                                                          \
		name_container(#method, payload);                                                  \
		function(arg, call, payload);                                                      \
		log_field("container", NULL);                                                      \
	}
METHODS(X)
#undef X

static const struct ttrpc_method methods[] = {
#define X(service, method, function) { service, #method, on_##method },
	METHODS(X)
#undef X
};

const char *const api_methods[] = {
#define X(service, method, function) #method,
	METHODS(X)
#undef X
		NULL
};

const struct effects effects_real = {
	.run = effect_run,
	.pull = hub_pull,
	.unseal = hub_unseal,
	.secure_mount = hub_secure_mount,
	.namespaces = effect_namespaces,
	.mount = effect_mount,
	.unmount = effect_unmount,
	.block_prepare = effect_block_prepare,
	.block_find = effect_block_find,
	.interface_set = effect_interface,
	.routes_add = effect_routes,
	.neighbours_add = effect_neighbours,
	.clock_set = effect_clock,
	.random_add = effect_random,
	.cpus_online = effect_cpus,
	.memory_online = effect_memory_online,
	.pid_namespace = effect_pid_namespace,
	.sysctl_set = effect_sysctl,
	.module_load = effect_module,
	.filter_get = effect_filter_get,
	.filter_set = effect_filter_set,
	.swap_on = effect_swap,
	.memory_probe = effect_memory_probe,
};

RESULT api_server_new(struct agent *a, struct ttrpc_server **ret_server)
{
	const struct ttrpc_server_config c = {
		.methods = methods,
		.n_methods = ARRAY_LEN(methods),
		.arg = a,
		/* What Kata's runtimes take for "this agent cannot do that". */
		.unknown_method = TTRPC_UNIMPLEMENTED,
	};

	return ttrpc_server_new(a->loop, &c, ret_server);
}
