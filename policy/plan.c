#include "policy/plan.h"

#include <policy/agent_limits.h>

static size_t name_length(const char *variable)
{
	return (size_t)(strchr(variable, '=') - variable);
}

static char **env_find(const struct strv *env, const char *name, size_t name_len)
{
	for (size_t i = 0; i < env->n; i++)
		if (bytes_compare(bytes_of(env->v[i], name_length(env->v[i])),
			    bytes_of(name, name_len)) == 0)
			return &env->v[i];
	return NULL;
}

const char *plan_env_get(const struct strv *env, const char *name, size_t name_len)
{
	char **at = env_find(env, name, name_len);

	return at ? *at + name_len + 1 : NULL;
}

static RESULT env_set(struct strv *env, const char *variable)
{
	char **at = env_find(env, variable, name_length(variable));
	char *copy = NULL;

	if (!at && env->n == AGENT_ARGS_MAX)
		return err_new(ERR_LIMIT, "env: more than %d variables", AGENT_ARGS_MAX);
	if (!at)
		return strv_add(env, variable);
	TRY(str_dup(variable, &copy));
	free(*at);
	*at = copy;
	return OK;
}

static RESULT env_add_request(struct strv *env, const Oci__Process *p)
{
	if (p->n_env > AGENT_ARGS_MAX)
		return err_new(ERR_LIMIT, "env: more than %d variables", AGENT_ARGS_MAX);
	for (size_t i = 0; i < p->n_env; i++) {
		const char *equals = strchr(p->env[i], '=');

		if (!equals || equals == p->env[i] || strlen(p->env[i]) > AGENT_STRING_MAX)
			return err_new(ERR_FORMAT, "env[%zu]: no NAME=value", i);
		TRY(env_set(env, p->env[i]));
	}
	return OK;
}

static RESULT env_add_manifest(struct strv *env, const struct json_map *rules)
{
	for (size_t i = 0; i < rules->n; i++) {
		AUTO(auto_free) char *variable = NULL;

		if (manifest_is_pattern(rules->v[i].value))
			continue;
		TRY(str_format(&variable, "%s=%s", rules->v[i].name, rules->v[i].value));
		TRY(env_set(env, variable));
	}
	return OK;
}

static RESULT copy_list(const struct strv *from, struct strv *to)
{
	for (size_t i = 0; i < from->n; i++)
		TRY(strv_add(to, from->v[i]));
	return OK;
}

static RESULT plan_env(const struct plan_sources *s, struct strv *env)
{
	for (size_t i = 0; i < s->image->env.n; i++)
		TRY(env_set(env, s->image->env.v[i]));
	TRY(env_add_manifest(env, &s->rule->env));
	if (s->process)
		TRY(env_add_request(env, s->process));
	return env_find(env, "PATH", 4) ? OK : strv_add(env, PLAN_DEFAULT_PATH);
}

static RESULT copy_args(const Oci__Process *p, struct strv *argv)
{
	if (p->n_args > AGENT_ARGS_MAX)
		return err_new(ERR_LIMIT, "args: more than %d", AGENT_ARGS_MAX);
	for (size_t i = 0; i < p->n_args; i++) {
		if (strlen(p->args[i]) > AGENT_STRING_MAX)
			return err_new(ERR_LIMIT, "args[%zu]: too long", i);
		TRY(strv_add(argv, p->args[i]));
	}
	return OK;
}

static RESULT plan_argv(const struct plan_sources *s, struct plan *p)
{
	const struct manifest_container *rule = s->rule;

	p->argv_asked = s->process && s->process->n_args > 0;
	if (p->argv_asked)
		return copy_args(s->process, &p->argv);
	if (rule->argv.n > 0 && manifest_all_literal(&rule->argv))
		return copy_list(&rule->argv, &p->argv);
	if (s->image->argv.n == 0)
		return err_new(ERR_FORMAT, "args: neither the request nor the image has a command");
	return copy_list(&s->image->argv, &p->argv);
}

static RESULT check_cwd(const char *cwd)
{
	if (cwd[0] != '/' || strlen(cwd) > 4095)
		return err_new(ERR_FORMAT, "cwd: not absolute");
	return OK;
}

static RESULT plan_cwd(const struct plan_sources *s, struct plan *p)
{
	const char *cwd = s->image->cwd;

	p->cwd_asked = s->process && s->process->cwd[0] != '\0';
	if (s->rule->cwd && !manifest_is_pattern(s->rule->cwd))
		cwd = s->rule->cwd;
	if (p->cwd_asked)
		cwd = s->process->cwd;
	TRY(check_cwd(cwd));
	return str_dup(cwd, &p->cwd);
}

static bool has_group(const struct image_user *u, uint32_t gid)
{
	if (gid == u->gid)
		return true;
	for (size_t i = 0; i < u->n_groups; i++)
		if (u->groups[i] == gid)
			return true;
	return false;
}

/* Supplementary groups decide about files: so the request may only repeat those that the image
 * gives to that user and those of the manifest. */
static RESULT user_requested(int rootfs_fd, const Oci__User *asked, const struct image_user *more,
	struct image_user *ret_user)
{
	AUTO(image_user_done) struct image_user u = { 0 };
	char uid[16];

	if (asked->username[0] != '\0')
		return err_new(ERR_UNSUPPORTED, "user: a name instead of numbers");
	if (asked->uid == UINT32_MAX || asked->gid == UINT32_MAX)
		return err_new(ERR_FORMAT, "user: reserved number");
	(void)snprintf(uid, sizeof(uid), "%u", asked->uid);
	TRY(image_user_resolve(rootfs_fd, uid, &u));
	for (size_t i = 0; i < more->n_groups; i++)
		TRY(image_user_add_group(&u, more->groups[i]));
	for (size_t i = 0; i < asked->n_additionalgids; i++) {
		char gid[16];

		if (asked->additionalgids[i] == asked->gid ||
			has_group(&u, asked->additionalgids[i]))
			continue;
		(void)snprintf(gid, sizeof(gid), "%u", asked->additionalgids[i]);
		return err_deny(ERR_DENIED, "manifest.user", "AdditionalGids",
			"groups of the image or the manifest", gid);
	}
	u.gid = asked->gid;
	*ret_user = u;
	u = (struct image_user){ 0 };
	return OK;
}

static RESULT listed_groups(const struct strv *groups, struct image_user *u)
{
	for (size_t i = 0; i < groups->n; i++) {
		uint64_t gid;

		TRY(str_to_u64(groups->v[i], UINT32_MAX - 1, "groups", &gid));
		TRY(image_user_add_group(u, (uint32_t)gid));
	}
	return OK;
}

static RESULT plan_user(const struct plan_sources *s, struct plan *p)
{
	const char *rule = s->rule->user;
	AUTO(image_user_done) struct image_user listed = { 0 };
	bool open = !rule || manifest_user_is_uid(rule); /* the image has a say */
	const char *own = rule && !manifest_is_pattern(rule) ? rule : s->image->user;

	p->user_asked = s->process && s->process->user;
	TRY(listed_groups(&s->rule->groups, &listed));
	if (open)
		TRY(image_user_resolve(s->rootfs_fd, own, &p->image_user));
	if (p->user_asked)
		return user_requested(s->rootfs_fd, s->process->user, &listed, &p->user);
	TRY(image_user_resolve(s->rootfs_fd, own, &p->user));
	return listed_groups(&s->rule->groups, &p->user);
}

RESULT plan_make(const struct plan_sources *s, struct plan *ret_plan)
{
	AUTO(plan_done) struct plan p = { 0 };

	TRY(plan_argv(s, &p));
	TRY(plan_env(s, &p.env));
	TRY(plan_cwd(s, &p));
	TRY(plan_user(s, &p));
	*ret_plan = p;
	p = (struct plan){ 0 };
	return OK;
}

static RESULT copy_user(const struct image_user *from, struct image_user *to)
{
	*to = (struct image_user){ .uid = from->uid, .gid = from->gid };
	if (from->n_groups == 0)
		return OK;
	to->groups = calloc(from->n_groups, sizeof(*to->groups));
	if (!to->groups)
		return err_new(ERR_NOMEM, "groups");
	memcpy(to->groups, from->groups, from->n_groups * sizeof(*to->groups));
	to->n_groups = from->n_groups;
	return OK;
}

RESULT plan_make_exec(const struct plan *container, const Oci__Process *process, int rootfs_fd,
	struct plan *ret_plan)
{
	AUTO(plan_done) struct plan p = { 0 };
	const char *cwd = process->cwd[0] != '\0' ? process->cwd : container->cwd;

	if (process->n_args == 0)
		return err_new(ERR_FORMAT, "args: empty");
	p.argv_asked = true;
	p.cwd_asked = process->cwd[0] != '\0';
	p.user_asked = process->user != NULL;
	TRY(copy_args(process, &p.argv));
	TRY(copy_list(&container->env, &p.env));
	TRY(env_add_request(&p.env, process));
	TRY(check_cwd(cwd));
	TRY(str_dup(cwd, &p.cwd));
	if (process->user)
		TRY(user_requested(rootfs_fd, process->user, &container->user, &p.user));
	else
		TRY(copy_user(&container->user, &p.user));
	*ret_plan = p;
	p = (struct plan){ 0 };
	return OK;
}

void plan_done(struct plan *p)
{
	strv_done(&p->argv);
	strv_done(&p->env);
	free(p->cwd);
	image_user_done(&p->user);
	image_user_done(&p->image_user);
	*p = (struct plan){ 0 };
}
