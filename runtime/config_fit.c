/* Whether pods of a handler can start here: what its configuration names is there, and the host is
 * fit for its platform. */
#include "config_parts.h"
#include "host_check.h"

#include <pwd.h>

#include <base/file.h>
#include <measured-boot/initdata.h>
#include <sys/sysinfo.h>

#define VIRTIOFSD "/usr/lib/qemu/virtiofsd"

static void check_file(
	const struct host_facts *f, const char *what, const char *path, struct host_checks *out)
{
	AUTO(auto_free) char *full = NULL;
	struct host_check *c;

	if (!path)
		return;
	if (!failed(str_format(&full, "%s%s", f->root, path)) && access(full, R_OK) == 0) {
		(void)host_add(out, what, HOST_OK, "%s", path);
		return;
	}
	c = host_add(out, what, HOST_BAD, "%s is not there or cannot be read", path);
	host_fix(c, "put it there, or name another one as '%s'", what);
}

static void check_guest(const struct runtime_config *c, struct host_checks *out)
{
	AUTO(runtime_config_done) struct runtime_config found = { 0 };
	struct host_check *row;
	struct err e;

	/* A copy, because what is found must not stay. */
	if (failed(config_defaults(c->handler, c->platform, &found)))
		return;
	found.arch = c->arch;
	if ((c->kernel && failed(str_dup(c->kernel, &found.kernel))) ||
		(c->initrd && failed(str_dup(c->initrd, &found.initrd))) ||
		(c->firmware && failed(str_dup(c->firmware, &found.firmware))))
		return;
	e = runtime_config_find(&found);
	if (!failed(e)) {
		(void)host_add(out, "guest", HOST_OK, "%s", found.kernel);
		return;
	}
	row = host_add(out, "guest", HOST_BAD, "%s", err_text());
	host_fix(row, "install the guest image (target sealpod-image), or name 'kernel' and "
		      "'initrd'");
}

static void check_user(const struct runtime_config *c, struct host_checks *out)
{
	struct host_check *row;

	if (!c->qemu_user)
		return;
	/* One thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	if (str_equal(c->qemu_user, "random") || str_equal(c->qemu_user, "root") ||
		getpwnam(c->qemu_user)) {
		(void)host_add(out, "qemu_user", HOST_OK, "%s", c->qemu_user);
		return;
	}
	row = host_add(out, "qemu_user", HOST_BAD, "no user %s", c->qemu_user);
	host_fix(row, "useradd --system --shell /usr/sbin/nologin %s", c->qemu_user);
}

static void check_initdata(
	const struct host_facts *f, const struct runtime_config *c, struct host_checks *out)
{
	AUTO(buf_done) struct buf text = BUF_INIT(INITDATA_MAX);
	AUTO(auto_free) char *full = NULL;
	struct digest_value digest;
	struct host_check *row;

	if (!c->initdata)
		return;
	if (!failed(str_format(&full, "%s%s", f->root, c->initdata)) &&
		!failed(file_read(full, &text)) &&
		!failed(initdata_digest(buf_bytes(&text), &digest))) {
		(void)host_add(out, "initdata", HOST_OK, "%s", c->initdata);
		return;
	}
	row = host_add(out, "initdata", HOST_BAD, "%s", err_text());
	host_fix(row, "sealpod initdata --help tells how to make one");
}

static void check_sizes(const struct runtime_config *c, struct host_checks *out)
{
	const uint64_t mib = 1024 * 1024;
	struct sysinfo host;
	struct host_check *row;
	uint64_t have;

	if (sysinfo(&host) < 0)
		return;
	have = (uint64_t)host.totalram * host.mem_unit / mib;
	if (c->memory_mib < have) {
		(void)host_add(out, "sizes", HOST_OK,
			"%llu vCPU, %llu MiB without limits; limits + %llu MiB else",
			(unsigned long long)c->vcpus, (unsigned long long)c->memory_mib,
			(unsigned long long)c->overhead_memory_mib);
		return;
	}
	row = host_add(out, "sizes", HOST_WARN,
		"memory_mib = %llu is more than the %llu MiB of this host",
		(unsigned long long)c->memory_mib, (unsigned long long)have);
	host_fix(row, "lower memory_mib, or give pods limits");
}

static void check_annotations(const struct runtime_config *c, struct host_checks *out)
{
	AUTO(buf_done) struct buf names = BUF_INIT(HOST_FOUND_MAX - 1);

	for (size_t i = 0; i < c->annotations.n; i++)
		buf_printf(&names, "%s%s", i ? ", " : "", c->annotations.v[i]);
	(void)host_add(out, "annotations", HOST_OK, "%s",
		c->annotations.n == 0		   ? "none"
		: failed(buf_end(&names, "names")) ? "many"
						   : buf_cstr(&names));
}

void runtime_config_fit(
	const struct host_facts *f, const struct runtime_config *c, struct host_checks *ret_checks)
{
	const struct host_question q = {
		.platform = c->platform,
		.firmware = c->firmware,
		.quote_socket = c->quote_socket,
	};

	host_probe(f, &q, ret_checks);
	check_guest(c, ret_checks);
	check_file(f, "kernel", c->kernel, ret_checks);
	check_file(f, "initrd", c->initrd, ret_checks);
	if (c->shared_fs == SHARED_FS_VIRTIOFS)
		check_file(f, "virtiofsd", c->virtiofsd ? c->virtiofsd : VIRTIOFSD, ret_checks);
	check_user(c, ret_checks);
	check_initdata(f, c, ret_checks);
	check_sizes(c, ret_checks);
	check_annotations(c, ret_checks);
}
