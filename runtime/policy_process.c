/* What a container's first process is, and what may be started beside it. */
#include "policy_work.h"

enum {
	ARGS_MAX = 256 /* of the manifest: MANIFEST_LIST_MAX */
};

/* What the CRI plugin of containerd grants when nothing is said (oci.WithDefaultSpec); CRI-O grants
 * a part of it. */
static const char *const default_capabilities[] = { "CAP_AUDIT_WRITE", "CAP_CHOWN",
	"CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
	"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP",
	"CAP_SETUID", "CAP_SYS_CHROOT" };
/* capabilities(7), up to Linux 6.12 */
static const char *const all_capabilities[] = { "CAP_AUDIT_CONTROL", "CAP_AUDIT_READ",
	"CAP_AUDIT_WRITE", "CAP_BLOCK_SUSPEND", "CAP_BPF", "CAP_CHECKPOINT_RESTORE", "CAP_CHOWN",
	"CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_IPC_LOCK",
	"CAP_IPC_OWNER", "CAP_KILL", "CAP_LEASE", "CAP_LINUX_IMMUTABLE", "CAP_MAC_ADMIN",
	"CAP_MAC_OVERRIDE", "CAP_MKNOD", "CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST", "CAP_NET_RAW", "CAP_PERFMON", "CAP_SETFCAP", "CAP_SETGID",
	"CAP_SETPCAP", "CAP_SETUID", "CAP_SYSLOG", "CAP_SYS_ADMIN", "CAP_SYS_BOOT",
	"CAP_SYS_CHROOT", "CAP_SYS_MODULE", "CAP_SYS_NICE", "CAP_SYS_PACCT", "CAP_SYS_PTRACE",
	"CAP_SYS_RAWIO", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG",
	"CAP_WAKE_ALARM" };

/* ---- command line ---- */

static RESULT put_expanded(const struct policy_container *c, const struct strv *texts,
	struct json_writer *w, size_t *n)
{
	bool links = !policy_is_false(c->work->spec, "enableServiceLinks");

	for (size_t i = 0; i < texts->n; i++) {
		AUTO(auto_free) char *rule = NULL;

		TRY(policy_expand(
			texts->v[i], &c->env, links ? policy_service_variable : NULL, &rule));
		jw_str(w, rule);
	}
	*n += texts->n;
	return OK;
}

/* The image's entry point, before arguments of the pod. */
static RESULT put_entrypoint(const struct policy_container *c, struct json_writer *w, size_t *n)
{
	if (!c->image.known)
		return err_new(ERR_UNSUPPORTED,
			"container %s: args without command: the image %s has to be read to know "
			"its entry point; leave out --image-pull none",
			c->name, c->image.reference);
	for (size_t i = 0; i < c->image.config.n_entrypoint; i++) {
		AUTO(auto_free) char *rule = NULL;

		TRY(policy_rule_of(c->image.config.argv.v[i], &rule));
		jw_str(w, rule);
	}
	*n += c->image.config.n_entrypoint;
	return OK;
}

static RESULT put_argv(const struct policy_container *c, struct json_writer *w)
{
	AUTO(strv_done) struct strv command = { 0 };
	AUTO(strv_done) struct strv args = { 0 };
	size_t n = 0;

	TRY(policy_texts(c->json, "command", &command));
	TRY(policy_texts(c->json, "args", &args));
	if (command.n + args.n == 0)
		return OK; /* the image's own */
	jw_key(w, "argv");
	jw_array(w);
	if (command.n > 0)
		TRY(put_expanded(c, &command, w, &n));
	else
		TRY(put_entrypoint(c, w, &n));
	TRY(put_expanded(c, &args, w, &n));
	jw_array_end(w);
	if (n > ARGS_MAX)
		return err_new(
			ERR_LIMIT, "container %s: more than %d arguments", c->name, ARGS_MAX);
	return OK;
}

/* ---- user ---- */

static RESULT number(
	const struct policy_container *c, const struct json *v, const char *what, uint64_t *ret)
{
	if (!json_string(v))
		return err_new(ERR_FORMAT, "container %s: %s: not a number", c->name, what);
	struct err e = str_to_u64(json_string(v), UINT32_MAX - 1, what, ret);
	return failed(e) ? err_add(e, "container %s", c->name) : OK;
}

static RESULT put_user(const struct policy_container *c, struct json_writer *w)
{
	const struct json *uid = policy_security(c, "runAsUser"),
			  *gid = policy_security(c, "runAsGroup");
	AUTO(auto_free) char *user = NULL;
	uint64_t u = 0, g = 0;

	if (uid)
		TRY(number(c, uid, "runAsUser", &u));
	if (gid)
		TRY(number(c, gid, "runAsGroup", &g));
	if (!uid && gid)
		return err_new(ERR_UNSUPPORTED,
			"container %s: runAsGroup without runAsUser: give both, as the user is the "
			"image's",
			c->name);
	if (!uid)
		return OK;
	TRY(gid ? str_format(&user, "%llu:%llu", (unsigned long long)u, (unsigned long long)g)
		: str_format(&user, "%llu", (unsigned long long)u));
	jw_kstr(w, "user", user);
	return OK;
}

static RESULT put_groups(const struct policy_container *c, struct json_writer *w)
{
	const struct json *pod = json_get(c->work->spec, "securityContext");
	const struct json *fs_group = json_get(pod, "fsGroup");
	AUTO(strv_done) struct strv groups = { 0 };

	if (policy_text(pod, "fsGroup"))
		TRY(strv_add(&groups, json_string(fs_group)));
	TRY(policy_texts(pod, "supplementalGroups", &groups));
	if (groups.n == 0)
		return OK;
	jw_key(w, "groups");
	jw_array(w);
	for (size_t i = 0; i < groups.n; i++) {
		uint64_t v = 0;

		TRY(str_to_u64(groups.v[i], UINT32_MAX - 1, "supplementalGroups", &v));
		jw_str(w, groups.v[i]);
	}
	jw_array_end(w);
	return OK;
}

/* ---- capabilities ---- */

/* "NET_ADMIN" or "CAP_NET_ADMIN". */
static bool lists(const struct strv *names, const char *capability)
{
	const char *bare = capability + strlen("CAP_");

	for (size_t i = 0; i < names->n; i++)
		if (str_equal(names->v[i], bare) || str_equal(names->v[i], capability) ||
			str_equal(names->v[i], "ALL"))
			return true;
	return false;
}

static bool is_default(const char *capability)
{
	for (size_t i = 0; i < ARRAY_LEN(default_capabilities); i++)
		if (str_equal(default_capabilities[i], capability))
			return true;
	return false;
}

static bool has_name(const struct strv *names, const char *capability)
{
	const char *bare = capability + strlen("CAP_");

	for (size_t i = 0; i < names->n; i++)
		if (str_equal(names->v[i], bare) || str_equal(names->v[i], capability))
			return true;
	return false;
}

/* Added by name beats dropped as ALL, dropped by name beats added as ALL (runtime-tools). */
static bool granted(const struct strv *add, const struct strv *drop, const char *capability)
{
	if (has_name(drop, capability))
		return false;
	if (has_name(add, capability))
		return true;
	return (is_default(capability) && !lists(drop, capability)) ||
	       (lists(add, capability) && !lists(drop, capability));
}

static RESULT check_known(const struct policy_container *c, const struct strv *add)
{
	for (size_t i = 0; i < add->n; i++) {
		bool known = str_equal(add->v[i], "ALL");

		for (size_t k = 0; k < ARRAY_LEN(all_capabilities) && !known; k++)
			known = str_equal(all_capabilities[k], add->v[i]) ||
				str_equal(all_capabilities[k] + strlen("CAP_"), add->v[i]);
		if (!known)
			return err_new(ERR_FORMAT, "container %s: capabilities.add: %s is none",
				c->name, add->v[i]);
	}
	return OK;
}

static RESULT put_capabilities(const struct policy_container *c, struct json_writer *w)
{
	const struct json *security = json_get(c->json, "securityContext"),
			  *capabilities = json_get(security, "capabilities");
	bool privileged = policy_is_true(security, "privileged");
	AUTO(strv_done) struct strv add = { 0 };
	AUTO(strv_done) struct strv drop = { 0 };

	TRY(policy_texts(capabilities, "add", &add));
	TRY(policy_texts(capabilities, "drop", &drop));
	TRY(check_known(c, &add));
	jw_key(w, "capabilities");
	jw_array(w);
	for (size_t i = 0; i < ARRAY_LEN(all_capabilities); i++)
		if (privileged || granted(&add, &drop, all_capabilities[i]))
			jw_str(w, all_capabilities[i]);
	jw_array_end(w);
	return OK;
}

static void put_rights(const struct policy_container *c, struct json_writer *w)
{
	const struct json *security = json_get(c->json, "securityContext");

	if (policy_is_true(security, "privileged"))
		jw_kbool(w, "privileged", true);
	if (!policy_is_false(security, "allowPrivilegeEscalation"))
		jw_kbool(w, "new_privileges", true);
	if (policy_is_true(security, "readOnlyRootFilesystem"))
		jw_kbool(w, "readonly_rootfs", true);
}

RESULT policy_put_process(const struct policy_container *c, struct json_writer *w)
{
	const char *cwd = policy_text(c->json, "workingDir");

	TRY(put_argv(c, w));
	policy_put_env(c, w);
	if (cwd && *cwd) {
		AUTO(auto_free) char *rule = NULL;

		TRY(policy_rule_of(cwd, &rule));
		jw_kstr(w, "cwd", rule);
	}
	TRY(put_user(c, w));
	TRY(put_groups(c, w));
	TRY(put_capabilities(c, w));
	put_rights(c, w);
	return OK;
}

/* ---- further command lines ---- */

/* Only literal variables are written out in probes' commands (kubelet: ExpandOnlyStatic). */
static RESULT put_command(
	const struct policy_container *c, const struct json *of, bool expand, struct json_writer *w)
{
	AUTO(strv_done) struct strv command = { 0 };

	TRY(policy_texts(json_get(of, "exec"), "command", &command));
	if (command.n == 0)
		return OK;
	jw_array(w);
	for (size_t i = 0; i < command.n; i++) {
		AUTO(auto_free) char *rule = NULL;

		TRY(expand ? policy_expand(command.v[i], &c->env, NULL, &rule)
			   : policy_rule_of(command.v[i], &rule));
		jw_str(w, rule);
	}
	jw_array_end(w);
	return OK;
}

static void put_granted(const struct policy_container *c, struct json_writer *w)
{
	const struct policy_options *o = c->work->options;

	for (size_t i = 0; i < o->n_exec; i++) {
		const struct policy_exec *x = &o->exec[i];

		if (x->container && !str_equal(x->container, c->name))
			continue;
		jw_array(w);
		for (size_t k = 0; k < x->argv.n; k++)
			jw_str(w, x->argv.v[k]);
		jw_array_end(w);
	}
}

RESULT policy_put_exec(const struct policy_container *c, struct json_writer *w)
{
	static const char *const probes[] = { "livenessProbe", "readinessProbe", "startupProbe" };
	static const char *const hooks[] = { "postStart", "preStop" };
	const struct json *lifecycle = json_get(c->json, "lifecycle");

	jw_key(w, "exec");
	jw_array(w);
	for (size_t i = 0; i < ARRAY_LEN(probes); i++)
		TRY(put_command(c, json_get(c->json, probes[i]), true, w));
	for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
		TRY(put_command(c, json_get(lifecycle, hooks[i]), false, w));
	put_granted(c, w);
	jw_array_end(w);
	return OK;
}
