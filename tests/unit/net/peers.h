/* Raw ends of ttrpc connections for the tests. */
#pragma once

#include <base/buf.h>
#include <base/loop.h>
#include <net/ttrpc.h>

/* Non-blocking, close-on-exec stream sockets. */
void socket_pair(int fds[static 2]);
/* A socket whose other end the server serves. */
int raw_peer(struct ttrpc_server *s);
void write_all(int fd, struct bytes data);
/* Writes while the loop reads at the other end. */
void write_pumping(struct loop *l, int fd, struct bytes data);

void put_frame(struct buf *out, uint32_t stream, uint8_t type, struct bytes payload);
/* A ttrpc Request without payload. */
void pack_request(const char *service, const char *method, struct buf *out);
/* A request to test.Echo/Echo with n bytes. */
void pack_echo(size_t n, struct buf *out);

/* Pumps the loop until a whole frame has arrived; its payload goes to `out`. */
void read_frame(struct loop *l, int fd, uint32_t *ret_stream, struct buf *out);
void expect_status(struct loop *l, int fd, uint32_t stream, int code, const char *text);
/* Number of whole frames that arrive until nothing more comes. */
size_t drain_frames(struct loop *l, int fd);
