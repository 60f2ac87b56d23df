#include "start.h"

#include "api.h"
#include "cgroup.h"
#include "hub.h"
#include "oom.h"
#include "requests.h"
#include "storage.h"

#include <base/file.h>
#include <measured-boot/initdata.h>
#include <net/transport.h>
#include <sys/mount.h>

enum {
	PORT_WAIT_MS = 2000 /* the host announces virtio-serial ports after the driver is up */
};

RESULT agent_init(struct agent *a, const struct settings *set)
{
	AUTO(auto_free) char *containers = NULL;

	*a = (struct agent){ .set = *set, .effects = &effects_real, .pause = PROCESS_NONE };
	err_save(err_deny(ERR_DENIED, "manifest.missing", "initdata", "a pod manifest", "none"),
		&a->manifest_error);
	TRY(path_join(set->run_dir, "sealpod/containers", &containers));
	TRY(dir_make(containers, 0700));
	TRY(loop_new(&a->loop));
	TRY(reaper_new(a->loop, &a->reaper));
	TRY(oom_new(a, &a->oom));
	return api_server_new(a, &a->server);
}

/* On a plain host; a guest is switched off instead. */
static void end_container(struct container *c)
{
	const struct settings *set = &c->agent->set;
	AUTO(auto_free) char *root = NULL;
	int status;

	if (!c->sandbox && !failed(path_join(set->run_dir, "sealpod/crun", &root))) {
		const char *argv[] = { set->crun, "--root", root, "--cgroup-manager",
			set->cgroup_manager, "delete", "--force", c->id, NULL };

		/* Whatever is left is named in crun's directory. */
		err_ignore(process_run(argv, BYTES_NONE, NULL, NULL, &status));
	}
	if (c->op)
		ttrpc_fail(TAKE(c->op), err_new(ERR_STATE, "the agent ends"));
	container_free(c);
}

static void drop_namespace(const char *path)
{
	if (!path)
		return;
	(void)umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
	(void)unlink(path);
}

static void drop_namespaces(const struct agent *a)
{
	AUTO(auto_free) char *dir = NULL;

	drop_namespace(a->ipc_ns);
	drop_namespace(a->uts_ns);
	if (a->ipc_ns && !failed(path_join(a->set.run_dir, "sandbox-ns", &dir)))
		(void)rmdir(dir);
}

void agent_done(struct agent *a)
{
	hub_freep(&a->hub);
	storage_forget(a);
	online_give_up(a);
	while (a->containers)
		end_container(a->containers);
	storage_sandbox_remove(a);
	oom_freep(&a->oom);
	cgroup_remove_all(a);
	ttrpc_server_free(a->server);
	reaper_freep(&a->reaper);
	loop_free(a->loop);
	pause_end(a);
	drop_namespaces(a);
	manifest_done(&a->manifest);
	free(a->resolv_conf);
	free(a->ipc_ns);
	free(a->uts_ns);
	free(a->pid_ns);
}

RESULT agent_load_initdata(struct agent *a, struct bytes toml)
{
	AUTO(initdata_done) struct initdata d = { 0 };
	const char *text;
	struct err e;

	TRY(initdata_parse(toml, &d));
	text = json_map_get(&d.data, INITDATA_MANIFEST);
	if (!text)
		return OK;
	e = manifest_parse(bytes_str(text), &a->manifest);
	a->has_manifest = !failed(e);
	if (failed(e))
		err_save(err_deny(ERR_DENIED, "manifest.invalid", INITDATA_MANIFEST, NULL,
				 err_text()),
			&a->manifest_error);
	return OK;
}

RESULT agent_write_initdata(const struct agent *a, struct bytes toml)
{
	static const char *const names[] = { INITDATA_AA, INITDATA_CDH };
	AUTO(initdata_done) struct initdata d = { 0 };
	AUTO(auto_free) char *dir = NULL;
	AUTO(auto_free) char *whole = NULL;

	TRY(initdata_parse(toml, &d));
	TRY(path_join(a->set.run_dir, INITDATA_DIR, &dir));
	TRY(dir_make(dir, 0755));
	TRY(path_join(dir, "initdata.toml", &whole));
	TRY(file_write_atomic(whole, toml, 0644));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *text = json_map_get(&d.data, names[i]);
		AUTO(auto_free) char *path = NULL;

		if (!text)
			continue;
		TRY(path_join(dir, names[i], &path));
		TRY(file_write_atomic(path, bytes_str(text), 0644));
	}
	return OK;
}

RESULT agent_serve(struct agent *a, const char *address)
{
	int fd = -1;

	if (!transport_is_virtio_port(address)) {
		TRY(transport_listen(address, &fd));
		return ttrpc_server_listen(a->server, fd);
	}
	TRY(transport_connect(address, PORT_WAIT_MS, &fd));
	return ttrpc_server_add(a->server, fd, true);
}
