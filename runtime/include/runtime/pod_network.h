/*
 * The network of a pod: interfaces found in its network namespace (veth, macvlan, ipvlan, vlan,
 * tap, generic), each joined to a tap device by two tc filters (ingress, match all, mirred egress
 * redirect), and what the guest is told of them. (Kata Containers, tcfilter model)
 */
#pragma once

#include "runtime/agent_client.h"
#include "runtime/config.h"
#include "runtime/vm.h"

struct pod_network;

/*
 * Scans and joins. Interfaces without addresses and loopback are left out. netns NULL: an empty
 * network. Undone on failure. ERR_LIMIT: more than VM_NICS_MAX; ERR_UNSUPPORTED names an interface.
 */
RESULT pod_network_attach(
	const char *netns, const struct runtime_config *c, struct pod_network **ret_network);
/* Once more, for engines that add interfaces after the machine runs (Docker); the number found
 * anew. */
RESULT pod_network_rescan(struct pod_network *n, size_t *ret_found);
/* Fills c->nics with descriptors of this process; they stay the network's. */
void pod_network_nics(const struct pod_network *n, struct vm_config *c);
/* Connections to 127.0.0.1 in the namespace (port-forward) reach the guest's IPv4 address; why
 * they do not here: a kernel without nftables. "" when they do, or nothing is there. */
const char *pod_network_forward_failure(const struct pod_network *n);
/* UpdateInterface, UpdateRoutes, AddARPNeighbors. Pumps. */
RESULT pod_network_tell(const struct pod_network *n, struct agent_client *a);
/* Filters and taps; a namespace that is gone is fine. */
void pod_network_detach(struct pod_network *n);
void pod_network_freep(struct pod_network **n); /* detaches */
/* Removes what a killed owner left in a namespace: taps of ours and the filters that lead to them.
 */
RESULT pod_network_clean(const char *netns);
