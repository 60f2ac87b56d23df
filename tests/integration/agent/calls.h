/* Requests of the agent API, as a runtime sends them, one at a time. */
#pragma once

#include <agent.pb-c.h>

#include <base/buf.h>
#include <net/ttrpc.h>

extern struct ttrpc_client *calls_client;

/* Strings in messages are not const, though nobody writes to them. */
char *text(const char *s);
struct err call_raw(
	const char *service, const char *method, const ProtobufCMessage *msg, struct buf *out);
struct err call(const char *method, const ProtobufCMessage *msg);
struct err start(const char *id);
struct err remove_container(const char *id);
struct err exec_args(const char *id, const char *exec_id, char **args, size_t n);
struct err exec_sh(const char *id, const char *exec_id, const char *command);
struct err send_signal(const char *id, const char *exec_id, uint32_t signo);
int wait_process(const char *id, const char *exec_id);
size_t read_some(const char *method, const char *id, const char *exec_id, struct buf *to);
/* Until the end; valid until the next call. */
const char *read_all(const char *method, const char *id, const char *exec_id);
struct err write_stdin(const char *id, const char *data);
struct err close_stdin(const char *id);
