#include "pod_network_parts.h"

#include <stdio.h>

#include <base/file.h>
#include <net/nat.h>
#include <net/traffic.h>

/*
 * Engines forward ports by connecting to 127.0.0.1 in the pod's namespace, where with us nothing
 * listens: the applications are in the guest. So such connections are sent to the guest's address
 * through its tap, from an address that only the two of them know, and what the guest answers to
 * that address is not redirected to the network. The kernel must not take the guest's address for
 * its own any more; nothing else in the namespace uses it.
 */
#define FORWARD_TABLE "sealpod-forward"

static bool is_global_ipv4(const char *cidr)
{
	return !strchr(cidr, ':') && !str_starts(cidr, "127.") && !str_starts(cidr, "169.254.");
}

static bool choose(struct network_facts *f)
{
	for (size_t i = 0; i < f->n_nics; i++) {
		const struct network_nic *nic = &f->nics[i];

		for (size_t k = 0; k < nic->n_addresses && !nic->link.tap; k++) {
			const char *cidr = nic->addresses[k];

			if (!is_global_ipv4(cidr))
				continue;
			f->forward_nic = i;
			(void)snprintf(f->forward_ip, sizeof(f->forward_ip), "%.*s",
				(int)strcspn(cidr, "/"), cidr);
			return true;
		}
	}
	return false;
}

/* Packets of 127.0.0.1 may leave by this interface and answers to it come in, from an address that
 * an interface here has. */
static RESULT allow(const char *tap)
{
	static const char *const settings[] = { "route_localnet", "accept_local" };

	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		char path[96];

		(void)snprintf(
			path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", tap, settings[i]);
		TRY(file_write(path, bytes_str("1")));
	}
	return OK;
}

static RESULT set_up(const struct network_facts *f)
{
	const struct network_nic *nic = &f->nics[f->forward_nic];
	const struct nat_loopback nat = { .table = FORWARD_TABLE,
		.to = f->forward_ip,
		.index = nic->tap_index,
		.from = NETWORK_FORWARD_IP };
	struct nl_route route = { .index = nic->tap_index, .source = NETWORK_FORWARD_IP };

	TRY(nat_add_loopback(&nat));
	TRY(allow(nic->tap));
	TRY(nl_address_add(nic->tap_index, NETWORK_FORWARD_IP "/32"));
	TRY(nl_neighbour_add(nic->tap_index, f->forward_ip, nic->link.mac));
	TRY(nl_redirect_except(nic->tap_index, NETWORK_FORWARD_IP));
	(void)snprintf(route.dest, sizeof(route.dest), "%s/32", f->forward_ip);
	TRY(nl_route_add(&route));
	return nl_local_route_set(nic->link.index, f->forward_ip, false);
}

void network_forward(struct network_facts *f)
{
	if (!choose(f))
		return;
	if (!failed(set_up(f)))
		return;
	(void)snprintf(f->forward_failure, sizeof(f->forward_failure), "%s", err_text());
	network_forward_end(f);
	f->forward_ip[0] = '\0';
}

/* What hangs on the tap goes with it. */
void network_forward_end(const struct network_facts *f)
{
	if (f->forward_ip[0] == '\0')
		return;
	err_ignore(nat_remove(FORWARD_TABLE)); /* the namespace is about to go anyway */
	err_ignore(nl_local_route_set(f->nics[f->forward_nic].link.index, f->forward_ip, true));
}

RESULT network_forward_clean(void)
{
	AUTO(nl_links_done) struct nl_links links = { 0 };

	TRY(nat_remove(FORWARD_TABLE));
	TRY(nl_link_list(&links));
	for (size_t i = 0; i < links.n; i++) {
		AUTO(nl_addresses_done) struct nl_addresses list = { 0 };

		TRY(nl_address_list(links.v[i].index, &list));
		for (size_t k = 0; k < list.n; k++) {
			char *cidr = list.v[k];

			if (!is_global_ipv4(cidr))
				continue;
			cidr[strcspn(cidr, "/")] = '\0';
			TRY(nl_local_route_set(links.v[i].index, cidr, true));
		}
	}
	return OK;
}
