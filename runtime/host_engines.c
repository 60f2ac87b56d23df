/* Container engines: found by their programs, told of Sealpod by their configuration files. */
#include "host_check.h"
#include "runtime/host_services.h"

#include <dirent.h>

#include <base/file.h>

enum {
	CONFIG_MAX = 4 * 1024 * 1024,
	CONFIG_FILES_MAX = 256
};

#define SHIM_TYPE "io.containerd.sealpod" /* "." or "-NAME." and a version follow */
#define SHIM	  "containerd-shim-sealpod-v2"
#define OCI	  "sealpod-oci"

struct engine {
	const char *name, *program;
	const char *files[4]; /* a file, or a directory of them with a '/' at its end */
	const char *words[2]; /* either names Sealpod there */
	const char *needs;    /* our program that it starts */
	const char *fix;
};

static const struct engine engines[] = {
	{ "containerd", "containerd", { "/etc/containerd/config.toml", "/etc/containerd/conf.d/" },
		{ SHIM_TYPE }, SHIM, "sealpod install containerd" },
	{ "CRI-O", "crio", { "/etc/crio/crio.conf", "/etc/crio/crio.conf.d/" },
		{ "containerd-shim-sealpod" }, SHIM, "sealpod install crio" },
	/* Releases before 23 start no shims, but OCI runtimes. */
	{ "Docker", "dockerd", { "/etc/docker/daemon.json" }, { SHIM_TYPE, OCI }, SHIM,
		"sealpod install docker" },
	{ "Podman", "podman",
		{ "/etc/containers/containers.conf", "/etc/containers/containers.conf.d/",
			"/usr/share/containers/containers.conf" },
		{ OCI }, OCI, "sealpod install podman" },
};

static bool line_has(struct bytes line, const char *word)
{
	size_t n = strlen(word);

	for (size_t at = 0; at + n <= line.n; at++) {
		if (line.p[at] == '#')
			return false; /* a comment from here on */
		if (bytes_equal(bytes_of(line.p + at, n), bytes_str(word)))
			return true;
	}
	return false;
}

static bool line_names(struct bytes line, const struct engine *e)
{
	return line_has(line, e->words[0]) || (e->words[1] && line_has(line, e->words[1]));
}

static bool file_names(const char *path, const struct engine *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CONFIG_MAX);

	if (failed(file_read(path, &text)))
		return false;
	struct bytes rest = buf_bytes(&text);
	while (rest.n > 0) {
		if (line_names(host_line(&rest), e))
			return true;
	}
	return false;
}

static bool directory_names(const char *path, const struct engine *e)
{
	AUTO(auto_closedir) DIR *d = opendir(path);
	const struct dirent *entry;
	bool found = false;

	for (size_t n = 0; d && !found && n < CONFIG_FILES_MAX; n++) {
		AUTO(auto_free) char *file = NULL;

		/* One thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
		entry = readdir(d);
		if (!entry)
			break;
		if (entry->d_name[0] != '.' && !failed(path_join(path, entry->d_name, &file)))
			found = file_names(file, e);
	}
	return found;
}

static bool is_configured(const struct host_facts *f, const struct engine *e)
{
	for (size_t i = 0; i < ARRAY_LEN(e->files) && e->files[i]; i++) {
		AUTO(auto_free) char *path = NULL;

		if (failed(str_format(&path, "%s%s", f->root, e->files[i])))
			return false;
		if (str_ends(path, "/") ? directory_names(path, e) : file_names(path, e))
			return true;
	}
	return false;
}

static void check_engine(
	const struct host_facts *f, const struct engine *e, struct host_checks *out)
{
	struct host_check *c;

	if (!host_program(f->root, e->program)) {
		(void)host_add(out, e->name, HOST_SKIPPED, "not installed");
		return;
	}
	if (!is_configured(f, e)) {
		c = host_add(out, e->name, HOST_WARN, "installed, does not know Sealpod");
		host_fix(c, "%s", e->fix);
		return;
	}
	if (!host_program(f->root, e->needs)) {
		c = host_add(out, e->name, HOST_WARN, "knows Sealpod, but %s is not installed",
			e->needs);
		host_fix(c,
			"install %s to /usr/bin or /usr/local/bin, or say sealpod install "
			"--bin-dir",
			e->needs);
		return;
	}
	(void)host_add(out, e->name, HOST_OK, "knows Sealpod");
}

void host_engines(const struct host_facts *f, struct host_checks *ret_checks)
{
	*ret_checks = (struct host_checks){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(engines); i++)
		check_engine(f, &engines[i], ret_checks);
}
