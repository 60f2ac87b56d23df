#include "agent_internal.h"
#include "oci_spec.h"

#include <agent.pb-c.h>
#include <health.pb-c.h>

enum {
	SHORT_MS = 30 * 1000, /* what only touches the guest's memory */
	DESTROY_MS = 5 * 1000,
	DNS_MAX = 8,
	DNS_LINE_MAX = 64
};

#define GUEST_RUN "/run/kata-containers" /* kata: one directory per container below it */

static RESULT call(struct agent_client *a, const char *method, const ProtobufCMessage *request,
	uint64_t timeout_ms)
{
	struct agent_call c = { .service = AGENT_SERVICE,
		.method = method,
		.request = request,
		.timeout_ms = timeout_ms };

	return agent_call(a, &c, NULL, NULL);
}

RESULT agent_check(struct agent_client *a)
{
	Health__CheckRequest request = HEALTH__CHECK_REQUEST__INIT;
	AUTO(pb_freep) ProtobufCMessage *answer = NULL;
	struct agent_call c = {
		.service = HEALTH_SERVICE, .method = "Check", .request = &request.base
	};

	TRY(agent_call(a, &c, &health__health_check_response__descriptor, &answer));
	const Health__HealthCheckResponse *r = (const void *)answer;
	if (r->status != HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING)
		return err_new(ERR_STATE, "the agent is not serving (status %d)", (int)r->status);
	return OK;
}

RESULT agent_create_sandbox(struct agent_client *a, const struct agent_sandbox *s)
{
	Agent__CreateSandboxRequest request = AGENT__CREATE_SANDBOX_REQUEST__INIT;
	char lines[DNS_MAX][DNS_LINE_MAX];
	char *list[DNS_MAX];
	size_t n = s->dns ? s->dns->n : 0;

	if (n > DNS_MAX)
		return err_new(ERR_LIMIT, "name servers: more than %d", DNS_MAX);
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(lines[i], sizeof(lines[i]), "nameserver %s", s->dns->v[i]);
		list[i] = lines[i];
	}
	request.hostname = pb_text(s->hostname);
	request.sandbox_id = pb_text(s->id);
	request.dns = list;
	request.n_dns = n;
	return call(a, "CreateSandbox", &request.base, SHORT_MS);
}

static RESULT update_interface(struct agent_client *a, const struct agent_network *n)
{
	Agent__UpdateInterfaceRequest request = AGENT__UPDATE_INTERFACE_REQUEST__INIT;
	Types__Interface interface = TYPES__INTERFACE__INIT;
	Types__IPAddress address = TYPES__IPADDRESS__INIT;
	Types__IPAddress *addresses[] = { &address };

	address.family = TYPES__IPFAMILY__v4;
	address.address = pb_text(n->address);
	address.mask = pb_text(n->mask);
	interface.device = pb_text(n->device);
	interface.name = pb_text(n->device);
	interface.ipaddresses = addresses;
	interface.n_ipaddresses = ARRAY_LEN(addresses);
	interface.mtu = n->mtu;
	interface.hwaddr = pb_text(n->mac);
	request.interface = &interface;
	return call(a, "UpdateInterface", &request.base, SHORT_MS);
}

RESULT agent_configure_network(struct agent_client *a, const struct agent_network *n)
{
	Agent__UpdateRoutesRequest request = AGENT__UPDATE_ROUTES_REQUEST__INIT;
	Agent__Routes routes = AGENT__ROUTES__INIT;
	Types__Route route = TYPES__ROUTE__INIT;
	Types__Route *list[] = { &route };

	TRY(update_interface(a, n));
	route.gateway = pb_text(n->gateway);
	route.device = pb_text(n->device);
	route.family = TYPES__IPFAMILY__v4;
	routes.routes = list;
	routes.n_routes = ARRAY_LEN(list);
	request.routes = &routes;
	return call(a, "UpdateRoutes", &request.base, SHORT_MS);
}

static RESULT make_pull_option(const struct agent_container *c, struct buf *out)
{
	buf_puts(out, "image_guest_pull=");
	struct json_writer w = jw_of(out);
	jw_object(&w);
	jw_key(&w, "metadata");
	jw_object(&w);
	jw_kstr(&w, "io.kubernetes.cri.container-type", "container");
	jw_kstr(&w, "io.kubernetes.cri.image-name", c->image);
	jw_object_end(&w);
	jw_object_end(&w);
	buf_u8(out, 0);
	return buf_end(out, "storage of the image");
}

RESULT agent_create_container(struct agent_client *a, const struct agent_container *c)
{
	Agent__CreateContainerRequest request = AGENT__CREATE_CONTAINER_REQUEST__INIT;
	Agent__Storage storage = AGENT__STORAGE__INIT;
	Agent__Storage *storages[] = { &storage };
	AUTO(auto_free) struct oci_spec *spec = calloc(1, sizeof(*spec));
	AUTO(auto_free) char *root = NULL;
	AUTO(buf_done) struct buf option = BUF_INIT(16 * 1024);

	if (!spec)
		return err_new(ERR_NOMEM, "container");
	TRY(str_format(&root, GUEST_RUN "/%s/rootfs", c->id));
	TRY(oci_spec_fill(c, root, spec));
	TRY(make_pull_option(c, &option));
	char *options[] = { (char *)option.p };
	storage.driver = pb_text("image_guest_pull");
	storage.driver_options = options;
	storage.n_driver_options = ARRAY_LEN(options);
	storage.source = pb_text(c->image);
	storage.fstype = pb_text("overlay");
	storage.mount_point = root;
	request.container_id = pb_text(c->id);
	request.exec_id = pb_text(c->id);
	request.storages = storages;
	request.n_storages = ARRAY_LEN(storages);
	request.oci = &spec->spec;
	/* Pulling takes as long as it takes: the watch decides. */
	return call(a, "CreateContainer", &request.base, 0);
}

RESULT agent_start_container(struct agent_client *a, const char *container_id)
{
	Agent__StartContainerRequest request = AGENT__START_CONTAINER_REQUEST__INIT;

	request.container_id = pb_text(container_id);
	return call(a, "StartContainer", &request.base, 0);
}

RESULT agent_exec(struct agent_client *a, const char *container_id, const char *exec_id,
	const struct agent_process *p)
{
	Agent__ExecProcessRequest request = AGENT__EXEC_PROCESS_REQUEST__INIT;
	AUTO(auto_free) struct oci_process *process = calloc(1, sizeof(*process));

	if (!process)
		return err_new(ERR_NOMEM, "process");
	TRY(oci_process_fill(p, process));
	request.container_id = pb_text(container_id);
	request.exec_id = pb_text(exec_id);
	request.process = &process->process;
	return call(a, "ExecProcess", &request.base, SHORT_MS);
}

RESULT agent_signal(
	struct agent_client *a, const char *container_id, const char *exec_id, int signo)
{
	Agent__SignalProcessRequest request = AGENT__SIGNAL_PROCESS_REQUEST__INIT;

	request.container_id = pb_text(container_id);
	request.exec_id = pb_text(exec_id);
	request.signal = (uint32_t)signo;
	return call(a, "SignalProcess", &request.base, SHORT_MS);
}

RESULT agent_wait_process(
	struct agent_client *a, const char *container_id, const char *exec_id, int *ret_status)
{
	Agent__WaitProcessRequest request = AGENT__WAIT_PROCESS_REQUEST__INIT;
	AUTO(pb_freep) ProtobufCMessage *answer = NULL;

	request.container_id = pb_text(container_id);
	request.exec_id = pb_text(exec_id);
	struct agent_call c = {
		.service = AGENT_SERVICE, .method = "WaitProcess", .request = &request.base
	};
	TRY(agent_call(a, &c, &agent__wait_process_response__descriptor, &answer));
	*ret_status = ((const Agent__WaitProcessResponse *)(const void *)answer)->status;
	return OK;
}

RESULT agent_resize(struct agent_client *a, const char *container_id, const char *exec_id,
	uint32_t rows, uint32_t columns)
{
	Agent__TtyWinResizeRequest request = AGENT__TTY_WIN_RESIZE_REQUEST__INIT;

	request.container_id = pb_text(container_id);
	request.exec_id = pb_text(exec_id);
	request.row = rows;
	request.column = columns;
	return call(a, "TtyWinResize", &request.base, SHORT_MS);
}

RESULT agent_destroy_sandbox(struct agent_client *a)
{
	Agent__DestroySandboxRequest request = AGENT__DESTROY_SANDBOX_REQUEST__INIT;

	return call(a, "DestroySandbox", &request.base, DESTROY_MS);
}
