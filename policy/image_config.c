#include "policy/image_config.h"

#include <policy/agent_limits.h>

struct process_part {
	struct strv entrypoint, cmd, env;
	char *cwd, *user;
	const struct json *volumes; /* {"/dir":{}} */
};

struct document {
	struct process_part config;
};

#define PART(member, name, kind, max)                                                              \
	JSON_FIELD_AS(struct process_part, member, name, kind, FIELD_NULLABLE, max)

static const struct json_field part_fields[] = {
	PART(entrypoint, "Entrypoint", FIELD_STRV, AGENT_ARGS_MAX),
	PART(cmd, "Cmd", FIELD_STRV, AGENT_ARGS_MAX),
	PART(env, "Env", FIELD_STRV, AGENT_ARGS_MAX),
	PART(cwd, "WorkingDir", FIELD_STR, 4096),
	PART(user, "User", FIELD_STR, 256),
	PART(volumes, "Volumes", FIELD_JSON, 0),
};

/* Images carry much more than we read; it has no effect here. */
static const struct json_table part_table = {
	.what = "config",
	.size = sizeof(struct process_part),
	.fields = part_fields,
	.n = ARRAY_LEN(part_fields),
	.open = true,
};

static const struct json_field document_fields[] = {
	JSON_FIELD_SUB(
		struct document, config, "config", FIELD_OBJECT, FIELD_NULLABLE, 0, &part_table),
};

static const struct json_table document_table = {
	.what = "image configuration",
	.size = sizeof(struct document),
	.fields = document_fields,
	.n = ARRAY_LEN(document_fields),
	.open = true,
};

static void document_done(struct document *d)
{
	json_release(&document_table, d);
}

static RESULT fill_volumes(const struct json *volumes, struct strv *to)
{
	if (json_members(volumes) > AGENT_MOUNTS_MAX)
		return err_new(
			ERR_LIMIT, "image configuration: more than %d Volumes", AGENT_MOUNTS_MAX);
	for (size_t i = 0; i < json_members(volumes); i++)
		TRY(strv_add(to, json_name_at(volumes, i)));
	return OK;
}

static RESULT fill(const struct process_part *p, struct image_config *c)
{
	for (size_t i = 0; i < p->entrypoint.n; i++)
		TRY(strv_add(&c->argv, p->entrypoint.v[i]));
	c->n_entrypoint = c->argv.n;
	for (size_t i = 0; i < p->cmd.n; i++)
		TRY(strv_add(&c->argv, p->cmd.v[i]));
	for (size_t i = 0; i < p->env.n; i++) {
		const char *equals = strchr(p->env.v[i], '=');

		if (!equals || equals == p->env.v[i])
			return err_new(ERR_FORMAT, "image configuration: Env has no NAME=value");
		TRY(strv_add(&c->env, p->env.v[i]));
	}
	TRY(fill_volumes(p->volumes, &c->volumes));
	TRY(str_dup(p->cwd && p->cwd[0] != '\0' ? p->cwd : "/", &c->cwd));
	if (c->cwd[0] != '/')
		return err_new(ERR_FORMAT, "image configuration: WorkingDir is not absolute");
	return str_dup(p->user ? p->user : "", &c->user);
}

RESULT image_config_parse(struct bytes text, struct image_config *ret_config)
{
	AUTO(document_done) struct document d = { 0 };
	AUTO(image_config_done) struct image_config c = { 0 };
	AUTO(json_freep) struct json *root = NULL;

	TRY(json_parse(text, &root));
	TRY(json_decode(root, &document_table, &d));
	TRY(fill(&d.config, &c));
	*ret_config = c;
	c = (struct image_config){ 0 };
	return OK;
}

void image_config_done(struct image_config *c)
{
	strv_done(&c->argv);
	strv_done(&c->env);
	strv_done(&c->volumes);
	free(c->cwd);
	free(c->user);
	*c = (struct image_config){ 0 };
}
