/* Turns fuzzer bytes into what an engine asks of the shim. */
#pragma once

#include "shim.h"
#include "ttrpc_request.h"

#include <sandbox.pb-c.h>
#include <stdlib.h>
#include <task.pb-c.h>

#include <base/file.h>
#include <net/pb.h>

static const char *const fuzz_ids[] = { "a", "b", "c", "-" };
static const char *const fuzz_execs[] = { "", "e", "f", "-" };

/* Where bundles "0", "1" and "2" are, and what processes read and write; "": nothing. */
struct fuzz_bundles {
	const char *dir, *in, *out;
};

static inline void fuzz_write_file(
	const char *dir, const char *name, struct bytes text, char **ret_path)
{
	if (failed(path_join(dir, name, ret_path)) ||
		failed(file_write_atomic(*ret_path, text, 0600)))
		abort();
}

static inline bool fuzz_is_method(size_t method, const char *name)
{
	return str_equal(shim_methods[method].method, name);
}

/* State, Start, Delete and others begin with the same two fields. */
static inline void fuzz_named_request(
	const struct fuzz_bundles *b, size_t method, uint8_t how, struct buf *out)
{
	Task__StateRequest q = TASK__STATE_REQUEST__INIT;
	Task__CreateTaskRequest c = TASK__CREATE_TASK_REQUEST__INIT;
	Task__ExecProcessRequest x = TASK__EXEC_PROCESS_REQUEST__INIT;
	Sandbox__CreateSandboxRequest s = SANDBOX__CREATE_SANDBOX_REQUEST__INIT;
	Task__KillRequest k = TASK__KILL_REQUEST__INIT;
	Task__CloseIORequest o = TASK__CLOSE_IOREQUEST__INIT;
	Pb__Any spec = PB__ANY__INIT;
	char bundle[64];

	(void)snprintf(bundle, sizeof(bundle), "%s/%d", b->dir, how / 16 % 3);
	q.id = c.id = x.id = k.id = o.id = s.sandbox_id = text_of(fuzz_ids[how % 4]);
	q.exec_id = x.exec_id = k.exec_id = o.exec_id = text_of(fuzz_execs[how / 4 % 4]);
	c.bundle = s.bundle_path = bundle;
	c.stdin = x.stdin = text_of(b->in);
	c.stdout = x.stdout = text_of(b->out);
	c.terminal = x.terminal = k.all = how >= 128;
	k.signal = how / 16 % 4 * 5; /* none, 5, SIGUSR1, SIGTERM */
	o.stdin = true;
	spec.type_url = text_of("types.containerd.io/opencontainers/runtime-spec/1/Process");
	spec.value.data = (uint8_t *)(uintptr_t) "{\"args\":[\"a\"]}";
	spec.value.len = strlen("{\"args\":[\"a\"]}");
	x.spec = &spec;
	if (fuzz_is_method(method, "Create"))
		err_ignore(pb_pack(&c.base, out));
	else if (fuzz_is_method(method, "Exec"))
		err_ignore(pb_pack(&x.base, out));
	else if (fuzz_is_method(method, "Kill"))
		err_ignore(pb_pack(&k.base, out));
	else if (fuzz_is_method(method, "CloseIO"))
		err_ignore(pb_pack(&o.base, out));
	else if (fuzz_is_method(method, "CreateSandbox"))
		err_ignore(pb_pack(&s.base, out));
	else
		err_ignore(pb_pack(&q.base, out));
}

static inline void fuzz_send_request(int fd, uint32_t stream, size_t method, struct bytes payload)
{
	fuzz_ttrpc_send(
		fd, stream, shim_methods[method].service, shim_methods[method].method, payload);
}
