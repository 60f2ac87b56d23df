/* GetDiagnosticData: what a container left in its termination log, for hosts that share no files.
 */
#include "reply.h"
#include "requests.h"

#include <fcntl.h>

#include <base/file.h>
#include <base/utf8.h>

enum {
	LOG_MAX = 4096
};

static const char *log_place(const Oci__Spec *spec)
{
	for (size_t i = 0; i < spec->n_annotations; i++)
		if (str_equal(spec->annotations[i]->key,
			    "io.kubernetes.container.terminationMessagePath"))
			return spec->annotations[i]->value;
	return "/dev/termination-log";
}

RESULT diagnostics_remember(struct container *c)
{
	const Oci__Spec *spec = c->request->oci;
	const char *place = log_place(spec);

	for (size_t i = 0; i < spec->n_mounts; i++)
		if (str_equal(spec->mounts[i]->destination, place) && !c->termination_log)
			return str_dup(spec->mounts[i]->source, &c->termination_log);
	return OK;
}

/* The name came from the host: only files that it shared or copied here can be meant. */
static RESULT open_log(const struct container *c, int *ret_fd)
{
	AUTO(auto_free) char *shared = NULL;
	AUTO(auto_close) int dir = -1;
	size_t n;

	TRY(str_format(&shared, "%s/kata-containers/shared/containers/", c->agent->set.run_dir));
	n = strlen(shared);
	if (!c->termination_log || !str_starts(c->termination_log, shared))
		return err_new(ERR_NOT_FOUND, "container %s has no termination log here", c->id);
	dir = open(shared, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_new(ERR_SYS, "%s", shared);
	return open_beneath(dir, c->termination_log + n,
		O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0, ret_fd);
}

/* Text of the API is UTF-8 without NUL, files are what they are. */
static RESULT put_text(struct bytes data, struct buf *out)
{
	size_t width;

	for (size_t i = 0; i<data.n; i += width> 0 ? width : 1) {
		uint32_t point;

		width = utf8_next(data.p + i, data.n - i, &point);
		utf8_put(out, width > 0 && point > 0 ? point : UINT32_MAX);
	}
	buf_u8(out, '\0');
	return buf_end(out, "termination log");
}

static RESULT read_log(struct agent *a, struct bytes payload, struct buf *out)
{
	AUTO(pb_free_any) Agent__GetDiagnosticDataRequest *q = NULL;
	AUTO(auto_close) int fd = -1;
	struct container *c;
	uint8_t data[LOG_MAX];
	ssize_t n;

	TRY(PB_UNPACK(agent__get_diagnostic_data_request, payload, &q));
	TRY(container_get(a, q->container_id, &c));
	if (!str_equal(q->log_type, "termination_log"))
		return err_new(ERR_UNSUPPORTED, "log_type %.32s", q->log_type);
	if (!a->open_world)
		TRY(manifest_check_allowed(&a->manifest, "diagnostics"));
	TRY(open_log(c, &fd));
	n = read(fd, data, sizeof(data));
	if (n < 0)
		return err_new(ERR_SYS, "termination log");
	return put_text(bytes_of(data, (size_t)n), out);
}

void diagnostics_get(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(buf_done) struct buf text = BUF_INIT(4 * LOG_MAX);
	Agent__GetDiagnosticDataResponse msg = AGENT__GET_DIAGNOSTIC_DATA_RESPONSE__INIT;
	struct err e = read_log(a, payload, &text);

	if (failed(e)) {
		reply_failure(call, e);
		return;
	}
	msg.data = (char *)text.p;
	reply(call, &msg.base);
}
