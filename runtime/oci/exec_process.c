#include "exec_process.h"

static void put_args(const struct exec_change *x, struct json_writer *w)
{
	jw_key(w, "args");
	jw_array(w);
	for (size_t i = 0; i < x->n_argv; i++)
		jw_str(w, x->argv[i]);
	jw_array_end(w);
}

static void put_env(const struct json *old, const struct exec_change *x, struct json_writer *w)
{
	jw_key(w, "env");
	jw_array(w);
	for (size_t i = 0; i < json_count(old); i++)
		jw_json(w, json_at(old, i));
	for (size_t i = 0; i < x->env->n; i++)
		jw_str(w, x->env->v[i]);
	jw_array_end(w);
}

static RESULT user_numbers(const char *user, uint64_t *ret_uid, uint64_t *ret_gid)
{
	const char *colon = strchr(user, ':');
	AUTO(auto_free) char *uid = NULL;

	TRY(str_format(&uid, "%.*s", (int)strcspn(user, ":"), user));
	struct err e = str_to_u64(uid, UINT32_MAX, "uid", ret_uid);
	if (!failed(e) && colon)
		e = str_to_u64(colon + 1, UINT32_MAX, "gid", ret_gid);
	if (failed(e))
		return err_new(ERR_USAGE, "--user %.60s: UID[:GID], both numbers", user);
	return OK;
}

static RESULT put_groups(const struct exec_change *x, struct json_writer *w)
{
	jw_key(w, "additionalGids");
	jw_array(w);
	for (size_t i = 0; i < x->groups->n; i++) {
		uint64_t gid = 0;

		if (failed(str_to_u64(x->groups->v[i], UINT32_MAX, "gid", &gid)))
			return err_new(
				ERR_USAGE, "--additional-gids %.40s: no number", x->groups->v[i]);
		jw_u64(w, gid);
	}
	jw_array_end(w);
	return OK;
}

static RESULT put_user(const struct json *old, const struct exec_change *x, struct json_writer *w)
{
	uint64_t uid = 0, gid = 0;
	const struct json *groups = json_get(old, "additionalGids");

	(void)json_u64(json_get(old, "uid"), &uid);
	(void)json_u64(json_get(old, "gid"), &gid);
	if (x->user)
		TRY(user_numbers(x->user, &uid, &gid));
	jw_key(w, "user");
	jw_object(w);
	jw_ku64(w, "uid", uid);
	jw_ku64(w, "gid", gid);
	if (json_get(old, "umask")) {
		jw_key(w, "umask");
		jw_json(w, json_get(old, "umask"));
	}
	if (x->groups->n > 0) {
		TRY(put_groups(x, w));
	} else if (groups && !x->user) {
		jw_key(w, "additionalGids");
		jw_json(w, groups);
	}
	jw_object_end(w);
	return OK;
}

static void put_caps(const struct json *old, const struct exec_change *x, struct json_writer *w)
{
	static const char *const sets[] = { "bounding", "effective", "inheritable", "permitted",
		"ambient" };

	jw_key(w, "capabilities");
	jw_object(w);
	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		const struct json *set = json_get(old, sets[i]);

		jw_key(w, sets[i]);
		jw_array(w);
		for (size_t j = 0; j < json_count(set); j++)
			jw_json(w, json_at(set, j));
		for (size_t j = 0; j < x->caps->n; j++)
			jw_str(w, x->caps->v[j]);
		jw_array_end(w);
	}
	jw_object_end(w);
}

/* Members that are written anew, whatever the container's process has there. */
static bool replaced(const char *name)
{
	static const char *const names[] = { "args", "env", "user", "capabilities", "cwd",
		"terminal", "consoleSize", "noNewPrivileges", "commandLine" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_equal(name, names[i]))
			return true;
	return false;
}

RESULT exec_process_print(const struct json *spec, const struct exec_change *x, struct buf *out)
{
	const struct json *old = json_get(spec, "process");
	const char *cwd = json_string(json_get(old, "cwd"));
	struct json_writer w = jw_of(out);
	bool no_new_privs = false;

	(void)json_bool(json_get(old, "noNewPrivileges"), &no_new_privs);
	if (x->cwd && x->cwd[0] != '/')
		return err_new(ERR_USAGE, "--cwd %.80s: no absolute path", x->cwd);
	jw_object(&w);
	for (size_t i = 0; i < json_members(old); i++) {
		if (replaced(json_name_at(old, i)))
			continue;
		jw_key(&w, json_name_at(old, i));
		jw_json(&w, json_at(old, i));
	}
	jw_kbool(&w, "terminal", x->tty);
	jw_kbool(&w, "noNewPrivileges", no_new_privs || x->no_new_privs);
	jw_kstr(&w, "cwd", x->cwd ? x->cwd : cwd ? cwd : "/");
	put_args(x, &w);
	put_env(json_get(old, "env"), x, &w);
	TRY(put_user(json_get(old, "user"), x, &w));
	put_caps(json_get(old, "capabilities"), x, &w);
	jw_object_end(&w);
	return buf_end(out, "process");
}
