#include "runtime/policy_explain.h"

const struct policy_hint *policy_hint_find(const char *code)
{
	for (const struct policy_hint *h = policy_hints; h->code; h++)
		if (str_equal(h->code, code))
			return h;
	return NULL;
}

/* ---- words ---- */

/* "a, b and c" */
static void put_names(const struct strv *names, struct buf *out)
{
	for (size_t i = 0; i < names->n; i++)
		buf_printf(out, "%s%s",
			i == 0		    ? ""
			: i + 1 == names->n ? " and "
					    : ", ",
			names->v[i]);
}

static void put_value(const char *rule, struct buf *out)
{
	if (manifest_is_pattern(rule))
		buf_printf(out, "<%s>", rule + 1);
	else if (rule[0] == '\0' || strpbrk(rule, " \t\n\"'"))
		buf_printf(out, "'%s'", rule);
	else
		buf_puts(out, rule);
}

static void put_words(const struct strv *argv, struct buf *out)
{
	for (size_t i = 0; i < argv->n; i++) {
		buf_puts(out, i > 0 ? " " : "");
		put_value(argv->v[i], out);
	}
}

static bool lists(const struct strv *list, const char *word)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_equal(list->v[i], word))
			return true;
	return false;
}

/* ---- one container ---- */

static void put_image(const struct manifest_container *c, struct buf *out)
{
	buf_printf(out, "  image       %s%s\n", c->image,
		manifest_is_pattern(c->image) ? " (a pattern: any image that matches)"
		: strchr(c->image, '@')
			? ""
			: " (no digest: the image policy's signers decide what it is)");
	buf_puts(out, "  runs        ");
	if (c->argv.n > 0)
		put_words(&c->argv, out);
	else
		buf_puts(out, "the image's own command");
	buf_printf(out, "\n  in          %s\n", c->cwd ? c->cwd : "the image's directory");
}

static void put_user(const struct manifest_container *c, struct buf *out)
{
	buf_puts(out, "  as          ");
	if (!c->user)
		buf_puts(out, "the image's user");
	else if (manifest_user_is_uid(c->user))
		buf_printf(out, "user %s with the group that the image gives it", c->user);
	else
		buf_printf(out, "user and group %s", c->user);
	if (c->groups.n > 0) {
		buf_puts(out, ", in groups ");
		put_names(&c->groups, out);
	}
	buf_puts(out, "\n  may         ");
	if (c->capabilities.n > 0)
		put_names(&c->capabilities, out);
	else
		buf_puts(out, "nothing that needs capabilities");
	buf_puts(out, c->new_privileges ? "; set-user-ID programs work\n"
					: "; no program gains privileges\n");
	if (c->privileged)
		buf_puts(out, "  PRIVILEGED  writable /sys, the guest's devices, nothing masked\n");
	if (c->readonly_rootfs)
		buf_puts(out, "  root        read-only\n");
}

/* What `sealpod policy make` writes for services takes many lines and says one thing. */
static bool is_service(const char *rule)
{
	return (str_starts(rule, "~[A-Z0-9_]+_") || str_starts(rule, "~KUBERNETES_")) &&
	       (strstr(rule, "_SERVICE_HOST=") || strstr(rule, "_SERVICE_PORT(") ||
		       strstr(rule, "_PORT(") || strstr(rule, "_PORT_["));
}

static bool any_service(const struct strv *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		if (is_service(rules->v[i]))
			return true;
	return false;
}

static bool all_services(const struct strv *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		if (is_service(rules->v[i]) && rules->v[i][1] == '[')
			return true;
	return false;
}

static void put_env(const struct manifest_container *c, bool patterns, struct buf *out)
{
	const char *title = patterns ? "  host sets   " : "  has set     ";

	for (size_t i = 0; i < c->env.n; i++) {
		if (manifest_is_pattern(c->env.v[i].value) != patterns)
			continue;
		buf_printf(out, "%s%s=", title, c->env.v[i].name);
		put_value(c->env.v[i].value, out);
		buf_puts(out, "\n");
		title = "              ";
	}
	if (patterns && any_service(&c->env_also)) {
		buf_printf(out, "%svariables of %sservices (NAME_SERVICE_HOST=... and the like)\n",
			title, all_services(&c->env_also) ? "" : "Kubernetes' own ");
		title = "              ";
	}
	for (size_t i = 0; patterns && i < c->env_also.n; i++) {
		if (is_service(c->env_also.v[i]))
			continue;
		buf_puts(out, title);
		put_value(c->env_also.v[i], out);
		buf_puts(out, "\n");
		title = "              ";
	}
}

static void put_more(const struct manifest_volume *v, struct buf *out)
{
	if (v->size > 0)
		buf_printf(out, ", %llu bytes at most", (unsigned long long)v->size);
	if (v->key)
		buf_printf(out, ", %s%s%s", v->key,
			manifest_volume_authentic(v) ? "" : ", changes by the host go unnoticed",
			v->create ? "; an empty disk is formatted" : "");
	buf_puts(out, "\n");
}

static void put_volumes(const struct manifest_container *c, struct buf *out)
{
	static const char *const kinds[] = {
		[MANIFEST_VOLUME_FILES] = "files that the host delivers and may change",
		[MANIFEST_VOLUME_MEMORY] = "memory of the guest",
		[MANIFEST_VOLUME_ENCRYPTED] = "a disk with a key that never leaves the guest",
		[MANIFEST_VOLUME_DISK] = "a disk of the host, who reads and may change it",
		[MANIFEST_VOLUME_IMAGE] = "the image's own directory",
	};
	const struct manifest_volume *v = c->volumes.items;
	const char *title = "  mounts      ";

	for (size_t i = 0; i < c->mounts.n; i++) {
		buf_printf(out, "%s%s: %s\n", title, c->mounts.v[i],
			str_equal(c->mounts.v[i], "/etc/resolv.conf")
				? "name servers that the host names"
				: "empty memory of the guest");
		title = "              ";
	}
	for (size_t i = 0; i < c->volumes.n; i++) {
		buf_printf(out, "%s%s: %s%s%s%s%s", title, v[i].at,
			v[i].key ? "a disk encrypted with a key of the broker"
				 : kinds[manifest_volume_kind(&v[i])],
			v[i].name ? ", volume " : "", v[i].name ? v[i].name : "",
			v[i].read_only ? ", read-only" : "",
			v[i].sealed ? "; sealed secrets in it are opened" : "");
		put_more(&v[i], out);
		title = "              ";
	}
	if (c->devices.n > 0) {
		buf_puts(out, "  devices     ");
		put_names(&c->devices, out);
		buf_puts(out, "\n");
	}
}

static void put_exec(const struct manifest_container *c, struct buf *out)
{
	const char *title = "  host runs   ";

	for (size_t i = 0; i < json_count(c->exec); i++) {
		const struct json *argv = json_at(c->exec, i);

		buf_puts(out, title);
		for (size_t k = 0; k < json_count(argv); k++) {
			buf_puts(out, k > 0 ? " " : "");
			put_value(json_string(json_at(argv, k)), out);
		}
		buf_puts(out, "\n");
		title = "              ";
	}
}

static void put_order(const struct manifest_container *c, struct buf *out)
{
	if (c->completed.n + c->after.n == 0)
		return;
	buf_puts(out, "  waits for   ");
	if (c->completed.n > 0) {
		buf_puts(out, "success of ");
		put_names(&c->completed, out);
	}
	if (c->after.n > 0) {
		buf_puts(out, c->completed.n > 0 ? ", start of " : "start of ");
		put_names(&c->after, out);
	}
	buf_puts(out, "\n");
}

static void put_container(const struct manifest_container *c, struct buf *out)
{
	buf_printf(out, "container %s\n", c->name);
	put_image(c, out);
	put_user(c, out);
	put_env(c, false, out);
	put_env(c, true, out);
	put_volumes(c, out);
	put_exec(c, out);
	put_order(c, out);
	buf_puts(out, "\n");
}

/* ---- the pod ---- */

static void put_right(const struct manifest *m, const char *word, const char *what, struct buf *out)
{
	buf_printf(out, "  %s %s\n", lists(&m->allow, word) ? "may    " : "may NOT", what);
}

static void put_pod(const struct manifest *m, struct buf *out)
{
	buf_puts(out, "the host\n");
	put_right(m, "logs", "read what containers print", out);
	put_right(m, "stdin", "write to containers", out);
	put_right(m, "signal", "send signals (it can always end a container)", out);
	put_right(m, "stats", "read statistics", out);
	put_right(m, "pause", "pause containers", out);
	put_right(m, "diagnostics", "read the termination log", out);
	if (m->shared_pid)
		buf_puts(out, "containers see each other's processes\n");
	for (size_t i = 0; i < m->sysctls.n; i++)
		buf_printf(out, "kernel setting %s = %s\n", m->sysctls.v[i].name,
			m->sysctls.v[i].value);
}

void policy_explain(const struct manifest *m, struct buf *text)
{
	for (size_t i = 0; i < m->containers.n; i++)
		put_container(manifest_container_at(m, i), text);
	put_pod(m, text);
}
