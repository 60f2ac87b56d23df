/* Sealed files whose host has written them anew: unsealed again, and into the containers. */
#include "sealed.h"

#include <base/secret.h>

#define LOG_MODULE "sealed"
#include <base/log.h>

enum {
	SETTLE_MS = 300, /* a volume comes file by file */
	SECRETS_MAX = 256
};

struct reference {
	char *text;
	struct secret *plain;
};

/* One container's. What is unsealed is asked for anew: the broker may have another value now. */
struct sealed_update {
	struct container *container; /* NULL: given up; freed when the hub answers */
	struct reference refs[SECRETS_MAX];
	size_t n, i;
	bool again; /* there was another change meanwhile */
};

static void update_free(struct sealed_update *u)
{
	for (size_t i = 0; i < u->n; i++) {
		free(u->refs[i].text);
		secret_free(u->refs[i].plain);
	}
	free(u);
}

static const struct secret *lookup(void *arg, struct bytes reference)
{
	const struct sealed_update *u = arg;

	for (size_t i = 0; i < u->n; i++)
		if (bytes_compare(bytes_str(u->refs[i].text), reference) == 0)
			return u->refs[i].plain;
	return NULL;
}

static RESULT note(void *arg, struct bytes reference)
{
	struct sealed_update *u = arg;

	for (size_t i = 0; i < u->n; i++)
		if (bytes_compare(bytes_str(u->refs[i].text), reference) == 0)
			return OK;
	if (u->n == SECRETS_MAX)
		return err_new(ERR_LIMIT, "more than %d sealed secrets", SECRETS_MAX);
	TRY(bytes_to_str(reference, &u->refs[u->n].text));
	u->n++;
	return OK;
}

static RESULT start(struct container *c);

static RESULT write_all(struct sealed_update *u)
{
	for (const struct sealed_volume *v = u->container->sealed_volumes; v; v = v->next)
		TRY(sealed_sync(v->from, v->to, lookup, u));
	return OK;
}

static void update_end(struct sealed_update *u, struct err e)
{
	struct container *c = u->container;
	bool again = u->again;

	if (!failed(e))
		e = write_all(u);
	if (failed(e))
		log_warn("sealed-update", "container=%s text=%s", c->id, log_quote(err_text()));
	c->sealed_update = NULL;
	update_free(u);
	if (again && failed(start(c)))
		log_warn("sealed-update", "container=%s text=%s", c->id, log_quote(err_text()));
}

static void on_plain(void *arg, struct err e, struct bytes plain);

static void next(struct sealed_update *u)
{
	struct agent *a = u->container->agent;
	struct err e;

	if (u->i == u->n) {
		update_end(u, OK);
		return;
	}
	e = a->effects->unseal(a, bytes_str(u->refs[u->i].text), on_plain, u);
	if (failed(e))
		update_end(u, e);
}

static void on_plain(void *arg, struct err e, struct bytes plain)
{
	struct sealed_update *u = arg;

	if (!u->container) {
		update_free(u);
		return;
	}
	if (!failed(e))
		e = plain.n > 0 ? secret_of(plain, &u->refs[u->i].plain)
				: err_new(ERR_FORMAT, "sealed secret: empty");
	if (failed(e)) {
		update_end(u, err_add(e, "unsealing"));
		return;
	}
	u->i++;
	next(u);
}

static RESULT start(struct container *c)
{
	struct sealed_update *u = calloc(1, sizeof(*u));
	struct err e = OK;

	if (!u)
		return err_new(ERR_NOMEM, "sealed files");
	u->container = c;
	for (const struct sealed_volume *v = c->sealed_volumes; v && !failed(e); v = v->next)
		e = sealed_scan(v->from, note, u);
	if (failed(e)) {
		update_free(u);
		return e;
	}
	c->sealed_update = u;
	next(u);
	return OK;
}

void sealed_update_end(struct container *c)
{
	if (!c->sealed_update)
		return;
	/* The answer still comes. */
	c->sealed_update->container = NULL;
	c->sealed_update = NULL;
}

static void on_settled(void *arg)
{
	struct agent *a = arg;

	loop_remove(TAKE(a->sealed_timer));
	for (struct container *c = a->containers; c; c = c->next) {
		if (c->sealed_update)
			c->sealed_update->again = true;
		else if (c->sealed_volumes && failed(start(c)))
			log_warn("sealed-update", "container=%s text=%s", c->id,
				log_quote(err_text()));
	}
}

void sealed_changed(struct agent *a)
{
	bool sealed = false;

	for (const struct container *c = a->containers; c && !sealed; c = c->next)
		sealed = c->sealed_volumes != NULL;
	if (!sealed)
		return;
	loop_remove(TAKE(a->sealed_timer));
	/* Without memory for a timer the next change tells. */
	err_ignore(loop_add_timer(a->loop, SETTLE_MS, 0, on_settled, a, &a->sealed_timer));
}
