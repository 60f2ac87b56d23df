/* Calls about the guest's network. They pump the loop; the messages are read only. */
#pragma once

#include "runtime/agent_client.h"

#include <agent.pb-c.h>

RESULT agent_update_interface(struct agent_client *a, const Types__Interface *i);
/* All routes at once; once for a sandbox. */
RESULT agent_update_routes(struct agent_client *a, Types__Route **routes, size_t n);
RESULT agent_add_neighbours(struct agent_client *a, Types__ARPNeighbor **neighbours, size_t n);
