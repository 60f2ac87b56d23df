/* UpdateContainer: limits only; the host could starve the guest anyway. */
#include "open.h"
#include "reply.h"
#include "requests.h"

#include <base/file.h>

struct update {
	struct ttrpc_call *call;
	char *dir, *file;
};

static void update_free(struct update *u)
{
	if (u->file)
		(void)unlink(u->file);
	free(u->file);
	free(u->dir);
	free(u);
}

static void on_updated(void *arg, int status)
{
	struct update *u = arg;
	struct ttrpc_call *call = u->call;
	struct err e = status == 0 ? OK : crun_error(u->dir, "update", status);

	update_free(u);
	reply_result(call, e);
}

static RESULT check_devices(const Oci__LinuxResources *r)
{
	for (size_t i = 0; i < r->n_devices; i++)
		if (r->devices[i]->allow)
			return err_deny(ERR_DENIED, "manifest.devices", "resources.Devices",
				"(not listed)", "allow");
	return OK;
}

static RESULT start_update(struct update *u, const struct container *c, Oci__LinuxResources *r)
{
	AUTO(buf_done) struct buf json = BUF_INIT(AGENT_CONFIG_MAX);
	struct json_writer w = jw_of(&json);

	if (str_equal(c->agent->set.cgroup_manager, "disabled"))
		return err_new(ERR_UNSUPPORTED, "limits: this host has no cgroup v2");
	TRY(c->open ? OK : check_devices(r));
	/* Without devices: those of the container stay as they are. */
	jw_object(&w);
	if (c->open) {
		device_map_apply(&c->device_numbers, c->agent->set.init, r);
		spec_open_put_limits(&w, c->agent, r);
	} else {
		spec_put_limits(&w, r);
	}
	jw_object_end(&w);
	TRY(buf_end(&json, "resources"));
	TRY(str_dup(c->dir, &u->dir));
	TRY(path_join(c->dir, "update.json", &u->file));
	TRY(file_write_atomic(u->file, buf_bytes(&json), 0600));
	return crun_start(&(struct crun_call){
		.agent = c->agent,
		.command = "update",
		.id = c->id,
		.dir = c->dir,
		.resources = u->file,
		.fn = on_updated,
		.arg = u,
	});
}

static RESULT begin_update(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__UpdateContainerRequest *q = NULL;
	struct container *c;
	struct update *u;
	struct err e;

	TRY(PB_UNPACK(agent__update_container_request, payload, &q));
	TRY(container_get(a, q->container_id, &c));
	if (c->sandbox || !q->resources) {
		reply_empty(call);
		return OK;
	}
	u = calloc(1, sizeof(*u));
	if (!u)
		return err_new(ERR_NOMEM, "update");
	u->call = call;
	if (failed(e = start_update(u, c, q->resources)))
		update_free(u);
	return e;
}

void update_container(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = begin_update(a, call, payload);

	if (failed(e))
		reply_failure(call, e);
}
