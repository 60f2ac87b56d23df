#include "session.h"

#include <stdlib.h>
#include <string.h>

#include <base/encode.h>
#include <base/random.h>

enum {
	STATE_MAX = 64 * 1024,
	TOKEN_MAX = 512 * 1024
};

struct sessions {
	struct session *v[SESSIONS_MAX];
	size_t next; /* where to look for room */
};

static void session_free(struct session *x)
{
	if (!x)
		return;
	bytes_wipe(x->state.p, x->state.n);
	buf_done(&x->state);
	buf_done(&x->token);
	free(x->nonce);
	json_free(x->claims);
	free(x);
}

static void session_freep(struct session **x)
{
	session_free(*x);
}

RESULT sessions_new(struct sessions **ret_sessions)
{
	struct sessions *s = calloc(1, sizeof(*s));

	if (!s)
		return err_new(ERR_NOMEM, "sessions");
	*ret_sessions = s;
	return OK;
}

void sessions_freep(struct sessions **s)
{
	if (!*s)
		return;
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		session_free((*s)->v[i]);
	free(*s);
	*s = NULL;
}

static RESULT fill_nonce(struct session *x)
{
	AUTO(buf_done) struct buf text = BUF_INIT(SESSION_NONCE_MAX);
	uint8_t raw[NONCE_SIZE];

	TRY(random_fill(raw, sizeof(raw)));
	base64_encode(BASE64_STD, BYTES_OF(raw), &text);
	TRY(buf_end(&text, "nonce"));
	return session_set_nonce(x, buf_bytes(&text));
}

RESULT session_set_nonce(struct session *x, struct bytes nonce)
{
	char *copy = NULL;

	TRY(bytes_to_str(nonce, &copy));
	free(x->nonce);
	x->nonce = copy;
	return OK;
}

/* The slots are a ring: the oldest sessions are met first. */
static RESULT find_room(struct sessions *s, int64_t now, size_t *ret_slot)
{
	for (size_t tried = 0; tried < SESSIONS_MAX; tried++) {
		size_t slot = (s->next + tried) % SESSIONS_MAX;
		if (s->v[slot] && s->v[slot]->expires > now)
			continue;
		session_free(s->v[slot]);
		s->v[slot] = NULL;
		s->next = (slot + 1) % SESSIONS_MAX;
		*ret_slot = slot;
		return OK;
	}
	return err_new(ERR_LIMIT, "%d sessions are open", SESSIONS_MAX);
}

RESULT sessions_add(struct sessions *s, const struct tee *tee, int64_t now, int64_t lifetime_s,
	struct session **ret_session)
{
	AUTO(session_freep) struct session *x = calloc(1, sizeof(*x));
	size_t slot;

	if (!x)
		return err_new(ERR_NOMEM, "session");
	x->state = BUF_INIT(STATE_MAX);
	x->token = BUF_INIT(TOKEN_MAX);
	x->tee = tee;
	x->expires = now + lifetime_s;
	TRY(random_hex(x->id, sizeof(x->id) - 1));
	TRY(fill_nonce(x));
	TRY(find_room(s, now, &slot));
	*ret_session = s->v[slot] = TAKE(x);
	return OK;
}

struct session *sessions_find(struct sessions *s, const char *id, int64_t now)
{
	struct session *found = NULL;

	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		struct session *x = s->v[i];
		if (x && bytes_equal(bytes_str(x->id), bytes_str(id)))
			found = x;
	}
	return found && found->expires > now ? found : NULL;
}
