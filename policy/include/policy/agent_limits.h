/* How much the host may ask of the agent. Messages are at most TTRPC_MESSAGE_MAX anyway. */
#pragma once

enum {
	AGENT_ID_MAX = 128,	       /* container and exec ids, characters */
	AGENT_CONTAINERS_MAX = 64,     /* living at a time */
	AGENT_PROCESSES_MAX = 128,     /* main process and execs of one container */
	AGENT_ARGS_MAX = 32 * 1024,    /* arguments, environment variables */
	AGENT_STRING_MAX = 128 * 1024, /* one argument or variable: the kernel's MAX_ARG_STRLEN */
	AGENT_MOUNTS_MAX = 64,
	AGENT_MOUNT_OPTIONS_MAX = 32,
	AGENT_GROUPS_MAX = 64,
	AGENT_RLIMITS_MAX = 16,
	AGENT_PATHS_MAX = 128, /* masked or read-only paths */
	AGENT_SYSCTLS_MAX = 32,
	AGENT_SECCOMP_MAX = 1024, /* rules of a seccomp profile */
	AGENT_DNS_MAX = 32,	  /* lines of resolv.conf */
	AGENT_DNS_LINE_MAX = 256,
	AGENT_ROUTES_MAX = 64,
	AGENT_INTERFACES_MAX = 8,
	AGENT_NEIGHBOURS_MAX = 64,
	AGENT_READ_MAX = 256 * 1024,	    /* one ReadStdout */
	AGENT_CONFIG_MAX = 16 * 1024 * 1024 /* the config.json written for crun */
};
