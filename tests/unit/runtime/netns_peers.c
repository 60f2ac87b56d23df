#include "netns_peers.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <base/clock.h>
#include <base/process.h>
#include <net/netns.h>
#include <sys/socket.h>

enum {
	VNET = 10, /* header before each frame */
	ETH = 14,
	IP = 20,
	UDP = 8,
	WAIT_MS = 5000
};

bool netns_ip(const char *name, const char *commands)
{
	const char *const argv[] = { "ip", "-n", name, "-batch", "-", NULL };

	struct err e = process_run_ok(argv, bytes_str(commands), NULL);

	if (failed(e))
		print_message("%s\n", err_text());
	return !failed(e);
}

struct buf netns_says(const char *name, const char *const *program)
{
	const char *argv[12] = { "ip", "netns", "exec", name };
	struct buf out = BUF_INIT(64 * 1024);

	for (size_t i = 0; program[i]; i++)
		argv[4 + i] = program[i];
	assert_ok(process_run_ok(argv, BYTES_NONE, &out));
	assert_non_null(buf_cstr(&out));
	return out;
}

static bool run(const char *a, const char *b, const char *c)
{
	const char *const argv[] = { "ip", a, b, c, NULL };

	return !failed(process_run_ok(argv, BYTES_NONE, NULL));
}

void netns_pair_make(struct netns_pair *p)
{
	static unsigned number;
	char commands[512];

	*p = (struct netns_pair){ 0 };
	number++;
	(void)snprintf(p->pod, sizeof(p->pod), "sealpod-pod-%d-%u", getpid(), number);
	(void)snprintf(p->outside, sizeof(p->outside), "sealpod-out-%d-%u", getpid(), number);
	(void)snprintf(p->pod_path, sizeof(p->pod_path), "/run/netns/%s", p->pod);
	(void)snprintf(p->outside_path, sizeof(p->outside_path), "/run/netns/%s", p->outside);
	if (getuid() != 0 || !run("netns", "add", p->pod) || !run("netns", "add", p->outside)) {
		print_message("needs root and network namespaces\n");
		netns_pair_remove(p);
		skip();
	}
	(void)snprintf(commands, sizeof(commands),
		"link add out0 type veth peer name eth0 address 02:00:00:88:00:05 netns %s\n"
		"link set lo up\nlink set out0 mtu 1400 up\naddress add 10.88.0.1/24 dev out0\n"
		"address add fd88::1/64 dev out0 nodad\n"
		"neighbour add 10.88.0.5 lladdr 02:00:00:88:00:05 nud permanent dev out0\n",
		p->pod);
	if (!netns_ip(p->outside, commands)) {
		netns_pair_remove(p);
		skip();
	}
	assert_true(netns_ip(p->pod,
		"link set lo up\nlink set eth0 mtu 1400 up\naddress add 10.88.0.5/24 dev eth0\n"
		"address add fd88::5/64 dev eth0 nodad\nroute add default via 10.88.0.1 mtu 1300\n"
		"route add 10.99.0.0/16 dev eth0 src 10.88.0.5\n"
		"route add default via fd88::1 dev eth0\n"
		"neighbour add 10.88.0.9 lladdr 02:00:00:88:00:09 nud permanent dev eth0\n"));
}

void netns_pair_remove(struct netns_pair *p)
{
	if (p->pod[0] != '\0')
		(void)run("netns", "del", p->pod);
	if (p->outside[0] != '\0')
		(void)run("netns", "del", p->outside);
	*p = (struct netns_pair){ 0 };
}

static struct err make_tcp(const void *arg, void *result, struct netns_fds *fds)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)arg;
	(void)result;
	return fd < 0 ? err_new(ERR_SYS, "socket") : netns_fds_add(fds, fd);
}

int netns_tcp(const char *path)
{
	struct netns_job job = { .path = path, .fn = make_tcp };
	struct netns_fds fds = { 0 };

	assert_ok(netns_run(&job, NULL, &fds));
	return fds.fd[0];
}

static struct err make_socket(const void *arg, void *result, struct netns_fds *fds)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)result;
	if (fd < 0 || bind(fd, arg, sizeof(struct sockaddr_in)) != 0)
		return err_new(ERR_SYS, "socket");
	return netns_fds_add(fds, fd);
}

int netns_udp(const char *path, const char *address, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct netns_job job = { .path = path, .fn = make_socket, .arg = &to };
	struct netns_fds fds = { 0 };

	assert_int_equal(inet_pton(AF_INET, address, &to.sin_addr), 1);
	assert_ok(netns_run(&job, NULL, &fds));
	assert_int_equal(fds.n, 1);
	return fds.fd[0];
}

static bool is_ip(const struct tap_frame *f, uint8_t protocol)
{
	return f->n >= VNET + ETH + IP + UDP && f->bytes[VNET + 12] == 0x08 &&
	       f->bytes[VNET + 13] == 0 && f->bytes[VNET + ETH + 9] == protocol;
}

static bool read_ip(int fd, int ms, uint8_t protocol, struct tap_frame *f)
{
	uint64_t end = clock_monotonic_ms() + (uint64_t)ms;

	for (uint64_t now = clock_monotonic_ms(); now < end; now = clock_monotonic_ms()) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, (int)(end - now)) <= 0)
			continue;
		n = read(fd, f->bytes, sizeof(f->bytes));
		f->n = n > 0 ? (size_t)n : 0;
		if (is_ip(f, protocol))
			return true;
	}
	return false;
}

void tap_read_udp(int fd, struct tap_frame *f)
{
	if (!read_ip(fd, WAIT_MS, IPPROTO_UDP, f))
		fail_msg("no frame came");
}

static void exchange(uint8_t *a, uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t t = a[i];

		a[i] = b[i];
		b[i] = t;
	}
}

/* RFC 9293, 3.1: over the pseudo header and the segment. */
static void put_checksum(const uint8_t *ip, uint8_t *tcp, size_t n)
{
	uint32_t sum = IPPROTO_TCP + (uint32_t)n;

	tcp[16] = tcp[17] = 0;
	for (size_t i = 12; i < IP; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? tcp[i] : (uint32_t)tcp[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	tcp[16] = (uint8_t)(~sum >> 8);
	tcp[17] = (uint8_t)~sum;
}

void tap_refuse_tcp(int fd, struct tap_frame *f)
{
	uint8_t *eth = f->bytes + VNET, *ip = eth + ETH, *tcp = ip + IP;

	if (!read_ip(fd, WAIT_MS, IPPROTO_TCP, f))
		fail_msg("no connection came");
	struct tap_frame answer = *f;
	eth = answer.bytes + VNET;
	ip = eth + ETH;
	tcp = ip + IP;
	memset(answer.bytes, 0, VNET);
	exchange(eth, eth + 6, 6);
	exchange(ip + 12, ip + 16, 4);
	exchange(tcp, tcp + 2, 2);
	exchange(tcp + 4, tcp + 8, 4);
	for (int i = 11; i >= 8 && ++tcp[i] == 0; i--) /* acknowledges the SYN */
		;
	memset(tcp + 4, 0, 4);
	tcp[13] = 0x14; /* RST, ACK */
	put_checksum(ip, tcp, answer.n - VNET - ETH - IP);
	assert_int_equal(write(fd, answer.bytes, answer.n), answer.n);
}

void tap_echo(int fd, struct tap_frame *f)
{
	uint8_t *eth = f->bytes + VNET, *ip = eth + ETH, *udp = ip + IP;

	memset(f->bytes, 0, VNET);
	exchange(eth, eth + 6, 6);
	exchange(ip + 12, ip + 16, 4);
	exchange(udp, udp + 2, 2);
	memset(udp + 6, 0, 2); /* no checksum */
	assert_int_equal(write(fd, f->bytes, f->n), f->n);
}

void tap_quiet(int fd, int ms)
{
	struct tap_frame f;

	if (read_ip(fd, ms, IPPROTO_UDP, &f))
		fail_msg("a frame came");
}
