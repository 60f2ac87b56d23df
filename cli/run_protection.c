#include "run_protection.h"

#include <base/file.h>

enum {
	FILE_MAX = 64 * 1024
};

static RESULT read_id_block(const struct run_protection *o, struct vm_protection *p)
{
	AUTO(buf_done) struct buf block = BUF_INIT(FILE_MAX);
	AUTO(buf_done) struct buf auth = BUF_INIT(FILE_MAX);

	if (!o->id_block && !o->id_auth)
		return OK;
	if (!o->id_block || !o->id_auth)
		return err_new(ERR_USAGE, "--id-block and --id-auth go together");
	TRY(file_read(o->id_block, &block));
	TRY(file_read(o->id_auth, &auth));
	return vm_id_block_set(buf_bytes(&block), buf_bytes(&auth), p);
}

static RESULT need_file(const char *option, const char *path)
{
	if (path && !file_exists(path))
		return err_new(ERR_NOT_FOUND, "%s %s is not there", option, path);
	return OK;
}

RESULT run_protection_read(const struct run_protection *o, struct vm_protection *ret_protection)
{
	struct vm_protection p = {
		.session = o->session,
		.dh_cert = o->dh_cert,
		.cpu_model = o->cpu_model,
		.quote_socket = o->quote_socket,
		.has_policy = o->policy,
	};

	if (o->policy)
		TRY(vm_policy_parse(o->policy, &p.policy));
	TRY(need_file("--session", o->session));
	TRY(need_file("--dh-cert", o->dh_cert));
	TRY(read_id_block(o, &p));
	*ret_protection = p;
	return OK;
}
