#include "fake_cdh.h"

#include <confidential_data_hub.pb-c.h>
#include <stdio.h>
#include <unistd.h>

#include <base/file.h>
#include <net/pb.h>
#include <net/transport.h>
#include <net/ttrpc.h>

static const char image_config[] =
	"{\"config\":{\"Entrypoint\":[\"/bin/sh\"],\"Cmd\":[\"-c\",\"echo from the image\"],"
	"\"Env\":[\"PATH=/bin\",\"OWN=image\"],\"WorkingDir\":\"/tmp\"}}";

static RESULT write_at(const char *dir, const char *name, struct bytes data, mode_t mode)
{
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(dir, name, &path));
	return file_write_atomic(path, data, mode);
}

struct err fake_cdh_rootfs(const char *bundle)
{
	static const char *const dirs[] = { "bin", "etc", "proc", "sys", "dev", "tmp" };
	static const char *const words[] = { "sh", "cat", "echo", "sleep", "id", "ls", "env", "pwd",
		"hostname", "stty", "head", "tr", "grep", "touch", "kill", "ps", "wc", "mkdir",
		"dd", "true", "false", "ulimit", "stat", "printf", "sync", "mount", "seq",
		"dirname" };
	AUTO(buf_done) struct buf busybox = BUF_INIT(8 * 1024 * 1024);
	AUTO(auto_free) char *root = NULL;
	AUTO(auto_free) char *bin = NULL;

	TRY(path_join(bundle, "rootfs", &root));
	TRY(path_join(root, "bin", &bin));
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		AUTO(auto_free) char *dir = NULL;

		TRY(path_join(root, dirs[i], &dir));
		TRY(dir_make(dir, 0755));
	}
	TRY(file_read("/bin/busybox", &busybox));
	TRY(write_at(bin, "busybox", buf_bytes(&busybox), 0755));
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		AUTO(auto_free) char *link = NULL;

		TRY(path_join(bin, words[i], &link));
		if (symlink("busybox", link) != 0)
			return err_new(ERR_SYS, "%s", link);
	}
	return write_at(bundle, "image.json", bytes_str(image_config), 0600);
}

static RESULT pull(struct bytes payload)
{
	AUTO(pb_free_any) Cdh__ImagePullRequest *q = NULL;

	TRY(PB_UNPACK(cdh__image_pull_request, payload, &q));
	if (strstr(q->image_url, "unsigned")) {
		struct err e =
			err_deny(ERR_DENIED, "image.signature", "signature", "a signer", "none");

		err_set_denial_id("request-17");
		return e;
	}
	return fake_cdh_rootfs(q->bundle_path);
}

static void on_pull(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = pull(payload);

	(void)arg;
	if (failed(e))
		ttrpc_fail(call, e);
	else
		ttrpc_answer(call, BYTES_NONE);
}

/* "sealed.X" stands for "plain X"; "sealed.refused" for nothing. */
static RESULT unseal(struct bytes payload, struct buf *out)
{
	AUTO(pb_free_any) Cdh__UnsealSecretInput *q = NULL;
	Cdh__UnsealSecretOutput answer = CDH__UNSEAL_SECRET_OUTPUT__INIT;
	AUTO(buf_done) struct buf plain = BUF_INIT(1024);
	size_t skip = strlen("sealed.");

	TRY(PB_UNPACK(cdh__unseal_secret_input, payload, &q));
	if (bytes_compare(bytes_of(q->secret.data, q->secret.len), bytes_str("sealed.refused")) ==
		0)
		return err_deny(ERR_DENIED, "kbs.policy", "resource", "released", "withheld");
	buf_printf(&plain, "plain %.*s", (int)(q->secret.len - skip),
		(const char *)q->secret.data + skip);
	answer.plaintext.data = plain.p;
	answer.plaintext.len = plain.n;
	return pb_pack(&answer.base, out);
}

static void on_unseal(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(buf_done) struct buf out = BUF_INIT(2048);
	struct err e = unseal(payload, &out);

	(void)arg;
	if (failed(e))
		ttrpc_fail(call, e);
	else
		ttrpc_answer(call, buf_bytes(&out));
}

static RESULT serve(const char *socket)
{
	static const struct ttrpc_method methods[] = {
		{ "api.ImagePullService", "PullImage", on_pull },
		{ "api.SealedSecretService", "UnsealSecret", on_unseal },
	};
	const struct ttrpc_server_config config = { .methods = methods, .n_methods = 2 };
	AUTO(loop_freep) struct loop *loop = NULL;
	AUTO(ttrpc_server_freep) struct ttrpc_server *server = NULL;
	AUTO(auto_free) char *address = NULL;
	int fd = -1, value;

	TRY(str_format(&address, "unix://%s", socket));
	TRY(loop_new(&loop));
	TRY(transport_listen(address, &fd));
	TRY(ttrpc_server_new(loop, &config, &server));
	TRY(ttrpc_server_listen(server, fd));
	return loop_run(loop, &value);
}

_Noreturn void fake_cdh_main(const char *socket)
{
	if (failed(serve(socket)))
		(void)fprintf(stderr, "fake hub: %s\n", err_text());
	_exit(1);
}
