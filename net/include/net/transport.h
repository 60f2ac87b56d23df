/* Stream endpoints by address: "unix:///path", "unix://@abstract", "vsock://CID:PORT" (-1: any),
 * "virtio-port://NAME" (guest side of a virtio-serial port, found in /sys/class/virtio-ports).
 * Paths may be longer than unix(7) allows when their last component is not. */
#pragma once

#include <stdbool.h>

#include <base/err.h>

/* Listening socket, non-blocking, close-on-exec; a socket file is for its owner only and a stale
 * one is removed. ERR_STATE when somebody listens there, ERR_UNSUPPORTED for virtio-port. */
RESULT transport_listen(const char *address, int ret_fd[static 1]);
/* Connected, non-blocking, close-on-exec. Tries again while nobody listens there (or the port does
 * not exist) for timeout_ms: ERR_TIMEOUT. 0 tries once: ERR_PEER. */
RESULT transport_connect(const char *address, int timeout_ms, int ret_fd[static 1]);
/* The address is of a virtio-serial port: ttrpc_server_add() wants to know. */
bool transport_is_virtio_port(const char *address);
bool transport_has_vsock_host(void);  /* /dev/vhost-vsock */
bool transport_has_vsock_guest(void); /* /dev/vsock */
