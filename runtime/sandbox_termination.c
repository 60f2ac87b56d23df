/* The message that a container leaves for Kubernetes: without a shared file system the guest is
 * asked for it before the container's end is told. */
#include "message.h"
#include "sandbox_container.h"

#include <fcntl.h>

#include <base/file.h>
#include <net/pb.h>

enum {
	MESSAGE_MAX = 4096, /* as kubelet reads it */
	ASK_MS = 10 * 1000
};

#define PATH_ANNOTATION "io.kubernetes.container.terminationMessagePath"

RESULT sandbox_termination_note(struct create *k, const Oci__Mount *m)
{
	const char *path = oci_annotation(k->request->oci, PATH_ANNOTATION);

	if (!path || !str_equal(path, m->destination))
		return OK;
	free(k->box->termination);
	k->box->termination = NULL;
	return str_dup(m->source, &k->box->termination);
}

/* The file is kubelet's: it is never made here, and no link is followed. */
static RESULT write_message(const char *path, const char *text)
{
	AUTO(auto_close) int fd = open(path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_new(ERR_SYS, "termination message %s", path);
	return fd_write_all(fd, bytes_of(text, strnlen(text, MESSAGE_MAX)));
}

static void on_message(void *arg, struct err e, struct bytes payload)
{
	AUTO(pb_free_any) Agent__GetDiagnosticDataResponse *r = NULL;
	struct sandbox_op *op = arg;
	struct sandbox_box *b = sandbox_box_find(op->s, op->id);

	/* The exit status counts; a message that is lost is none. */
	if (!failed(e) && b && b->termination &&
		!failed(PB_UNPACK(agent__get_diagnostic_data_response, payload, &r)))
		err_ignore(write_message(b->termination, r->data));
	if (!op->told) {
		op->told = true;
		op->exit(op->arg, OK, op->status);
	}
	sandbox_op_free(op);
}

bool sandbox_termination_ask(struct sandbox_op *op)
{
	Agent__GetDiagnosticDataRequest r = AGENT__GET_DIAGNOSTIC_DATA_REQUEST__INIT;
	const struct sandbox_box *b = sandbox_box_find(op->s, op->id);
	const struct agent_call c = { .service = AGENT_SERVICE,
		.method = "GetDiagnosticData",
		.request = &r.base,
		.timeout_ms = ASK_MS };

	if (!op->first || !b || !b->termination || !op->s->agent)
		return false;
	r.log_type = pb_text("termination_log");
	r.container_id = op->id;
	return !failed(agent_call_start(op->s->agent, &c, on_message, op));
}
