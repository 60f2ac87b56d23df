/* sealpod doctor: which platforms this host can start, and what keeps the others from it. */
#include "commands.h"
#include "show_checks.h"

#include <stdio.h>
#include <unistd.h>

#include <base/file.h>
#include <runtime/guest_files.h>
#include <runtime/host_services.h>

enum {
	TEXT_MAX = 256 * 1024,
	TIMEOUT_MAX_S = 60,
	PLATFORMS_MAX = 16
};

struct doctor_options {
	const char *platform, *kds, *pccs, *quote_socket, *firmware;
	uint64_t timeout;
	bool offline;
};

#define ROW(text, member, k, ...)                                                                  \
	{                                                                                          \
		.name = (text), .kind = (k), .offset = offsetof(struct doctor_options, member),    \
		__VA_ARGS__                                                                        \
	}

static const struct cli_option options[] = {
	ROW("platform", platform, CLI_CHOICE, .choices = "tdx|snp|sev|sev-es|se|vtpm|none",
		.help = "this one only; the exit status is about it"),
	ROW("offline", offline, CLI_FLAG, .help = "ask no server"),
	ROW("timeout", timeout, CLI_U64, .value = "SECONDS", .max = TIMEOUT_MAX_S,
		.help = "of each server asked (3)"),
	ROW("kds", kds, CLI_STRING, .value = "URL", .help = "AMD's key distribution service"),
	ROW("pccs", pccs, CLI_STRING, .value = "URL",
		.help = "Intel's certificates (the address in /etc/sgx_default_qcnl.conf)"),
	ROW("quote-socket", quote_socket, CLI_STRING, .value = "ADDRESS",
		.help = "who makes quotes, unix:///PATH or vsock://CID:PORT"),
	ROW("firmware", firmware, CLI_STRING, .value = "FILE",
		.help = "look for this one; goes with --platform"),
	{ 0 },
};

struct diagnosis {
	struct {
		const struct vm_platform *platform;
		struct host_checks checks;
	} platforms[PLATFORMS_MAX];
	size_t n_platforms;
	struct host_checks services, engines;
};

static void check_guest_image(enum vm_arch arch, struct host_checks *out)
{
	AUTO(auto_free) char *dir = NULL;
	struct host_check *c = &out->v[out->n++];

	*c = (struct host_check){ .what = "guest image", .status = HOST_OK };
	if (!failed(guest_files_dir(arch < VM_ARCHS ? arch : VM_ARCH_X86_64, &dir))) {
		(void)snprintf(c->found, sizeof(c->found), "%s", dir);
		return;
	}
	c->status = HOST_WARN;
	(void)snprintf(c->found, sizeof(c->found), "none beside this program");
	(void)snprintf(c->fix, sizeof(c->fix),
		"build target sealpod-image, or give sealpod run --kernel and --initrd");
}

static RESULT diagnose(const struct doctor_options *o, struct diagnosis *ret_diagnosis)
{
	AUTO(host_facts_done) struct host_facts f = { 0 };
	const struct vm_platform *only = NULL;
	const struct host_network network = {
		.offline = o->offline,
		.timeout_ms = (unsigned)o->timeout * 1000,
		.kds_url = o->kds,
		.pccs_url = o->pccs,
		.quote_socket = o->quote_socket,
	};
	struct diagnosis *d = ret_diagnosis;

	if (o->platform)
		TRY(vm_platform_find(o->platform, &only));
	if (o->firmware && !only)
		return err_new(ERR_USAGE, "--firmware goes with --platform");
	TRY(host_facts_read((1u << VM_ARCHS) - 1, &f));
	*d = (struct diagnosis){ 0 };
	for (size_t i = 0; vm_platform_at(i) && d->n_platforms < PLATFORMS_MAX; i++) {
		const struct host_question q = { .platform = vm_platform_at(i),
			.firmware = o->firmware,
			.quote_socket = o->quote_socket };

		if (only && q.platform != only)
			continue;
		d->platforms[d->n_platforms].platform = q.platform;
		host_probe(&f, &q, &d->platforms[d->n_platforms++].checks);
	}
	host_services(&f, only, &network, &d->services);
	check_guest_image(f.arch, &d->services);
	host_engines(&f, &d->engines);
	return OK;
}

static bool can_run(const struct diagnosis *d)
{
	for (size_t i = 0; i < d->n_platforms; i++) {
		if (host_checks_pass(&d->platforms[i].checks))
			return true;
	}
	return false;
}

/* ---- for people ---- */
static void put_table(const struct diagnosis *d, bool colour, struct buf *out)
{
	for (size_t i = 0; i < d->n_platforms; i++) {
		const struct host_checks *c = &d->platforms[i].checks;

		buf_printf(out, "%s: %s\n", d->platforms[i].platform->name,
			host_checks_pass(c) ? "can run here" : "cannot run here");
		show_checks(c, colour, out);
	}
	buf_puts(out, "services\n");
	show_checks(&d->services, colour, out);
	buf_puts(out, "container engines\n");
	show_checks(&d->engines, colour, out);
}

/* ---- for programs ---- */
static void put_json(const struct diagnosis *d, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_kbool(&w, "can_run", can_run(d));
	jw_key(&w, "platforms");
	jw_array(&w);
	for (size_t i = 0; i < d->n_platforms; i++) {
		jw_object(&w);
		jw_kstr(&w, "platform", d->platforms[i].platform->name);
		jw_kbool(&w, "can_run", host_checks_pass(&d->platforms[i].checks));
		show_checks_json(&w, "checks", &d->platforms[i].checks);
		jw_object_end(&w);
	}
	jw_array_end(&w);
	show_checks_json(&w, "services", &d->services);
	show_checks_json(&w, "engines", &d->engines);
	jw_object_end(&w);
	buf_puts(out, "\n");
}

static RESULT run(const void *opaque, const struct cli_args *args, int *ret_exit)
{
	AUTO(buf_done) struct buf out = BUF_INIT(TEXT_MAX);
	AUTO(auto_free) struct diagnosis *d = calloc(1, sizeof(*d));

	if (!d)
		return err_new(ERR_NOMEM, "the diagnosis");
	TRY(diagnose(opaque, d));
	if (args->json)
		put_json(d, &out);
	else
		put_table(d, isatty(STDOUT_FILENO) == 1, &out);
	TRY(buf_end(&out, "the diagnosis"));
	*ret_exit = can_run(d) ? 0 : 1;
	return fd_write_all(STDOUT_FILENO, buf_bytes(&out));
}

const struct cli_command cmd_doctor = {
	.name = "doctor",
	.summary = "which platforms this host can start, and how to get the others",
	.options = options,
	.options_size = sizeof(struct doctor_options),
	.run = run,
	.notes =
		"The exit status is 0 when a platform (with --platform: that one) can run, else 1.",
};
