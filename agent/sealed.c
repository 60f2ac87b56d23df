#include "sealed.h"

#include "hub.h"
#include "volumes.h"

#include <base/secret.h>
#include <sys/stat.h>

enum {
	SECRETS_MAX = 256 /* of one container */
};

/* A reference and, once the hub has answered, what it stands for. */
struct sealed_value {
	struct sealed_value *next;
	char *reference;
	struct secret *plain;
};

struct job {
	struct container *container;
	sealed_fn *fn;
	void *arg;
};

/* ---- what is known ---- */

static struct sealed_value *find(const struct container *c, struct bytes reference)
{
	for (struct sealed_value *v = c->sealed; v; v = v->next)
		if (bytes_compare(bytes_str(v->reference), reference) == 0)
			return v;
	return NULL;
}

static RESULT note(void *arg, struct bytes reference)
{
	struct container *c = arg;
	struct sealed_value *v;
	size_t n = 0;
	struct err e;

	if (find(c, reference))
		return OK;
	for (v = c->sealed; v; v = v->next)
		n++;
	if (n == SECRETS_MAX)
		return err_new(ERR_LIMIT, "more than %d sealed secrets", SECRETS_MAX);
	v = calloc(1, sizeof(*v));
	if (!v)
		return err_new(ERR_NOMEM, "sealed secret");
	if (failed(e = bytes_to_str(reference, &v->reference))) {
		free(v);
		return e;
	}
	v->next = c->sealed;
	c->sealed = v;
	return OK;
}

static void volumes_end(struct container *c)
{
	while (c->sealed_volumes) {
		struct sealed_volume *v = c->sealed_volumes;

		c->sealed_volumes = v->next;
		err_ignore(c->agent->effects->unmount(v->from));
		free(v->from);
		free(v->to);
		free(v);
	}
}

void sealed_done(struct container *c)
{
	sealed_update_end(c);
	volumes_end(c);
	while (c->sealed) {
		struct sealed_value *v = c->sealed;

		c->sealed = v->next;
		free(v->reference);
		secret_free(v->plain);
		free(v);
	}
}

/*
 * With a manifest only what it expects to be sealed is: otherwise the host could hand a reference,
 * which it knows, to a container that shows everybody what it was given.
 */
static bool expected(const struct container *c, const char *variable, size_t name_n)
{
	AUTO(auto_free) char *name = NULL;
	const char *rule;

	if (!c->rule)
		return true;
	if (failed(bytes_to_str(bytes_of(variable, name_n), &name)))
		return false;
	rule = json_map_get(&c->rule->env, name);
	return rule && (str_starts(rule, "sealed.") || str_starts(rule, "~sealed"));
}

/* The reference in "NAME=sealed...". */
static bool in_variable(const struct container *c, const char *variable, struct bytes *ret)
{
	const char *equals = strchr(variable, '=');

	return equals && sealed_find(bytes_str(equals + 1), ret) &&
	       expected(c, variable, (size_t)(equals - variable));
}

static RESULT apply_one(const struct sealed_value *v, char **variable)
{
	struct bytes plain = secret_bytes(v->plain);
	char *made;

	if (memchr(plain.p, '\0', plain.n))
		return err_new(ERR_FORMAT, "sealed secret in a variable: it holds a zero byte");
	TRY(str_format(&made, "%.*s=%.*s", (int)(strchr(*variable, '=') - *variable), *variable,
		(int)plain.n, (const char *)plain.p));
	free(*variable);
	*variable = made;
	return OK;
}

RESULT sealed_apply(const struct container *c, struct strv *env)
{
	for (size_t i = 0; i < env->n; i++) {
		struct sealed_value *v;
		struct bytes reference;

		if (!in_variable(c, env->v[i], &reference))
			continue;
		v = find(c, reference);
		if (v && v->plain)
			TRY(apply_one(v, &env->v[i]));
	}
	return OK;
}

/* ---- files ---- */

static bool is_sealed_volume(const struct container *c, size_t i)
{
	const struct manifest_volume *v;

	if (!c->rule || i >= c->n_mount_sources || !c->mount_sources[i])
		return false;
	v = manifest_volume_at(c->rule, c->request->oci->mounts[i]->destination);
	return v && v->sealed;
}

static RESULT collect(struct container *c)
{
	const struct strv *env = &c->plan.env;
	struct bytes reference;

	for (size_t i = 0; i < env->n; i++)
		if (in_variable(c, env->v[i], &reference))
			TRY(note(c, reference));
	for (size_t i = 0; i < c->n_mount_sources; i++)
		if (is_sealed_volume(c, i))
			TRY(sealed_scan(c->mount_sources[i], note, c));
	return OK;
}

static const struct secret *lookup(void *arg, struct bytes reference)
{
	const struct sealed_value *v = find(arg, reference);

	return v ? v->plain : NULL;
}

/* From now on the container has the copy; where it came from stays mounted, for its updates. */
static RESULT use_copy(struct container *c, size_t i, const char *to)
{
	struct sealed_volume *v = calloc(1, sizeof(*v));
	char *place = NULL;
	struct err e = v ? str_dup(to, &v->to) : err_new(ERR_NOMEM, "sealed volume");

	if (!failed(e))
		e = str_dup(to, &place);
	if (failed(e)) {
		if (v)
			free(v->to);
		free(v);
		return e;
	}
	v->from = c->mount_sources[i];
	c->mount_sources[i] = place;
	v->next = c->sealed_volumes;
	c->sealed_volumes = v;
	return OK;
}

static RESULT fill_volume(struct container *c, size_t i)
{
	AUTO(auto_free) char *to = NULL;
	struct stat st;

	if (stat(c->mount_sources[i], &st) != 0)
		return err_new(ERR_SYS, "sealed volume");
	TRY(str_format(&to, "%s.plain", c->mount_sources[i]));
	if (S_ISDIR(st.st_mode)) {
		TRY(sealed_sync(c->mount_sources[i], to, lookup, c));
		return use_copy(c, i, to);
	}
	TRY(sealed_copy_file(c->mount_sources[i], to, lookup, c));
	volumes_replace(c, i, TAKE(to));
	return OK;
}

static RESULT fill_volumes(struct container *c)
{
	for (size_t i = 0; i < c->n_mount_sources; i++)
		if (is_sealed_volume(c, i))
			TRY(fill_volume(c, i));
	return OK;
}

/* ---- asking the hub, one after the other ---- */

static void next(struct job *j);

static void job_end(struct job *j, struct err e)
{
	sealed_fn *fn = j->fn;
	void *arg = j->arg;

	free(j);
	fn(arg, e);
}

static void on_plain(void *arg, struct err e, struct bytes plain)
{
	struct job *j = arg;
	struct sealed_value *v = j->container->sealed;

	while (v && v->plain)
		v = v->next;
	if (!failed(e) && v)
		e = plain.n > 0 ? secret_of(plain, &v->plain)
				: err_new(ERR_FORMAT, "sealed secret: empty");
	if (failed(e))
		job_end(j, err_add(e, "unsealing"));
	else
		next(j);
}

static void next(struct job *j)
{
	struct container *c = j->container;
	struct sealed_value *v = c->sealed;
	struct err e;

	while (v && v->plain)
		v = v->next;
	if (!v) {
		job_end(j, fill_volumes(c));
		return;
	}
	e = c->agent->effects->unseal(c->agent, bytes_str(v->reference), on_plain, j);
	if (failed(e))
		job_end(j, err_add(e, "unsealing"));
}

RESULT sealed_start(struct container *c, sealed_fn *fn, void *arg)
{
	struct job *j;

	TRY(collect(c));
	j = malloc(sizeof(*j));
	if (!j)
		return err_new(ERR_NOMEM, "sealed secrets");
	*j = (struct job){ c, fn, arg };
	next(j);
	return OK;
}
