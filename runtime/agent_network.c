#include "agent_network.h"

#include "agent_internal.h"

enum {
	NETWORK_MS = 30 * 1000
};

static RESULT call(struct agent_client *a, const char *method, const ProtobufCMessage *request)
{
	struct agent_call c = { .service = AGENT_SERVICE,
		.method = method,
		.request = request,
		.timeout_ms = NETWORK_MS };

	return agent_call(a, &c, NULL, NULL);
}

RESULT agent_update_interface(struct agent_client *a, const Types__Interface *i)
{
	Agent__UpdateInterfaceRequest request = AGENT__UPDATE_INTERFACE_REQUEST__INIT;

	request.interface = (Types__Interface *)(uintptr_t)i;
	return call(a, "UpdateInterface", &request.base);
}

RESULT agent_update_routes(struct agent_client *a, Types__Route **routes, size_t n)
{
	Agent__UpdateRoutesRequest request = AGENT__UPDATE_ROUTES_REQUEST__INIT;
	Agent__Routes list = AGENT__ROUTES__INIT;

	list.routes = routes;
	list.n_routes = n;
	request.routes = &list;
	return call(a, "UpdateRoutes", &request.base);
}

RESULT agent_add_neighbours(struct agent_client *a, Types__ARPNeighbor **neighbours, size_t n)
{
	Agent__AddARPNeighborsRequest request = AGENT__ADD_ARPNEIGHBORS_REQUEST__INIT;
	Agent__ARPNeighbors list = AGENT__ARPNEIGHBORS__INIT;

	list.arpneighbors = neighbours;
	list.n_arpneighbors = n;
	request.neighbors = &list;
	return call(a, "AddARPNeighbors", &request.base);
}
