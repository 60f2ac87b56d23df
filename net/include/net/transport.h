/* Stream endpoints by address: "unix:///path", "unix://@abstract", "vsock://CID:PORT" (-1: any),
 * "virtio-port://NAME" (guest side of a virtio-serial port, found in /sys/class/virtio-ports). */
#pragma once

#include <base/err.h>

/* Listening socket; a stale socket file is removed. ERR_UNSUPPORTED for virtio-port. */
RESULT transport_listen(const char *address, int ret_fd[static 1]);
/* Connected, non-blocking, close-on-exec. ERR_TIMEOUT after timeout_ms of retries. */
RESULT transport_connect(const char *address, int timeout_ms, int ret_fd[static 1]);
bool transport_has_vsock_host(void);  /* /dev/vhost-vsock */
bool transport_has_vsock_guest(void); /* /dev/vsock */
