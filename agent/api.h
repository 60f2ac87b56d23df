/* The agent's ttrpc services: grpc.AgentService (the subset in api.c) and grpc.Health. */
#pragma once

#include "agent.h"

RESULT api_server_new(struct agent *a, struct ttrpc_server **ret_server);
/* The methods' names, ended by NULL; for tests. */
extern const char *const api_methods[];
