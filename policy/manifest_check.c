#include "policy/manifest_check.h"

/* "containers[app].argv[1]" */
static struct err deny(const struct manifest_container *c, const char *code, const char *member,
	const char *expected, const char *actual)
{
	char field[DENIAL_FIELD_MAX];

	(void)snprintf(field, sizeof(field), "containers[%s].%s", c->name, member);
	return err_deny(ERR_DENIED, code, field, expected, actual);
}

static struct err deny_container(const char *expected, const char *actual)
{
	return err_deny(ERR_DENIED, "manifest.container", "containers", expected, actual);
}

RESULT manifest_pick(const struct manifest *m, const struct manifest_ask *ask, size_t *ret_index)
{
	size_t found = m->containers.n;

	for (size_t i = 0; i < m->containers.n; i++) {
		const struct manifest_container *c = manifest_container_at(m, i);

		if (ask->name ? !str_equal(c->name, ask->name)
			      : !manifest_image_matches(c->image, ask->image))
			continue;
		if (found == m->containers.n || (ask->in_use && ask->in_use[found]))
			found = i;
	}
	if (found == m->containers.n && ask->name)
		return deny_container("a name in the manifest", ask->name);
	/* With one container there is no doubt which was meant, so the image can be explained. */
	if (found == m->containers.n && m->containers.n != 1)
		return deny_container("an image in the manifest", ask->image);
	*ret_index = found < m->containers.n ? found : 0;
	return OK;
}

RESULT manifest_check_image(const struct manifest_container *c, const char *image)
{
	if (manifest_image_matches(c->image, image))
		return OK;
	return deny(c, "manifest.image", "image", c->image, image);
}

/* One past the end reads as "(none)". */
static const char *item(const struct strv *list, size_t i)
{
	return i < list->n ? list->v[i] : "(none)";
}

static RESULT check_argv(
	const struct manifest_container *c, const struct image_config *image, const struct plan *p)
{
	bool listed = c->argv.n > 0;
	const struct strv *want = listed ? &c->argv : &image->argv;

	for (size_t i = 0; i < want->n || i < p->argv.n; i++) {
		char member[32];

		if (i < want->n && i < p->argv.n &&
			(listed ? manifest_matches(want->v[i], p->argv.v[i])
				: str_equal(want->v[i], p->argv.v[i])))
			continue;
		(void)snprintf(member, sizeof(member), "argv[%zu]", i);
		return deny(c, "manifest.argv", member,
			listed ? item(want, i) : "the image's own command",
			p->argv_asked ? item(&p->argv, i) : NULL);
	}
	return OK;
}

static bool any_matches(const struct strv *rules, const char *value)
{
	for (size_t i = 0; i < rules->n; i++)
		if (manifest_matches(rules->v[i], value))
			return true;
	return false;
}

/* The manifest's word on a variable overrules the image's. */
static RESULT check_variable(
	const struct manifest_container *c, const struct strv *known, const char *variable)
{
	size_t name_len = (size_t)(strchr(variable, '=') - variable);
	const char *value = variable + name_len + 1;
	AUTO(auto_free) char *member = NULL;
	const char *rule, *own;

	TRY(str_format(&member, "env.%.*s", (int)name_len, variable));
	rule = json_map_get(&c->env, member + 4);
	own = plan_env_get(known, variable, name_len);
	if (rule && manifest_matches(rule, value))
		return OK;
	if (rule)
		return deny(c, "manifest.env", member, rule,
			own && str_equal(own, value) ? NULL : value);
	if (own ? str_equal(own, value) : str_equal(variable, PLAN_DEFAULT_PATH))
		return OK;
	if (!own && any_matches(&c->env_also, variable))
		return OK;
	return deny(c, "manifest.env", member, own ? "its own value" : "(not listed)", value);
}

static RESULT check_env(
	const struct manifest_container *c, const struct strv *known, const struct plan *p)
{
	for (size_t i = 0; i < p->env.n; i++)
		TRY(check_variable(c, known, p->env.v[i]));
	return OK;
}

static RESULT check_cwd(const struct manifest_container *c, const char *own, const struct plan *p)
{
	if (c->cwd ? manifest_matches(c->cwd, p->cwd) : str_equal(own, p->cwd))
		return OK;
	return deny(c, "manifest.cwd", "cwd", c->cwd ? c->cwd : "the image's directory",
		p->cwd_asked ? p->cwd : NULL);
}

static RESULT check_user(
	const struct manifest_container *c, const struct image_user *own, const struct plan *p)
{
	char actual[32];

	(void)snprintf(actual, sizeof(actual), "%u:%u", p->user.uid, p->user.gid);
	if (c->user && !manifest_user_is_uid(c->user)
			? manifest_matches(c->user, actual)
			: own->uid == p->user.uid && own->gid == p->user.gid)
		return OK;
	return deny(c, "manifest.user", "user", c->user ? c->user : "the image's user",
		p->user_asked ? actual : NULL);
}

RESULT manifest_check_plan(
	const struct manifest_container *c, const struct image_config *image, const struct plan *p)
{
	TRY(check_argv(c, image, p));
	TRY(check_env(c, &image->env, p));
	TRY(check_cwd(c, image->cwd, p));
	return check_user(c, &p->image_user, p);
}

static bool exec_matches(const struct json *rule, const struct strv *argv)
{
	if (json_count(rule) != argv->n)
		return false;
	for (size_t i = 0; i < argv->n; i++)
		if (!manifest_matches(json_string(json_at(rule, i)), argv->v[i]))
			return false;
	return true;
}

static RESULT check_exec_argv(const struct manifest_container *c, const struct strv *argv)
{
	AUTO(buf_done) struct buf line = BUF_INIT(DENIAL_VALUE_MAX);

	for (size_t i = 0; i < json_count(c->exec); i++)
		if (exec_matches(json_at(c->exec, i), argv))
			return OK;
	for (size_t i = 0; i < argv->n; i++)
		buf_printf(&line, "%s%s", i > 0 ? " " : "", argv->v[i]);
	return deny(c, "manifest.exec", "exec", "a listed command",
		buf_cstr(&line) ? buf_cstr(&line) : argv->v[0]);
}

RESULT manifest_check_exec(
	const struct manifest_container *c, const struct plan *main, const struct plan *p)
{
	TRY(check_exec_argv(c, &p->argv));
	TRY(check_env(c, &main->env, p));
	TRY(check_cwd(c, main->cwd, p));
	return check_user(c, &main->user, p);
}

static const struct strv *list_of(const struct manifest_container *c, enum manifest_list list)
{
	switch (list) {
	case MANIFEST_CAPABILITIES:
		return &c->capabilities;
	case MANIFEST_MOUNTS:
		return &c->mounts;
	case MANIFEST_DEVICES:
	default:
		return &c->devices;
	}
}

static bool contains(const struct strv *list, const char *value)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_equal(list->v[i], value))
			return true;
	return false;
}

bool manifest_lists(const struct manifest_container *c, enum manifest_list list, const char *value)
{
	return contains(list_of(c, list), value);
}

RESULT manifest_check_listed(
	const struct manifest_container *c, enum manifest_list list, const char *value)
{
	static const char *const names[][2] = {
		[MANIFEST_CAPABILITIES] = { "capabilities", "manifest.capabilities" },
		[MANIFEST_MOUNTS] = { "mounts", "manifest.mounts" },
		[MANIFEST_DEVICES] = { "devices", "manifest.devices" },
	};

	if (contains(list_of(c, list), value))
		return OK;
	return deny(c, names[list][1], names[list][0], "(not listed)", value);
}

RESULT manifest_check_allowed(const struct manifest *m, const char *request)
{
	if (contains(&m->allow, request))
		return OK;
	return err_deny(ERR_DENIED, "manifest.request", "allow", "(not listed)", request);
}
