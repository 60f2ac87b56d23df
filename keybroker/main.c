/* sealpod-kbs: the key broker. */
#include "broker.h"
#include "kbs_sandbox.h"

#include <signal.h>
#include <stdio.h>

#include <base/cli.h>
#include <base/file.h>
#include <base/log.h>

#define LOG_MODULE "kbs"

enum {
	PEM_MAX = 256 * 1024
};

struct options {
	const char *config, *log_format, *log_level;
};

static RESULT open_server(struct loop *l, struct broker *b, struct http_server **ret_server)
{
	AUTO(buf_done) struct buf cert = BUF_INIT(PEM_MAX);
	AUTO(buf_done) struct buf key = BUF_INIT(PEM_MAX);
	const struct kbs_server_config *c = &b->config.server;
	struct http_server_config http = {
		.address = c->address,
		.port = (uint16_t)c->port,
		.max_body = c->max_body,
		.handle = api_handle,
		.arg = b,
	};

	if (c->tls_cert) {
		TRY(file_read(c->tls_cert, &cert));
		TRY(file_read(c->tls_key, &key));
		http.cert_pem = buf_bytes(&cert);
		http.key_pem = buf_bytes(&key);
	}
	struct err e = http_server_new(l, &http, ret_server);
	bytes_wipe(key.p, key.n);
	return e;
}

static void stop(void *loop, int signo)
{
	log_info("stopping", "signal=%d", signo);
	loop_stop(loop, 0);
}

static RESULT serve(struct broker *b, int *ret_exit)
{
	AUTO(loop_freep) struct loop *l = NULL;
	AUTO(http_server_freep) struct http_server *server = NULL;

	TRY(loop_new(&l));
	TRY(loop_add_signal(l, SIGTERM, stop, l));
	TRY(loop_add_signal(l, SIGINT, stop, l));
	TRY(open_server(l, b, &server));
	TRY(kbs_sandbox_enter(&b->config));
	log_info("listening", "address=%s port=%u tls=%s", b->config.server.address,
		http_server_port(server), b->config.server.tls_cert ? "yes" : "no");
	return loop_run(l, ret_exit);
}

static RESULT run(const void *opts, const struct cli_args *args, int *ret_exit)
{
	const struct options *o = opts;
	AUTO(kbs_config_done) struct kbs_config config = { 0 };
	AUTO(broker_freep) struct broker *b = NULL;
	enum log_level level = LOG_INFO;
	bool json = o->log_format && str_equal(o->log_format, "json");

	(void)args;
	if (o->log_level)
		TRY(log_level_parse(o->log_level, &level));
	log_init("sealpod-kbs", level, json ? LOG_JSON : LOG_TEXT, STDERR_FILENO);
	TRY(secret_harden_process());
	TRY(kbs_config_load(o->config, &config));
	TRY(broker_open(&config, &b));
	return serve(b, ret_exit);
}

static const struct cli_option options[] = {
	{ .name = "config",
		.letter = 'c',
		.kind = CLI_STRING,
		.value = "FILE",
		.required = true,
		.offset = offsetof(struct options, config),
		.help = "configuration (TOML)" },
	{ .name = "log-format",
		.kind = CLI_CHOICE,
		.choices = "text|json",
		.offset = offsetof(struct options, log_format),
		.help = "form of the log lines" },
	{ .name = "log-level",
		.kind = CLI_CHOICE,
		.choices = "error|warn|info|debug",
		.offset = offsetof(struct options, log_level),
		.help = "least level to log" },
	{ 0 },
};

static const struct cli_command command = {
	.name = "sealpod-kbs",
	.summary = "key broker and verifier (KBS protocol 0.4.0)",
	.options = options,
	.options_size = sizeof(struct options),
	.run = run,
	.notes = "Make keys, certificates and a configuration with 'sealpod kbs init DIR'.",
};

int main(int argc, char **argv)
{
	return cli_main(&command, argc, argv);
}
