/*
 * The shim as an engine sees it: records go through the real ttrpc server to the real handlers over
 * a sandbox of records. Each record: one byte what, one byte length, that many bytes. The guest's
 * side of it (processes that end, output, death, OOM) is a record too.
 */
#include "fake_sandbox.c"
#include "shim_input.h"

#include <fcntl.h>
#include <unistd.h>

#include <base/log.h>
#include <base/reader.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	RECORDS_MAX = 48,
	ROUNDS = 3,
	NAMED = 0x80, /* ids are filled in, else the bytes are the request */
	GUEST = 0x40  /* something happens in the guest */
};

static char dir[] = "/dev/shm/sealpod-fuzz-shim-XXXXXX";

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

static const struct fuzz_bundles bundles = { .dir = dir, .in = "", .out = "" };

static void in_guest(uint8_t how)
{
	const char *id = fuzz_ids[how % 4], *exec = fuzz_execs[how / 4 % 4];

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
			fuzz_named_request(
				&bundles, method, payload.n ? payload.p[0] : 0, &request);
			fuzz_send_request(fd, 2 * i + 1, method, buf_bytes(&request));
		} else {
			fuzz_send_request(fd, 2 * i + 1, method, payload);
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
