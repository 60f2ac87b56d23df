#include "session.h"

#include <base/file.h>
#include <measured-boot/initdata.h>

enum {
	VARS_MAX = 16 * 1024 * 1024
};

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

static RESULT write_initdata(struct session *s, char **ret_path)
{
	AUTO(buf_done) struct buf image = BUF_INIT(2 * INITDATA_MAX);
	AUTO(auto_free) char *path = NULL;

	TRY(initdata_image_make(s->config->initdata, &image));
	TRY(in_pod(s, "initdata.img", &path));
	TRY(file_write_atomic(path, buf_bytes(&image), 0600));
	*ret_path = TAKE(path);
	return OK;
}

/* Each pod writes to variables of its own. */
static RESULT copy_vars(struct session *s, char **ret_path)
{
	AUTO(buf_done) struct buf vars = BUF_INIT(VARS_MAX);
	AUTO(auto_free) char *path = NULL;

	TRY(file_read(s->config->firmware_vars, &vars));
	TRY(in_pod(s, "vars.fd", &path));
	TRY(file_write_atomic(path, buf_bytes(&vars), 0600));
	*ret_path = TAKE(path);
	return OK;
}

static RESULT need_file(const char *path, const char *what)
{
	if (!file_exists(path))
		return err_new(ERR_NOT_FOUND, "%s %s is not there", what, path);
	return OK;
}

static RESULT check_files(const struct run_config *c)
{
	enum vm_firmware firmware = c->platform->firmware;

	TRY(need_file(c->kernel, "guest kernel"));
	if (!c->platform->sealed)
		TRY(need_file(c->initrd, "guest initrd"));
	if (firmware != VM_FIRMWARE_NONE)
		TRY(need_file(c->firmware, "firmware"));
	return firmware == VM_FIRMWARE_FLASH ? need_file(c->firmware_vars, "firmware variables")
					     : OK;
}

struct launch_paths {
	char *initdata, *vars, *ca, *dir;
};

static void launch_paths_done(struct launch_paths *p)
{
	free(p->initdata);
	free(p->vars);
	free(p->ca);
	free(p->dir);
}

static RESULT make_files(struct session *s, struct launch_paths *p)
{
	const struct run_config *c = s->config;

	if (c->initdata.n)
		TRY(write_initdata(s, &p->initdata));
	if (c->platform->firmware == VM_FIRMWARE_FLASH)
		TRY(copy_vars(s, &p->vars));
	TRY(path_join(c->state_dir, "tpm-ca", &p->ca));
	return str_dup(s->pod.dir, &p->dir);
}

static RESULT bind_initdata(struct session *s, struct vm_protection *p)
{
	const struct run_config *c = s->config;
	struct digest_value digest;

	if (c->initdata.n == 0 || (!c->platform->initdata_size && !c->platform->initdata_append))
		return OK;
	TRY(initdata_digest(c->initdata, &digest));
	if (c->platform->initdata_size)
		p->initdata = digest;
	if (c->platform->initdata_append)
		return initdata_append(c->append, &digest, &s->append);
	return OK;
}

RESULT session_prepare(struct session *s, struct vm_launch *ret_launch)
{
	AUTO(launch_paths_done) struct launch_paths p = { 0 };
	const struct run_config *c = s->config;
	struct vm_protection protection = c->protection;

	TRY(check_files(c));
	TRY(bind_initdata(s, &protection));
	TRY(pod_create(c->run_dir, c->name, &s->pod));
	TRY(describe(s));
	TRY(session_save(s));
	TRY(make_files(s, &p));
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
			.append = s->append ? s->append : c->append,
			.firmware = c->firmware,
			.firmware_vars = TAKE(p.vars),
			.protection = protection,
			.initdata = TAKE(p.initdata),
			.net_user = c->net_user,
		},
		.pod_dir = TAKE(p.dir),
		.ca_dir = TAKE(p.ca),
	};
	return OK;
}

static void free_text(const char *text)
{
	union {
		const char *in;
		void *out;
	} u = { .in = text };

	free(u.out);
}

void session_launch_done(struct vm_launch *l)
{
	free_text(l->config.firmware_vars);
	free_text(l->config.initdata);
	free_text(l->pod_dir);
	free_text(l->ca_dir);
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
