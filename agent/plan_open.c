#include "open.h"

static RESULT copy_strings(char *const *from, size_t n, const char *what, struct strv *to)
{
	if (n > AGENT_ARGS_MAX)
		return err_new(ERR_LIMIT, "%s: more than %d", what, AGENT_ARGS_MAX);
	for (size_t i = 0; i < n; i++)
		TRY(strv_add(to, from[i]));
	return OK;
}

static RESULT plan_argv(const struct plan_open_sources *s, struct strv *argv)
{
	if (s->process && s->process->n_args > 0)
		return copy_strings(s->process->args, s->process->n_args, "args", argv);
	if (!s->image || s->image->argv.n == 0)
		return err_new(ERR_FORMAT, "args: neither the request nor the image has a command");
	return copy_strings(s->image->argv.v, s->image->argv.n, "args", argv);
}

static bool names_variable(const Oci__Process *p, const char *variable)
{
	const char *equals = strchr(variable, '=');
	size_t n = equals ? (size_t)(equals - variable) + 1 : strlen(variable);

	for (size_t i = 0; p && i < p->n_env; i++)
		if (strncmp(p->env[i], variable, n) == 0)
			return true;
	return false;
}

static RESULT plan_env(const struct plan_open_sources *s, struct strv *env)
{
	const Oci__Process *p = s->process;

	if (s->container && (!p || p->n_env == 0))
		return copy_strings(s->container->env.v, s->container->env.n, "env", env);
	for (size_t i = 0; s->image && i < s->image->env.n; i++)
		if (!names_variable(p, s->image->env.v[i]))
			TRY(strv_add(env, s->image->env.v[i]));
	if (p)
		TRY(copy_strings(p->env, p->n_env, "env", env));
	return OK;
}

static RESULT plan_cwd(const struct plan_open_sources *s, char **ret_cwd)
{
	const char *cwd = "/";

	if (s->image)
		cwd = s->image->cwd;
	if (s->container)
		cwd = s->container->cwd;
	if (s->process && s->process->cwd[0] != '\0')
		cwd = s->process->cwd;
	if (cwd[0] != '/' || strlen(cwd) > 4095)
		return err_new(ERR_FORMAT, "cwd: not absolute");
	return str_dup(cwd, ret_cwd);
}

static RESULT set_groups(struct image_user *u, const uint32_t *groups, size_t n)
{
	if (n > AGENT_GROUPS_MAX)
		return err_new(ERR_LIMIT, "more than %d groups", AGENT_GROUPS_MAX);
	free(u->groups);
	u->n_groups = 0;
	u->groups = calloc(n > 0 ? n : 1, sizeof(*u->groups));
	if (!u->groups)
		return err_new(ERR_NOMEM, "groups");
	for (size_t i = 0; i < n; i++)
		u->groups[i] = groups[i];
	u->n_groups = n;
	return OK;
}

/* Kata's runtimes send names of users that only the guest's image can resolve this way. */
static RESULT user_by_name(int rootfs_fd, const Agent__StringUser *asked, struct image_user *u)
{
	AUTO(auto_free) char *text = NULL;

	TRY(str_format(&text, "%s%s%s", asked->uid, asked->gid[0] != '\0' ? ":" : "", asked->gid));
	return image_user_resolve(rootfs_fd, text, u);
}

static RESULT user_requested(const Oci__User *asked, struct image_user *u)
{
	if (asked->uid == UINT32_MAX || asked->gid == UINT32_MAX)
		return err_new(ERR_FORMAT, "user: reserved number");
	*u = (struct image_user){ .uid = asked->uid, .gid = asked->gid };
	return set_groups(u, asked->additionalgids, asked->n_additionalgids);
}

static RESULT plan_user(const struct plan_open_sources *s, struct image_user *u)
{
	const struct image_user *own = s->container ? &s->container->user : NULL;

	if (s->string_user && s->string_user->uid[0] != '\0')
		return user_by_name(s->rootfs_fd, s->string_user, u);
	if (s->process && s->process->user)
		return user_requested(s->process->user, u);
	if (s->image)
		return image_user_resolve(s->rootfs_fd, s->image->user, u);
	*u = (struct image_user){ .uid = own ? own->uid : 0, .gid = own ? own->gid : 0 };
	return own ? set_groups(u, own->groups, own->n_groups) : OK;
}

RESULT plan_open(const struct plan_open_sources *s, struct plan *ret_plan)
{
	AUTO(plan_done) struct plan p = { 0 };

	TRY(plan_argv(s, &p.argv));
	TRY(plan_env(s, &p.env));
	TRY(plan_cwd(s, &p.cwd));
	TRY(plan_user(s, &p.user));
	*ret_plan = p;
	p = (struct plan){ 0 };
	return OK;
}
