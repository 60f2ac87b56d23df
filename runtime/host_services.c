#include "runtime/host_services.h"

#include "host_check.h"

#include <base/file.h>
#include <net/http_client.h>
#include <net/transport.h>

enum {
	URL_MAX = 2048,
	ANSWER_MAX = 1024 * 1024,
	QCNL_MAX = 64 * 1024
};

#define QCNL "/etc/sgx_default_qcnl.conf"

/* The rest of a line after a name, up to the end of its value. */
static struct bytes value_after(struct bytes line)
{
	static const char before[] = " \t\":=";
	size_t n = 0;

	while (line.n > 0 && strchr(before, line.p[0]))
		line = bytes_of(line.p + 1, line.n - 1);
	while (n < line.n && line.p[n] > ' ' && line.p[n] != '"' && line.p[n] != ',')
		n++;
	return bytes_of(line.p, n);
}

static struct bytes trimmed(struct bytes line)
{
	while (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t' || line.p[0] == '"'))
		line = bytes_of(line.p + 1, line.n - 1);
	return line;
}

RESULT host_qcnl_url(struct bytes text, struct buf *url)
{
	static const char *const names[] = { "pccs_url", "PCCS_URL" };

	while (text.n > 0) {
		struct bytes line = trimmed(host_line(&text));

		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			size_t n = strlen(names[i]);

			if (line.n <= n || !bytes_equal(bytes_of(line.p, n), bytes_str(names[i])))
				continue;
			struct bytes value = value_after(bytes_of(line.p + n, line.n - n));
			if (value.n == 0)
				continue;
			buf_put(url, value);
			return buf_end(url, "PCCS address");
		}
	}
	return err_new(ERR_NOT_FOUND, "no pccs_url");
}

static RESULT pccs_url(const struct host_facts *f, const struct host_network *n, struct buf *url)
{
	AUTO(buf_done) struct buf text = BUF_INIT(QCNL_MAX);
	AUTO(auto_free) char *path = NULL;

	if (!n->pccs_url) {
		TRY(str_format(&path, "%s" QCNL, f->root));
		if (!failed(file_read(path, &text)) &&
			!failed(host_qcnl_url(buf_bytes(&text), url)))
			return OK;
	}
	buf_puts(url, n->pccs_url ? n->pccs_url : HOST_PCS_URL);
	return buf_end(url, "PCCS address");
}

static RESULT ask(const char *url, const struct host_network *n, int *ret_status)
{
	long ms = n->timeout_ms ? (long)n->timeout_ms : HOST_TIMEOUT_MS;
	const struct http_client_config config = { .connect_timeout_ms = ms, .timeout_ms = ms };
	const struct http_request request = { .method = "GET", .url = url, .max_body = ANSWER_MAX };
	AUTO(http_client_freep) struct http_client *client = NULL;
	struct http_response answer = { 0 };

	TRY(http_client_new(&config, &client));
	TRY(http_do(client, &request, &answer));
	*ret_status = answer.status;
	http_response_done(&answer);
	return OK;
}

/* Any answer is an answer; what verification needs of it is checked where it is used. */
static void check_server(const char *what, const char *base, const char *path, const char *how,
	const struct host_network *n, struct host_checks *out)
{
	AUTO(auto_free) char *url = NULL;
	struct host_check *c;
	int status = 0;

	if (n->offline) {
		(void)host_add(out, what, HOST_SKIPPED, "%s: not asked (--offline)", base);
		return;
	}
	struct err e = str_format(&url, "%s%s", base, path);
	if (!failed(e))
		e = ask(url, n, &status);
	if (!failed(e)) {
		(void)host_add(out, what, HOST_OK, "%s answers (HTTP %d)", base, status);
		return;
	}
	if (e.code == ERR_UNVERIFIED) {
		(void)host_add(
			out, what, HOST_OK, "%s answers, with a certificate of its own", base);
		return;
	}
	c = host_add(out, what, HOST_WARN, "%s", err_text());
	host_fix(c, "%s", how);
}

static void check_kds(
	const struct host_facts *f, const struct host_network *n, struct host_checks *out)
{
	(void)f;
	check_server("AMD KDS", n->kds_url ? n->kds_url : HOST_KDS_URL, "/vcek/v1/Milan/cert_chain",
		"let this host through to it, or carry certificates here: sealpod collateral", n,
		out);
}

static void check_pccs(
	const struct host_facts *f, const struct host_network *n, struct host_checks *out)
{
	AUTO(buf_done) struct buf url = BUF_INIT(URL_MAX);

	if (failed(pccs_url(f, n, &url)))
		return;
	const char *base = buf_cstr(&url);
	check_server("Intel PCCS", base, str_ends(base, "/") ? "rootcacrl" : "/rootcacrl",
		"start the PCCS that " QCNL " names, or let this host through to Intel's", n, out);
}

static void check_qgs(
	const struct host_facts *f, const struct host_network *n, struct host_checks *out)
{
	const char *address = n->quote_socket ? n->quote_socket : host_quote_socket(f->root);
	AUTO(auto_close) int fd = -1;

	if (n->offline) {
		(void)host_add(out, "QGS", HOST_SKIPPED, "%s: not asked (--offline)", address);
		return;
	}
	struct err e = transport_connect(address, 0, &fd);
	if (!failed(e)) {
		(void)host_add(out, "QGS", HOST_OK, "%s takes connections", address);
		return;
	}
	struct host_check *c = host_add(out, "QGS", HOST_WARN, "%s", err_text());
	host_fix(c, "start Intel's quote generation service (systemctl start qgsd)");
}

static void check_vsock(
	const struct host_facts *f, const struct host_network *n, struct host_checks *out)
{
	AUTO(auto_free) char *path = NULL;

	(void)n;
	if (!failed(str_format(&path, "%s/dev/vhost-vsock", f->root)) && file_exists(path)) {
		(void)host_add(out, "vsock", HOST_OK, "/dev/vhost-vsock");
		return;
	}
	struct host_check *c = host_add(out, "vsock", HOST_WARN,
		"no /dev/vhost-vsock: the agent is reached by virtio-serial");
	host_fix(c, "modprobe vhost_vsock");
}

static const struct {
	const struct vm_platform *platform; /* NULL: of any */
	void (*check)(
		const struct host_facts *f, const struct host_network *n, struct host_checks *out);
} services[] = {
	{ NULL, check_vsock },
	{ &vm_snp, check_kds },
	{ &vm_tdx, check_qgs },
	{ &vm_tdx, check_pccs },
};

void host_services(const struct host_facts *f, const struct vm_platform *p,
	const struct host_network *n, struct host_checks *ret_checks)
{
	*ret_checks = (struct host_checks){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		if (!p || !services[i].platform || services[i].platform == p)
			services[i].check(f, n, ret_checks);
	}
}
