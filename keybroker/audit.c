#include "audit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <base/clock.h>
#include <base/file.h>

struct audit {
	int fd;
};

enum {
	RECORD_MAX = 32 * 1024,
	CLAIM_MAX = 200
};

RESULT audit_open(const char *path, struct audit **ret_audit)
{
	AUTO(audit_freep) struct audit *a = calloc(1, sizeof(*a));

	if (!a)
		return err_new(ERR_NOMEM, "audit log");
	a->fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	if (path && a->fd < 0)
		return err_new(ERR_SYS, "audit log %s", path);
	*ret_audit = TAKE(a);
	return OK;
}

void audit_freep(struct audit **a)
{
	if (!*a)
		return;
	auto_close(&(*a)->fd);
	free(*a);
	*a = NULL;
}

static void write_denial(struct json_writer *w, const struct denial *d)
{
	jw_kstr(w, "code", d->code);
	jw_kstr(w, "field", d->field);
	jw_kstr(w, "expected", d->expected);
	jw_kstr(w, "actual", d->actual);
}

/* The scalar claims; lists and objects stay in the token. */
static void write_claims(struct json_writer *w, const struct json *claims)
{
	jw_key(w, "claims");
	jw_object(w);
	for (size_t i = 0; i < json_members(claims); i++) {
		const struct json *value = json_at(claims, i);
		enum json_type type = json_type(value);
		const char *text = json_string(value);
		if (type == JSON_ARRAY || type == JSON_OBJECT || (text && strlen(text) > CLAIM_MAX))
			continue;
		jw_key(w, json_name_at(claims, i));
		jw_json(w, value);
	}
	jw_object_end(w);
}

RESULT audit_write(struct audit *a, const struct audit_record *r)
{
	AUTO(buf_done) struct buf line = BUF_INIT(RECORD_MAX);
	struct json_writer w = jw_of(&line);
	char now[RFC3339_SIZE];

	if (a->fd < 0)
		return OK;
	clock_format(clock_now(), now);
	jw_object(&w);
	jw_kstr(&w, "time", now);
	jw_kstr(&w, "request_id", r->request_id);
	jw_kstr(&w, "peer", r->peer);
	jw_kstr(&w, "method", r->method);
	jw_kstr(&w, "path", r->path);
	jw_key(&w, "status");
	jw_i64(&w, r->status);
	if (r->subject)
		jw_kstr(&w, "subject", r->subject);
	jw_kstr(&w, "decision", r->denial ? "refused" : "allowed");
	if (r->denial)
		write_denial(&w, r->denial);
	if (r->claims)
		write_claims(&w, r->claims);
	jw_object_end(&w);
	buf_puts(&line, "\n");
	TRY(buf_end(&line, "audit record"));
	TRY(fd_write_all(a->fd, buf_bytes(&line)));
	if (r->durable && fdatasync(a->fd) != 0)
		return err_new(ERR_SYS, "audit log");
	return OK;
}
