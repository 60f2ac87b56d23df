#include "pod_network_parts.h"

/* A step in the namespace begins with what is known and ends with what is true. */
struct attach {
	const struct network_limits *limits;
};

static struct err attach_there(const void *arg, void *result, struct netns_fds *fds)
{
	const struct attach *a = arg;
	struct network_facts *f = result;
	size_t known = f->n_nics;

	TRY(network_scan(f));
	TRY(network_join(f, known, a->limits, fds));
	if (f->forward_ip[0] == '\0')
		network_forward(f);
	return OK;
}

static RESULT attach(struct pod_network *n)
{
	AUTO(netns_fds_done) struct netns_fds fds = { 0 };
	struct attach a = { .limits = &n->limits };
	struct netns_job job = {
		.path = n->netns, .fn = attach_there, .arg = &a, .result_size = sizeof(n->facts)
	};

	TRY(netns_run(&job, &n->facts, &fds));
	for (; fds.n > 0; fds.n--) {
		TRY(netns_fds_add(&n->fds, fds.fd[0]));
		memmove(fds.fd, fds.fd + 1, (fds.n - 1) * sizeof(fds.fd[0]));
	}
	return OK;
}

static size_t queues_of(const struct runtime_config *c)
{
	size_t n = c->network_queues > 0 ? c->network_queues : 1;

	if (c->vcpus > 0 && n > c->vcpus)
		n = c->vcpus;
	return n < VM_NIC_QUEUES_MAX ? n : VM_NIC_QUEUES_MAX;
}

RESULT pod_network_attach(
	const char *netns, const struct runtime_config *c, struct pod_network **ret_network)
{
	AUTO(pod_network_freep) struct pod_network *n = calloc(1, sizeof(*n));

	if (!n)
		return err_new(ERR_NOMEM, "network");
	if (netns && c->network == NETWORK_TCFILTER) {
		TRY(str_dup(netns, &n->netns));
		n->limits = (struct network_limits){ .queues = queues_of(c),
			.rx_bytes_per_s = c->rx_bytes_per_s,
			.tx_bytes_per_s = c->tx_bytes_per_s };
		TRY(attach(n));
	}
	*ret_network = TAKE(n);
	return OK;
}

RESULT pod_network_rescan(struct pod_network *n, size_t *ret_found)
{
	size_t known = n->facts.n_nics;

	if (n->netns)
		TRY(attach(n));
	*ret_found = n->facts.n_nics - known;
	n->grown |= *ret_found > 0;
	return OK;
}

const char *pod_network_forward_failure(const struct pod_network *n)
{
	return n->facts.forward_failure;
}

void pod_network_nics(const struct pod_network *n, struct vm_config *c)
{
	size_t queues = n->limits.queues;

	for (size_t i = 0; i < n->facts.n_nics; i++) {
		const struct nl_link *link = &n->facts.nics[i].link;
		struct vm_nic *nic = &c->nics[i];

		*nic = (struct vm_nic){ .mac = link->mac, .mtu = link->mtu, .n_fds = queues };
		memcpy(nic->fds, n->fds.fd + i * queues, queues * sizeof(nic->fds[0]));
	}
	c->n_nics = n->facts.n_nics;
}

static struct err detach_there(const void *arg, void *result, struct netns_fds *fds)
{
	(void)result;
	(void)fds;
	network_part(arg);
	return OK;
}

void pod_network_detach(struct pod_network *n)
{
	struct netns_job job = { .path = n->netns, .fn = detach_there, .arg = &n->facts };

	/* A namespace that is gone took everything along. */
	if (n->netns && n->facts.n_nics > 0)
		err_ignore(netns_run(&job, NULL, NULL));
	netns_fds_done(&n->fds);
	n->facts = (struct network_facts){ 0 };
}

void pod_network_freep(struct pod_network **n)
{
	if (!*n)
		return;
	pod_network_detach(*n);
	free((*n)->netns);
	free(*n);
	*n = NULL;
}

static struct err clean_there(const void *arg, void *result, struct netns_fds *fds)
{
	(void)arg;
	(void)result;
	(void)fds;
	return network_part_all();
}

RESULT pod_network_clean(const char *netns)
{
	struct netns_job job = { .path = netns, .fn = clean_there };
	struct err e = netns_run(&job, NULL, NULL);

	return e.code == ERR_NOT_FOUND ? OK : e;
}
