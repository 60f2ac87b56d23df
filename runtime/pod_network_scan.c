#include "pod_network_parts.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

/* PCI: "0000:00:03.0", 4:2:2.1 hexadecimal digits. */
static bool is_pci(const char *bus)
{
	static const char form[] = "xxxx:xx:xx.x";

	if (strlen(bus) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; form[i]; i++) {
		bool hex = strchr("0123456789abcdef", bus[i]) != NULL;

		if (form[i] == 'x' ? !hex : bus[i] != form[i])
			return false;
	}
	return true;
}

RESULT network_classify(const struct nl_link *link, const char *bus)
{
	static const char *const joined[] = { "veth", "macvlan", "ipvlan", "vlan", "dummy", "" };

	if (link->kind[0] == '\0' && is_pci(bus))
		return err_new(ERR_UNSUPPORTED,
			"interface %s is the physical device %s: give the pod a veth, macvlan or "
			"ipvlan on it",
			link->name, bus);
	if (link->mac[0] == '\0')
		return err_new(ERR_UNSUPPORTED,
			"interface %s (%s) has no Ethernet address: a machine cannot have it",
			link->name, link->kind[0] ? link->kind : "no kind");
	if (link->tap)
		return OK;
	for (size_t i = 0; i < ARRAY_LEN(joined); i++)
		if (str_equal(link->kind, joined[i]))
			return OK;
	return err_new(ERR_UNSUPPORTED,
		"interface %s is a %s: veth, macvlan, ipvlan, vlan and tap can be joined",
		link->name, link->kind);
}

static struct network_nic *find_nic(struct network_facts *f, int index)
{
	for (size_t i = 0; i < f->n_nics; i++)
		if (f->nics[i].link.index == index)
			return &f->nics[i];
	return NULL;
}

static bool is_tap_of_ours(const struct network_facts *f, int index)
{
	for (size_t i = 0; i < f->n_nics; i++)
		if (f->nics[i].tap_index == index)
			return true;
	return false;
}

static RESULT add_nic(struct network_facts *f, const struct nl_link *link)
{
	char bus[NL_BUS_MAX];

	TRY(nl_link_bus(link->name, bus));
	TRY(network_classify(link, bus));
	if (f->n_nics == VM_NICS_MAX)
		return err_new(ERR_LIMIT, "interface %s: a machine has at most %d", link->name,
			VM_NICS_MAX);
	f->nics[f->n_nics++] = (struct network_nic){ .link = *link };
	return OK;
}

static RESULT scan_link(struct network_facts *f, const struct nl_link *link)
{
	AUTO(nl_addresses_done) struct nl_addresses list = { 0 };
	struct network_nic *nic = find_nic(f, link->index);

	if (link->flags & IFF_LOOPBACK || is_tap_of_ours(f, link->index))
		return OK;
	TRY(nl_address_list(link->index, &list));
	if (list.n == 0 && !nic)
		return OK;
	if (!nic) {
		TRY(add_nic(f, link));
		nic = &f->nics[f->n_nics - 1];
	}
	if (list.n > NETWORK_ADDRESSES_MAX)
		return err_new(ERR_LIMIT, "interface %s: %zu addresses, at most %d", link->name,
			list.n, NETWORK_ADDRESSES_MAX);
	memcpy(nic->addresses, list.v, list.n * sizeof(list.v[0]));
	nic->n_addresses = list.n;
	return OK;
}

/* What the kernel adds by itself for an address, it adds in the guest too. */
static RESULT scan_routes(struct network_facts *f)
{
	AUTO(nl_routes_done) struct nl_routes list = { 0 };

	TRY(nl_route_list(&list));
	f->n_routes = 0;
	for (size_t i = 0; i < list.n; i++) {
		if (list.v[i].protocol == RTPROT_KERNEL || !find_nic(f, list.v[i].index))
			continue;
		if (f->n_routes == NETWORK_ROUTES_MAX)
			return err_new(ERR_LIMIT, "more than %d routes", NETWORK_ROUTES_MAX);
		f->routes[f->n_routes++] = list.v[i];
	}
	return OK;
}

static RESULT scan_neighbours(struct network_facts *f)
{
	AUTO(nl_neighbours_done) struct nl_neighbours list = { 0 };

	TRY(nl_neighbour_list(&list));
	f->n_neighbours = 0;
	for (size_t i = 0; i < list.n; i++) {
		if (!find_nic(f, list.v[i].index))
			continue;
		if (f->n_neighbours == NETWORK_NEIGHBOURS_MAX)
			return err_new(
				ERR_LIMIT, "more than %d neighbours", NETWORK_NEIGHBOURS_MAX);
		f->neighbours[f->n_neighbours++] = list.v[i];
	}
	return OK;
}

RESULT network_scan(struct network_facts *f)
{
	AUTO(nl_links_done) struct nl_links links = { 0 };

	TRY(nl_link_list(&links));
	for (size_t i = 0; i < links.n; i++)
		TRY(scan_link(f, &links.v[i]));
	TRY(scan_routes(f));
	return scan_neighbours(f);
}
