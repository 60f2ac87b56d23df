/* sealpod-hub: attestation agent, confidential data hub and REST server of the guest, in one. */
#include "hub.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <base/cli.h>
#include <base/clock.h>
#include <base/file.h>
#include <base/log.h>
#include <net/http_server.h>
#include <net/transport.h>

#define LOG_MODULE "hub"
#define AA_SOCKET  "unix:///run/confidential-containers/attestation-agent/attestation-agent.sock"

struct options {
	const char *platform, *initdata, *cdh_config, *aa_config, *aa_socket;
	bool no_rest;
};

struct services {
	struct ttrpc_server *cdh, *aa;
	struct http_server *rest;
};

static void services_done(struct services *s)
{
	ttrpc_server_free(s->cdh);
	ttrpc_server_free(s->aa);
	http_server_free(s->rest);
}

/* "unix:///a/b/c.sock": the directories above it. */
static RESULT make_parent(const char *address)
{
	AUTO(auto_free) char *path = NULL;
	char *slash;

	if (!str_starts(address, "unix:///"))
		return OK;
	TRY(str_dup(address + strlen("unix://"), &path));
	slash = strrchr(path, '/');
	*slash = '\0';
	return dir_make(path[0] ? path : "/", 0755);
}

static RESULT listen_on(const char *address, const struct ttrpc_server_config *c, struct loop *l,
	struct ttrpc_server **ret_server)
{
	AUTO(ttrpc_server_freep) struct ttrpc_server *server = NULL;
	int fd = -1;

	TRY(make_parent(address));
	TRY(transport_listen(address, &fd));
	TRY(ttrpc_server_new(l, c, &server));
	TRY(ttrpc_server_listen(server, fd));
	*ret_server = TAKE(server);
	return OK;
}

static RESULT open_services(struct hub *h, const struct options *o, struct services *s)
{
	struct ttrpc_server_config cdh = {
		.methods = cdh_methods, .n_methods = cdh_methods_n, .arg = h
	};
	struct ttrpc_server_config aa = {
		.methods = aa_methods, .n_methods = aa_methods_n, .arg = h
	};

	TRY(listen_on(o->aa_socket ? o->aa_socket : AA_SOCKET, &aa, h->loop, &s->aa));
	if (!o->no_rest)
		TRY(rest_open(h, &s->rest));
	/* Last: its socket tells the agent that the hub is ready. */
	return listen_on(h->config.cdh.socket, &cdh, h->loop, &s->cdh);
}

static void stop(void *loop, int signo)
{
	(void)signo;
	loop_stop(loop, 0);
}

static RESULT run(const void *opts, const struct cli_args *args, int *ret_exit)
{
	const struct options *o = opts;
	AUTO(loop_freep) struct loop *l = NULL;
	AUTO(hub_freep) struct hub *h = NULL;
	AUTO(services_done) struct services s = { 0 };
	struct hub_options ho = { o->platform, o->initdata, o->cdh_config, o->aa_config };

	(void)args;
	log_init("sealpod-hub", LOG_INFO, LOG_JSON, STDERR_FILENO);
	TRY(secret_harden_process());
	TRY(loop_new(&l));
	TRY(loop_add_signal(l, SIGTERM, stop, l));
	TRY(hub_open(l, &ho, &h));
	TRY(open_services(h, o, &s));
	log_info("ready", "tee=%s broker=%s", hub_tee_name(h),
		hub_config_kbs_url(&h->config) ? log_quote(hub_config_kbs_url(&h->config))
					       : "none");
	return loop_run(l, ret_exit);
}

static const struct cli_option options[] = {
	{ .name = "platform",
		.kind = CLI_STRING,
		.value = "NAME",
		.offset = offsetof(struct options, platform),
		.help = "platform of this guest (default: found by its devices; 'none')" },
	{ .name = "initdata",
		.kind = CLI_STRING,
		.value = "FILE",
		.offset = offsetof(struct options, initdata),
		.help = "initdata to send to the broker" },
	{ .name = "cdh-config",
		.kind = CLI_STRING,
		.value = "FILE",
		.offset = offsetof(struct options, cdh_config),
		.help = "cdh.toml of guest-components" },
	{ .name = "aa-config",
		.kind = CLI_STRING,
		.value = "FILE",
		.offset = offsetof(struct options, aa_config),
		.help = "aa.toml of guest-components" },
	{ .name = "aa-socket",
		.kind = CLI_STRING,
		.value = "ADDRESS",
		.offset = offsetof(struct options, aa_socket),
		.help = "address of the attestation agent's service" },
	{ .name = "no-rest",
		.kind = CLI_FLAG,
		.offset = offsetof(struct options, no_rest),
		.help = "no REST server on 127.0.0.1:8006" },
	{ 0 },
};

static const struct cli_command command = {
	.name = "sealpod-hub",
	.summary = "attestation agent and confidential data hub of the guest",
	.options = options,
	.options_size = sizeof(struct options),
	.run = run,
};

int main(int argc, char **argv)
{
	return cli_main(&command, argc, argv);
}
