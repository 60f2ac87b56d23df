/* The engines themselves: which they are, whether they take a configuration, whether they run. */
#include "engine_parts.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>

#include <base/clock.h>
#include <base/file.h>
#include <base/process.h>
#include <sys/stat.h>

enum {
	OUTPUT_MAX = 4 * 1024 * 1024,
	UP_WAIT_MS = 30 * 1000,
	UP_STAYS_MS = 2000, /* what fails at once restarts and fails again */
	STEP_MS = 200,
	DOCKER_VALIDATES = 23
};

RESULT engine_version(enum engine_kind e, unsigned *ret_major)
{
	const char *const argv[] = { engine_info(e)->program, "--version", NULL };
	AUTO(buf_done) struct buf out = BUF_INIT(OUTPUT_MAX);
	const char *p;
	unsigned long major = 0;

	TRY(process_run_ok(argv, BYTES_NONE, &out));
	p = buf_cstr(&out);
	if (!p)
		return err_new(ERR_NOMEM, "version");
	/* The first word that is digits and a point: "containerd github.com/... 1.6.20". */
	for (; *p; p++) {
		bool starts = p == buf_cstr(&out) || p[-1] == ' ' || p[-1] == 'v';
		char *end = NULL;
		if (!starts || !isdigit((unsigned char)*p))
			continue;
		major = strtoul(p, &end, 10);
		if (*end == '.')
			break;
		major = 0;
	}
	*ret_major = major < 1000 ? (unsigned)major : 0;
	return OK;
}

/* ---- would it take it? ---- */

struct scratch {
	char dir[32];
	char *file;
};

static void scratch_done(struct scratch *s)
{
	free(s->file);
	if (s->dir[0])
		err_ignore(dir_remove_tree(s->dir)); /* in /tmp */
}

static RESULT scratch_new(struct bytes text, const char *name, struct scratch *s)
{
	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/sealpod-install-XXXXXX");
	if (!mkdtemp(s->dir)) {
		s->dir[0] = '\0';
		return err_new(ERR_SYS, "a directory in /tmp");
	}
	TRY(path_join(s->dir, name, &s->file));
	return file_write_atomic(s->file, text, 0600);
}

static RESULT refused(const char *who)
{
	return err_new(ERR_PEER, "%s does not take the configuration", who);
}

static RESULT run(const char *const *argv, struct buf *out)
{
	AUTO(buf_done) struct buf errors = BUF_INIT(OUTPUT_MAX);
	int status = 0;

	TRY(process_run(argv, BYTES_NONE, out, &errors, &status));
	if (status == 0)
		return OK;
	const char *why = errors.n ? buf_cstr(&errors) : NULL;
	int n = why ? (int)strcspn(why, "\n") : 0;
	return err_add(err_new(ERR_PEER, "%.*s", n > 240 ? 240 : n, why ? why : ""),
		"%s does not take the configuration", argv[0]);
}

static RESULT validate_containerd(struct bytes text, const struct strv *handlers)
{
	AUTO(scratch_done) struct scratch s = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(OUTPUT_MAX);

	TRY(scratch_new(text, "config.toml", &s));
	const char *const argv[] = { "containerd", "--config", s.file, "config", "dump", NULL };
	TRY(run(argv, &out));
	for (size_t i = 0; i < handlers->n; i++) {
		AUTO(auto_free) char *table = NULL;
		AUTO(auto_free) char *quoted = NULL;
		TRY(str_format(&table, "containerd.runtimes.%s]", handlers->v[i]));
		TRY(str_format(&quoted, "containerd.runtimes.'%s']", handlers->v[i]));
		/* A file that is imported replaces the whole plugin's table. */
		if (!strstr(buf_cstr(&out), table) && !strstr(buf_cstr(&out), quoted))
			return err_new(ERR_PEER,
				"containerd does not see runtime %s: a file of 'imports' replaces "
				"the plugin's whole table; add the block there (--file)",
				handlers->v[i]);
	}
	return OK;
}

static RESULT validate_crio(struct bytes text, const struct strv *handlers)
{
	AUTO(scratch_done) struct scratch s = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(OUTPUT_MAX);

	(void)handlers;
	TRY(scratch_new(text, "50-sealpod.conf", &s));
	const char *const argv[] = { "crio", "--config", "/dev/null", "--config-dir", s.dir,
		"config", NULL };
	return run(argv, &out);
}

static RESULT validate_docker(struct bytes text, const struct strv *handlers)
{
	AUTO(scratch_done) struct scratch s = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(OUTPUT_MAX);
	unsigned major = 0;

	(void)handlers;
	TRY(engine_version(ENGINE_DOCKER, &major));
	if (major < DOCKER_VALIDATES)
		return OK; /* it has no such option; what was written is JSON of known members */
	TRY(scratch_new(text, "daemon.json", &s));
	const char *const argv[] = { "dockerd", "--validate", "--config-file", s.file, NULL };
	return run(argv, &out);
}

static RESULT validate_podman(struct bytes text, const struct strv *handlers)
{
	AUTO(scratch_done) struct scratch s = { 0 };
	AUTO(auto_free) char *variable = NULL;
	AUTO(auto_free) char *root = NULL;
	AUTO(auto_free) char *run_root = NULL;

	TRY(scratch_new(text, "containers.conf", &s));
	TRY(str_format(&variable, "CONTAINERS_CONF=%s", s.file));
	TRY(path_join(s.dir, "root", &root));
	TRY(path_join(s.dir, "run", &run_root));
	for (size_t i = 0; i < handlers->n; i++) {
		AUTO(buf_done) struct buf out = BUF_INIT(OUTPUT_MAX);
		const char *const argv[] = { "env", variable, "podman", "--root", root, "--runroot",
			run_root, "--storage-driver", "vfs", "--runtime", handlers->v[i], "info",
			"--format", "{{.Host.OCIRuntime.Name}}", NULL };
		TRY(run(argv, &out));
		if (!str_starts(buf_cstr(&out), handlers->v[i]))
			return refused("podman");
	}
	return OK;
}

RESULT engine_validate(enum engine_kind e, struct bytes text, const struct strv *handlers)
{
	static struct err (*const validate[ENGINES])(struct bytes, const struct strv *) = {
		[ENGINE_CONTAINERD] = validate_containerd,
		[ENGINE_CRIO] = validate_crio,
		[ENGINE_DOCKER] = validate_docker,
		[ENGINE_PODMAN] = validate_podman,
	};

	return validate[e](text, handlers);
}

/* ---- does it run? ---- */

static bool systemctl(const char *action, const char *unit)
{
	const char *const argv[] = { "systemctl", "--quiet", action, unit, NULL };
	int status = 0;

	return !failed(process_run(argv, BYTES_NONE, NULL, NULL, &status)) && status == 0;
}

bool engine_is_running(enum engine_kind e)
{
	const char *unit = engine_info(e)->unit;

	return unit && file_exists("/run/systemd/system") && systemctl("is-active", unit);
}

RESULT engine_restart(enum engine_kind e)
{
	const struct engine_info *info = engine_info(e);
	uint64_t end = clock_monotonic_ms() + UP_WAIT_MS, up = 0;

	if (!systemctl(info->action, info->unit))
		return err_new(ERR_PEER, "systemctl %s %s failed: journalctl -u %s tells why",
			info->action, info->unit, info->unit);
	for (;;) {
		uint64_t now = clock_monotonic_ms();
		if (!systemctl("is-active", info->unit))
			up = 0;
		else if (up == 0)
			up = now;
		else if (now - up >= UP_STAYS_MS)
			return OK;
		if (now >= end)
			return err_new(ERR_TIMEOUT, "%s did not come up within %d s", info->unit,
				UP_WAIT_MS / 1000);
		(void)usleep(STEP_MS * 1000);
	}
}
