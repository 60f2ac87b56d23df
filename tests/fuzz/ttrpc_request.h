/* One request of ttrpc, framed as a client sends it. */
#pragma once

#include <ttrpc.pb-c.h>

#include <net/pb.h>
#include <net/ttrpc.h>
#include <sys/socket.h>

static inline void fuzz_ttrpc_send(
	int fd, uint32_t stream, const char *service, const char *method, struct bytes payload)
{
	AUTO(buf_done) struct buf frame = BUF_INIT(TTRPC_MESSAGE_MAX);
	AUTO(buf_done) struct buf body = BUF_INIT(TTRPC_MESSAGE_MAX);
	Ttrpc__Request q = TTRPC__REQUEST__INIT;
	ssize_t n;

	q.service = (char *)(uintptr_t)service;
	q.method = (char *)(uintptr_t)method;
	q.payload.data = (uint8_t *)(uintptr_t)payload.p;
	q.payload.len = payload.n;
	if (failed(pb_pack(&q.base, &body)))
		return;
	buf_be32(&frame, body.n);
	buf_be32(&frame, stream);
	buf_be16(&frame, 0x0100); /* a request, no flags */
	buf_put(&frame, buf_bytes(&body));
	n = send(fd, frame.p, frame.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)n;
}
