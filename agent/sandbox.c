#include "reply.h"
#include "requests.h"
#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include <arpa/inet.h>
#include <base/file.h>
#include <base/log.h>
#include <sys/mount.h>

/* The answer must have left before the guest goes. */
enum {
	STOP_DELAY_MS = 50
};

static RESULT check_hostname(const char *s)
{
	size_t n = strlen(s);

	if (n > 64)
		return err_new(ERR_FORMAT, "hostname: %zu characters", n);
	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'z') ||
			    (s[i] >= 'A' && s[i] <= 'Z') || s[i] == '-' || s[i] == '.' ||
			    s[i] == '_'))
			return err_new(ERR_FORMAT, "hostname: character %zu", i);
	return OK;
}

static bool is_address(const char *s)
{
	uint8_t address[16];

	return inet_pton(AF_INET, s, address) == 1 || inet_pton(AF_INET6, s, address) == 1;
}

RESULT sandbox_check_dns_line(const char *line)
{
	static const char *const words[] = { "search ", "options ", "domain ", "sortlist " };
	size_t n = strlen(line);

	if (n > AGENT_DNS_LINE_MAX)
		return err_new(ERR_FORMAT, "dns: line of %zu characters", n);
	for (size_t i = 0; i < n; i++)
		if (line[i] < ' ' || line[i] > '~')
			return err_new(ERR_FORMAT, "dns: character %zu", i);
	if (n == 0 || line[0] == '#' || line[0] == ';')
		return OK;
	if (str_starts(line, "nameserver ") && is_address(line + strlen("nameserver ")))
		return OK;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_starts(line, words[i]))
			return OK;
	return err_new(ERR_FORMAT, "dns: no line of resolv.conf");
}

/* What only the open world has. */
static RESULT check_listed(const struct agent *a, const Agent__CreateSandboxRequest *q)
{
	if (q->n_kernel_modules > 0)
		return err_deny(ERR_DENIED, "manifest.request", "kernel_modules", "(none)",
			q->kernel_modules[0]->name);
	if (q->sandbox_pidns && !a->manifest.shared_pid)
		return err_deny(
			ERR_DENIED, "manifest.namespaces", "sandbox_pidns", "false", "true");
	return spec_check_pod_storages(q->storages, q->n_storages);
}

static RESULT check_request(const struct agent *a, const Agent__CreateSandboxRequest *q)
{
	if (a->sandbox_created)
		return err_new(ERR_STATE, "CreateSandbox: there is one");
	/* Programs that the host leaves in the guest have no place in any world. */
	if (q->guest_hook_path[0] != '\0')
		return err_deny(ERR_DENIED, "manifest.hooks", "guest_hook_path", "(none)",
			q->guest_hook_path);
	if (!a->open_world)
		TRY(check_listed(a, q));
	for (size_t i = 0; i < q->n_kernel_modules; i++)
		TRY(modules_check(q->kernel_modules[i]));
	if (q->n_dns > AGENT_DNS_MAX)
		return err_new(ERR_LIMIT, "dns: more than %d lines", AGENT_DNS_MAX);
	for (size_t i = 0; i < q->n_dns; i++)
		TRY(sandbox_check_dns_line(q->dns[i]));
	return check_hostname(q->hostname);
}

static RESULT write_resolv_conf(struct agent *a, const Agent__CreateSandboxRequest *q)
{
	AUTO(buf_done) struct buf text = BUF_INIT(AGENT_DNS_MAX * (AGENT_DNS_LINE_MAX + 1));

	if (q->n_dns == 0)
		return OK;
	for (size_t i = 0; i < q->n_dns; i++)
		buf_printf(&text, "%s\n", q->dns[i]);
	TRY(buf_end(&text, "dns"));
	/* The hub resolves names of registries and brokers too; TLS tells whether they are right.
	 */
	if (a->set.init)
		TRY(file_write_atomic(SPEC_RESOLV_CONF, buf_bytes(&text), 0644));
	TRY(str_format(&a->resolv_conf, "%s/sealpod/resolv.conf", a->set.run_dir));
	return file_write_atomic(a->resolv_conf, buf_bytes(&text), 0644);
}

static RESULT create(struct agent *a, const Agent__CreateSandboxRequest *q)
{
	TRY(check_request(a, q));
	for (size_t i = 0; i < q->n_kernel_modules; i++)
		TRY(a->effects->module_load(q->kernel_modules[i]));
	TRY(write_resolv_conf(a, q));
	TRY(a->effects->namespaces(a, q->hostname));
	a->share_pids = q->sandbox_pidns;
	a->sandbox_created = true;
	log_field("pod", q->sandbox_id[0] ? q->sandbox_id : NULL);
	return OK;
}

struct creation { /* until the pod's storages are there */
	Agent__CreateSandboxRequest *request;
	struct ttrpc_call *call;
};

static void on_storages(void *arg, struct err e)
{
	AUTO(auto_free) struct creation *c = arg;

	pb_free(&c->request->base);
	reply_result(c->call, e);
}

static RESULT add_storages(
	struct agent *a, struct ttrpc_call *call, Agent__CreateSandboxRequest **q)
{
	struct creation *c = malloc(sizeof(*c));
	struct err e;

	if (!c)
		return err_new(ERR_NOMEM, "sandbox");
	*c = (struct creation){ *q, call };
	e = storage_sandbox_add(a, (*q)->storages, (*q)->n_storages, on_storages, c);
	if (failed(e))
		free(c);
	else
		*q = NULL;
	return e;
}

void sandbox_create(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__CreateSandboxRequest *q = NULL;
	struct err e = PB_UNPACK(agent__create_sandbox_request, payload, &q);

	if (!failed(e))
		e = create(a, q);
	if (!failed(e))
		e = add_storages(a, call, &q);
	if (failed(e))
		reply_failure(call, e);
}

static void on_stop(void *arg)
{
	struct agent *a = arg;

	loop_stop(a->loop, 0);
}

void sandbox_destroy(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	struct loop_source *timer;
	struct err e = OK;

	(void)payload;
	/* Once it has the answer the host may end the machine at once. */
	if (a->set.init)
		sync();
	if (!a->stopping)
		e = loop_add_timer(a->loop, STOP_DELAY_MS, 0, on_stop, a, &timer);
	a->stopping = true;
	reply_result(call, e);
	if (failed(e))
		on_stop(a);
}

/* ---- the pod's namespaces ---- */

static RESULT keep(const char *of, const char *at)
{
	AUTO(auto_close) int fd = open(at, O_CREAT | O_RDONLY | O_CLOEXEC, 0400);

	if (fd < 0)
		return err_new(ERR_SYS, "%s", at);
	if (mount(of, at, NULL, MS_BIND, NULL) != 0)
		return err_new(ERR_SYS, "keeping %s", of);
	return OK;
}

static RESULT make_namespaces(const struct agent *a, const char *hostname)
{
	if (unshare(CLONE_NEWIPC | CLONE_NEWUTS) != 0)
		return err_new(ERR_SYS, "new namespaces");
	if (hostname[0] != '\0' && sethostname(hostname, strlen(hostname)) != 0)
		return err_new(ERR_SYS, "hostname");
	TRY(keep("/proc/self/ns/ipc", a->ipc_ns));
	return keep("/proc/self/ns/uts", a->uts_ns);
}

/* Made by stepping in and out again, so that no process has to stay to hold them. */
RESULT effect_namespaces(struct agent *a, const char *hostname)
{
	AUTO(auto_free) char *dir = NULL;
	AUTO(auto_close) int ipc = open("/proc/self/ns/ipc", O_RDONLY | O_CLOEXEC);
	AUTO(auto_close) int uts = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	struct err e;

	if (ipc < 0 || uts < 0)
		return err_new(ERR_SYS, "own namespaces");
	/* Kata's name for it. */
	TRY(path_join(a->set.run_dir, "sandbox-ns", &dir));
	TRY(dir_make(dir, 0700));
	TRY(path_join(dir, "ipc", &a->ipc_ns));
	TRY(path_join(dir, "uts", &a->uts_ns));
	e = make_namespaces(a, hostname);
	if (setns(ipc, CLONE_NEWIPC) != 0 || setns(uts, CLONE_NEWUTS) != 0)
		return err_new(ERR_SYS, "back to own namespaces");
	return e;
}
