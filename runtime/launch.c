#include "launch.h"

#include <base/file.h>
#include <measured-boot/initdata.h>

enum {
	VARS_MAX = 16 * 1024 * 1024
};

void launch_files_done(struct launch_files *f)
{
	free(f->initdata);
	free(f->vars);
	free(f->ca);
	free(f->append);
	*f = (struct launch_files){ 0 };
}

static RESULT need_file(const char *path, const char *what)
{
	if (!path || !file_exists(path))
		return err_new(ERR_NOT_FOUND, "%s %s is not there", what, path ? path : "");
	return OK;
}

RESULT launch_check(const struct launch_from *from)
{
	enum vm_firmware firmware = from->platform->firmware;

	TRY(need_file(from->kernel, "guest kernel"));
	if (!from->platform->sealed)
		TRY(need_file(from->initrd, "guest initrd"));
	if (firmware != VM_FIRMWARE_NONE)
		TRY(need_file(from->firmware, "firmware"));
	return firmware == VM_FIRMWARE_FLASH ? need_file(from->firmware_vars, "firmware variables")
					     : OK;
}

static RESULT write_initdata(struct bytes toml, const char *dir, char **ret_path)
{
	AUTO(buf_done) struct buf image = BUF_INIT(2 * INITDATA_MAX);
	AUTO(auto_free) char *path = NULL;

	TRY(initdata_image_make(toml, &image));
	TRY(path_join(dir, "initdata.img", &path));
	TRY(file_write_atomic(path, buf_bytes(&image), 0600));
	*ret_path = TAKE(path);
	return OK;
}

/* Each pod writes to variables of its own. */
static RESULT copy_vars(const char *from, const char *dir, char **ret_path)
{
	AUTO(buf_done) struct buf vars = BUF_INIT(VARS_MAX);
	AUTO(auto_free) char *path = NULL;

	TRY(file_read(from, &vars));
	TRY(path_join(dir, "vars.fd", &path));
	TRY(file_write_atomic(path, buf_bytes(&vars), 0600));
	*ret_path = TAKE(path);
	return OK;
}

static RESULT bind_initdata(
	const struct launch_from *from, struct vm_protection *p, char **ret_append)
{
	const struct vm_platform *platform = from->platform;
	struct digest_value digest;

	if (from->initdata.n == 0 || (!platform->initdata_size && !platform->initdata_append))
		return OK;
	TRY(initdata_digest(from->initdata, &digest));
	if (platform->initdata_size)
		p->initdata = digest;
	return platform->initdata_append ? initdata_append(from->append, &digest, ret_append) : OK;
}

RESULT launch_prepare(const struct launch_from *from, const char *pod_dir, struct vm_protection *p,
	struct launch_files *ret_files)
{
	AUTO(launch_files_done) struct launch_files f = { 0 };

	TRY(bind_initdata(from, p, &f.append));
	if (from->initdata.n)
		TRY(write_initdata(from->initdata, pod_dir, &f.initdata));
	if (from->platform->firmware == VM_FIRMWARE_FLASH)
		TRY(copy_vars(from->firmware_vars, pod_dir, &f.vars));
	TRY(path_join(from->state_dir, "tpm-ca", &f.ca));
	*ret_files = f;
	f = (struct launch_files){ 0 };
	return OK;
}
