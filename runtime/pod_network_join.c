#include "pod_network_parts.h"

#include <stdio.h>

#include <base/file.h>
#include <net/tap.h>
#include <net/traffic.h>

/* The tap belongs to the guest: this namespace's own stack shall say nothing there. A kernel
 * without IPv6 has no such file. */
static void silence(const char *tap)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", tap);
	err_ignore(file_write(path, bytes_str("1")));
}

static RESULT check_free(const struct nl_link *link)
{
	AUTO(nl_links_done) struct nl_links links = { 0 };
	bool found = false;
	int to = 0;

	TRY(nl_redirect_find(link->index, &found, &to));
	if (!found || to == 0)
		return OK;
	/* A number may belong to another interface by now, but none of ours goes to a stranger. */
	TRY(nl_link_list(&links));
	for (size_t i = 0; i < links.n; i++)
		if (links.v[i].index == to)
			return err_new(ERR_STATE,
				"interface %s is joined to %s already: another machine has it",
				link->name, links.v[i].name);
	return OK;
}

static RESULT open_tap(struct network_nic *nic, size_t number, size_t queues, struct netns_fds *fds)
{
	int fd[VM_NIC_QUEUES_MAX];
	struct tap_spec spec = { .name = nic->tap, .queues = queues, .existing = nic->link.tap };
	struct nl_link link;

	if (spec.existing)
		(void)snprintf(nic->tap, sizeof(nic->tap), "%s", nic->link.name);
	else
		(void)snprintf(nic->tap, sizeof(nic->tap), "tap%zu_kata", number);
	TRY(tap_open(&spec, fd));
	for (size_t i = 0; i < queues; i++)
		TRY(netns_fds_add(fds, fd[i]));
	TRY(nl_link_by_name(nic->tap, &link));
	nic->tap_index = link.index;
	memcpy(nic->tap_mac, link.mac, sizeof(nic->tap_mac));
	return OK;
}

static RESULT join(struct network_nic *nic, const struct network_limits *limits)
{
	silence(nic->tap);
	TRY(nl_link_set_mtu(nic->tap_index, nic->link.mtu));
	TRY(nl_redirect_add(nic->link.index, nic->tap_index));
	TRY(nl_redirect_add(nic->tap_index, nic->link.index));
	if (limits->tx_bytes_per_s > 0)
		TRY(nl_rate_set(nic->link.index, limits->tx_bytes_per_s));
	if (limits->rx_bytes_per_s > 0)
		TRY(nl_rate_set(nic->tap_index, limits->rx_bytes_per_s));
	TRY(nl_link_set_up(nic->tap_index, true));
	return nl_link_set_up(nic->link.index, true);
}

/* The tap goes when its last descriptor is closed, and with it what hangs on it. */
static void part(const struct network_nic *nic)
{
	if (nic->link.tap)
		return;
	/* The interface may be gone, then so is everything of it. */
	err_ignore(nl_redirect_remove(nic->link.index));
	err_ignore(nl_rate_remove(nic->link.index));
}

RESULT network_join(struct network_facts *f, size_t first, const struct network_limits *limits,
	struct netns_fds *fds)
{
	for (size_t i = first; i < f->n_nics; i++) {
		struct network_nic *nic = &f->nics[i];
		struct err e = check_free(&nic->link);

		if (!failed(e))
			e = open_tap(nic, i, limits->queues, fds);
		if (!failed(e) && !nic->link.tap)
			e = join(nic, limits);
		if (!failed(e))
			continue;
		/* Not ours if another machine has it. */
		for (size_t k = first; k < i; k++)
			part(&f->nics[k]);
		if (nic->tap_index != 0)
			part(nic);
		return err_add(e, "interface %s", nic->link.name);
	}
	return OK;
}

void network_part(const struct network_facts *f)
{
	network_forward_end(f);
	for (size_t i = 0; i < f->n_nics; i++)
		part(&f->nics[i]);
}

RESULT network_part_all(void)
{
	AUTO(nl_links_done) struct nl_links links = { 0 };

	TRY(nl_link_list(&links));
	for (size_t i = 0; i < links.n; i++) {
		TRY(nl_redirect_remove(links.v[i].index));
		TRY(nl_rate_remove(links.v[i].index));
	}
	return network_forward_clean();
}
