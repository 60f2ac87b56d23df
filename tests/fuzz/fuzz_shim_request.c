/*
 * The shim as an engine sees it: records go through the real ttrpc server to the real handlers over
 * a sandbox of records. Each record: one byte what, one byte length, that many bytes. The guest's
 * side of it (processes that end, output, death, OOM) is a record too.
 */
#include "fake_sandbox.c"
#include "shim.h"

#include <fcntl.h>
#include <sandbox.pb-c.h>
#include <task.pb-c.h>
#include <ttrpc.pb-c.h>
#include <unistd.h>

#include <base/file.h>
#include <base/log.h>
#include <base/reader.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	RECORDS_MAX = 48,
	ROUNDS = 3,
	NAMED = 0x80, /* ids are filled in, else the bytes are the request */
	GUEST = 0x40  /* something happens in the guest */
};

static char dir[] = "/tmp/sealpod-fuzz-shim-XXXXXX";

static void remove_dir(void)
{
	err_ignore(dir_remove_tree(dir));
}

static void write_bundle(const char *name, const char *role)
{
	AUTO(auto_free) char *bundle = NULL;
	AUTO(auto_free) char *config = NULL;
	AUTO(auto_free) char *text = NULL;

	if (failed(str_format(&bundle, "%s/%s", dir, name)) || failed(dir_make(bundle, 0700)) ||
		failed(str_format(&config, "%s/config.json", bundle)) ||
		failed(str_format(&text,
			"{\"annotations\":{\"io.kubernetes.cri.container-type\":\"%s\","
			"\"io.kubernetes.cri.sandbox-id\":\"a\"}}",
			role)) ||
		failed(file_write_atomic(config, bytes_str(text), 0600)))
		abort();
}

static void prepare(void)
{
	static bool done;

	if (done)
		return;
	if (!mkdtemp(dir) || atexit(remove_dir) != 0)
		abort();
	write_bundle("0", "single");
	write_bundle("1", "sandbox");
	write_bundle("2", "container");
	log_init("fuzz", LOG_ERROR, LOG_TEXT, open("/dev/null", O_WRONLY | O_CLOEXEC));
	done = true;
}

static const char *const ids[] = { "a", "b", "c", "-" };
static const char *const execs[] = { "", "e", "f", "-" };

/* State, Start, Delete and others begin with the same two fields. */
static void named_request(size_t method, uint8_t how, struct buf *out)
{
	Task__StateRequest q = TASK__STATE_REQUEST__INIT;
	Task__CreateTaskRequest c = TASK__CREATE_TASK_REQUEST__INIT;
	Task__ExecProcessRequest x = TASK__EXEC_PROCESS_REQUEST__INIT;
	Sandbox__CreateSandboxRequest b = SANDBOX__CREATE_SANDBOX_REQUEST__INIT;
	Pb__Any spec = PB__ANY__INIT;
	const char *name = shim_methods[method].method;
	char bundle[64];

	(void)snprintf(bundle, sizeof(bundle), "%s/%d", dir, how / 16 % 3);
	q.id = c.id = x.id = b.sandbox_id = text_of(ids[how % 4]);
	q.exec_id = x.exec_id = text_of(execs[how / 4 % 4]);
	c.bundle = b.bundle_path = bundle;
	spec.type_url = text_of("types.containerd.io/opencontainers/runtime-spec/1/Process");
	x.spec = &spec;
	if (str_equal(name, "Create"))
		err_ignore(pb_pack(&c.base, out));
	else if (str_equal(name, "Exec"))
		err_ignore(pb_pack(&x.base, out));
	else if (str_equal(name, "CreateSandbox"))
		err_ignore(pb_pack(&b.base, out));
	else
		err_ignore(pb_pack(&q.base, out));
}

static void send_request(int fd, uint32_t stream, size_t method, struct bytes payload)
{
	AUTO(buf_done) struct buf frame = BUF_INIT(TTRPC_MESSAGE_MAX);
	AUTO(buf_done) struct buf body = BUF_INIT(TTRPC_MESSAGE_MAX);
	Ttrpc__Request q = TTRPC__REQUEST__INIT;
	ssize_t n;

	q.service = text_of(shim_methods[method].service);
	q.method = text_of(shim_methods[method].method);
	q.payload.data = (uint8_t *)(uintptr_t)payload.p;
	q.payload.len = payload.n;
	if (failed(pb_pack(&q.base, &body)))
		return;
	buf_be32(&frame, body.n);
	buf_be32(&frame, stream);
	buf_u8(&frame, 1);
	buf_u8(&frame, 0);
	buf_put(&frame, buf_bytes(&body));
	n = send(fd, frame.p, frame.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)n;
}

static void in_guest(uint8_t how)
{
	const char *id = ids[how % 4], *exec = execs[how / 4 % 4];

	switch (how / 16 % 4) {
	case 0:
		fake_exit(id, exec, how);
		break;
	case 1:
		fake_output(id, exec, "output");
		break;
	case 2:
		fake_oom(id);
		break;
	default:
		fake_die();
		break;
	}
}

static void play(struct loop *l, int fd, struct reader *r)
{
	AUTO(buf_done) struct buf sink = BUF_INIT(1 << 20);

	for (uint32_t i = 0; i < RECORDS_MAX && rd_more(r); i++) {
		AUTO(buf_done) struct buf request = BUF_INIT(4096);
		uint8_t what = rd_u8(r), n = rd_u8(r);
		struct bytes payload = rd_take(r, n < r->left ? n : r->left);
		size_t method = (what & 0x3f) % shim_methods_n;

		if (what & GUEST) {
			in_guest(n);
		} else if (what & NAMED) {
			named_request(method, payload.n ? payload.p[0] : 0, &request);
			send_request(fd, 2 * i + 1, method, buf_bytes(&request));
		} else {
			send_request(fd, 2 * i + 1, method, payload);
		}
		for (unsigned k = 0; k < ROUNDS; k++)
			err_ignore(loop_once(l, 0));
		/* Answers are read, so that they do not pile up. */
		buf_clear(&sink);
		uint8_t *to = buf_grow(&sink, 64 * 1024);
		if (to && recv(fd, to, 64 * 1024, MSG_DONTWAIT) == 0)
			break;
	}
}

static void ignore_end(void *arg)
{
	(void)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = rd_of(bytes_of(data, size));
	struct ttrpc_server *server = NULL;
	struct events *events = NULL;
	struct shim *s = NULL;
	struct loop *l = NULL;
	int fds[2];

	prepare();
	fake_reset();
	if (failed(loop_new(&l)) ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
		abort();
	if (failed(events_new(&(struct events_config){ .loop = l,
				      .ns = "n",
				      .ttrpc_address = "/nonexistent/socket",
				      .address = "",
				      .publish = "" },
		    &events)) ||
		failed(shim_new(&(struct shim_config){ .loop = l,
					.ns = "n",
					.id = "a",
					.handler = "h",
					.events = events,
					.ended = ignore_end },
			&s)))
		abort();
	struct ttrpc_server_config c = { .methods = shim_methods,
		.n_methods = shim_methods_n,
		.arg = s,
		.unknown_method = TTRPC_UNIMPLEMENTED };

	if (failed(ttrpc_server_new(l, &c, &server)) ||
		failed(ttrpc_server_add(server, fds[0], false)))
		abort();
	play(l, fds[1], &r);
	shim_freep(&s);
	ttrpc_server_free(server);
	events_freep(&events);
	(void)close(fds[1]);
	loop_free(l);
	buf_done(&fake.seen);
	return 0;
}
