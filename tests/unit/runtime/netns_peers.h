/* Two network namespaces: what a CNI plugin makes for a pod, and the other side of it. */
#pragma once

#include "util.h"

#include <netinet/in.h>

struct netns_pair {
	char pod[32], outside[32];	     /* names */
	char pod_path[64], outside_path[64]; /* below /run/netns */
};

/* Skips the test when this user or kernel cannot. `eth0` of the pod is 10.88.0.5/24, fd88::5/64,
 * 02:00:00:88:00:05, MTU 1400, with default routes; its other side is `out0`, 10.88.0.1. */
void netns_pair_make(struct netns_pair *p);
void netns_pair_remove(struct netns_pair *p);
/* Commands of ip(8), one a line, in a namespace; false when one failed. */
bool netns_ip(const char *name, const char *commands);
/* What a program says in a namespace; up to three arguments. */
struct buf netns_says(const char *name, const char *const *argv);
/* A socket of that namespace, bound to address:port. */
int netns_udp(const char *path, const char *address, uint16_t port);

int netns_tcp(const char *path); /* non-blocking */

/* A frame that a machine would get, from a tap with virtio-net headers: the next UDP one within
 * five seconds, else the test fails. */
struct tap_frame {
	uint8_t bytes[2048]; /* from 10 on: Ethernet */
	size_t n;
};
void tap_read_udp(int fd, struct tap_frame *f);
/* The next SYN, which is answered as a closed port does. */
void tap_refuse_tcp(int fd, struct tap_frame *f);
/* Sends it back: addresses and ports change places. */
void tap_echo(int fd, struct tap_frame *f);
/* Nothing but noise (IPv6 discovery) comes within the time. */
void tap_quiet(int fd, int ms);
