#include "policy.h"

#include <base/file.h>
#include <runtime/pod_size.h>

RESULT policy_files_add(struct policy_files *f, const char *path)
{
	struct policy_file *v, file = { .path = path, .text = BUF_INIT(POD_YAML_MAX) };
	struct err e;

	if (f->n == POLICY_FILES_MAX)
		return err_new(ERR_LIMIT, "more than %d files", POLICY_FILES_MAX);
	v = realloc(f->v, (f->n + 1) * sizeof(*v));
	if (!v)
		return err_new(ERR_NOMEM, "files");
	f->v = v;
	e = file_read(path, &file.text);
	if (!failed(e))
		e = pod_yaml_parse(buf_bytes(&file.text), &file.documents);
	if (failed(e)) {
		buf_done(&file.text);
		return err_add(e, "%s", path);
	}
	f->v[f->n++] = file;
	return OK;
}

void policy_files_done(struct policy_files *f)
{
	for (size_t i = 0; i < f->n; i++) {
		buf_done(&f->v[i].text);
		json_free(f->v[i].documents);
	}
	free(f->v);
	*f = (struct policy_files){ 0 };
}

RESULT policy_files_documents(const struct policy_files *f, const struct json ***ret_list)
{
	const struct json **list = calloc(f->n + 1, sizeof(struct json *));

	if (!list)
		return err_new(ERR_NOMEM, "files");
	for (size_t i = 0; i < f->n; i++)
		list[i] = f->v[i].documents;
	*ret_list = list;
	return OK;
}
