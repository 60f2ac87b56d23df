#pragma once

#include <base/err.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Some kernels' headers want <sys/socket.h> before them. */
#include <linux/vm_sockets.h>

enum {
	PORT_NAME_MAX = 64
};

enum transport_kind {
	TRANSPORT_UNIX,
	TRANSPORT_VSOCK,
	TRANSPORT_VIRTIO_PORT
};

struct transport_address {
	enum transport_kind kind;
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_vm vm;
	} socket;
	socklen_t n;
	char port_name[PORT_NAME_MAX];
};

/* ERR_FORMAT names the address. */
RESULT transport_address_parse(const char *text, struct transport_address *ret);
/* "vport1p2" of the port called `name`, below a directory laid out as /sys/class/virtio-ports;
 * ERR_NOT_FOUND. The caller frees. */
RESULT virtio_port_find(const char *directory, const char *name, char **ret_device);
