/* What the files of the pod's network share. */
#pragma once

#include "runtime/pod_network.h"

#include <net/netlink.h>
#include <net/netns.h>

enum {
	/* What an agent of ours takes. */
	NETWORK_ADDRESSES_MAX = 32,
	NETWORK_ROUTES_MAX = 60,
	NETWORK_NEIGHBOURS_MAX = 60
};

/* One interface of the namespace, and the tap that it is joined to. */
struct network_nic {
	struct nl_link link;
	char addresses[NETWORK_ADDRESSES_MAX][64]; /* CIDR */
	size_t n_addresses;
	char tap[NL_NAME_MAX]; /* the interface itself when it is a tap */
	int tap_index;
	char tap_mac[NL_MAC_TEXT];
};

enum {
	NETWORK_FAILURE_MAX = 160
};
/* What a process in the namespace has when it connects to 127.0.0.1 and means the guest
 * (kubectl port-forward). */
#define NETWORK_FORWARD_IP "169.254.94.161"

/* Without pointers: a child fills it in memory that it shares with this process. */
struct network_facts {
	struct network_nic nics[VM_NICS_MAX];
	size_t n_nics;
	struct nl_route routes[NETWORK_ROUTES_MAX];
	size_t n_routes;
	struct nl_neighbour neighbours[NETWORK_NEIGHBOURS_MAX];
	size_t n_neighbours;
	size_t forward_nic;			   /* n_nics: no port-forward */
	char forward_ip[48];			   /* of the guest */
	char forward_failure[NETWORK_FAILURE_MAX]; /* why there is none; "" */
};

struct network_limits {
	size_t queues;
	uint64_t rx_bytes_per_s, tx_bytes_per_s; /* into and out of the guest; 0: none */
};

struct pod_network {
	char *netns; /* NULL: empty */
	bool grown;  /* since the machine runs */
	struct network_limits limits;
	struct network_facts facts;
	struct netns_fds fds; /* limits.queues for each interface, in their order */
};

/* ---- pod_network_scan.c, in the namespace ---- */
/* Adds the interfaces that f does not have; addresses, routes and neighbours are read again. */
RESULT network_scan(struct network_facts *f);
/* Whether and how an interface can be joined: ERR_UNSUPPORTED names it. `bus` as of
 * nl_link_bus(). */
RESULT network_classify(const struct nl_link *link, const char *bus);

/* ---- pod_network_join.c, in the namespace ---- */
/* Interfaces from the first on; on failure none of them is joined. */
RESULT network_join(struct network_facts *f, size_t first, const struct network_limits *limits,
	struct netns_fds *fds);
/* All of them; what is gone is fine. */
void network_part(const struct network_facts *f);
/* Whatever of ours is in this namespace. */
RESULT network_part_all(void);

/* ---- pod_network_forward.c, in the namespace ---- */
/* For the first interface with an IPv4 address. Never fails: f->forward_failure. */
void network_forward(struct network_facts *f);
void network_forward_end(const struct network_facts *f);
/* Of an owner that was killed. */
RESULT network_forward_clean(void);
