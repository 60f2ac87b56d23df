#include "session.h"

#include <base/file.h>

static RESULT in_pod(const struct session *s, const char *name, char **ret_path)
{
	return path_join(s->pod.dir, name, ret_path);
}

static RESULT replace(char **text, const char *with)
{
	char *copy = NULL;

	TRY(str_dup(with, &copy));
	free(*text);
	*text = copy;
	return OK;
}

static RESULT describe(struct session *s)
{
	const struct run_config *c = s->config;
	struct timeline_record *r = &s->result->record;

	TRY(replace(&s->pod.state.image, c->image));
	TRY(replace(&s->pod.state.platform, c->platform->name));
	TRY(replace(&s->pod.state.container, s->pod.state.id));
	TRY(replace(&r->id, s->pod.state.id));
	TRY(replace(&r->image, c->image));
	TRY(replace(&r->platform, c->platform->name));
	r->created = s->pod.state.created;
	return OK;
}

RESULT session_prepare(struct session *s, struct vm_launch *ret_launch)
{
	const struct run_config *c = s->config;
	const struct launch_from from = {
		.platform = c->platform,
		.kernel = c->kernel,
		.initrd = c->initrd,
		.append = c->append,
		.firmware = c->firmware,
		.firmware_vars = c->firmware_vars,
		.state_dir = c->state_dir,
		.initdata = c->initdata,
	};
	struct vm_protection protection = c->protection;

	TRY(launch_check(&from));
	TRY(pod_create(c->run_dir, c->name, &s->pod));
	TRY(describe(s));
	TRY(session_save(s));
	TRY(launch_prepare(&from, s->pod.dir, &protection, &s->files));
	*ret_launch = (struct vm_launch){
		.platform = c->platform,
		.config = {
			.id = s->pod.state.id,
			.arch = c->arch,
			.accel = c->accel,
			.memory_mib = c->memory_mib,
			.cpus = c->cpus,
			.kernel = c->kernel,
			.initrd = c->initrd,
			.append = s->files.append ? s->files.append : c->append,
			.firmware = c->firmware,
			.firmware_vars = s->files.vars,
			.protection = protection,
			.initdata = s->files.initdata,
			.net_user = c->net_user,
		},
		.pod_dir = s->pod.dir,
		.ca_dir = s->files.ca,
		.qemu_user = c->qemu_user,
	};
	return OK;
}

RESULT session_save(struct session *s)
{
	AUTO(buf_done) struct buf text = BUF_INIT(TIMELINE_TEXT_MAX);
	AUTO(auto_free) char *path = NULL;

	TRY(replace(&s->pod.state.stage, s->stage));
	TRY(pod_save(&s->pod));
	TRY(in_pod(s, TIMELINE_FILE, &path));
	TRY(timeline_print(&s->result->record, &text));
	return file_write_atomic(path, buf_bytes(&text), 0600);
}
