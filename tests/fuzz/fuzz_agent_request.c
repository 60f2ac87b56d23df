/*
 * The agent API as a hostile host sees it, with a manifest and in the open world: records of
 * (method, length, payload) go through the real ttrpc server to the real handlers; only what they
 * would do to the machine is replaced.
 */
#include "api.h"
#include "start.h"
#include "ttrpc_request.h"

#include <fcntl.h>
#include <unistd.h>

#include <base/file.h>
#include <base/log.h>
#include <base/reader.h>
#include <net/pb.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	CALLS_MAX = 16,
	ROUNDS = 4,
	RUN_DIR_FD = 900
};

#define RUN_DIR	   "/proc/self/fd/900"
#define CGROUP_DIR RUN_DIR "/cgroup"

static const char initdata[] =
	"version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"pod-manifest.json\" = '''\n"
	"{\"version\":1,\"containers\":[{\"name\":\"app\",\"image\":\"~.*\",\"argv\":[\"/"
	"a\",\"~.*\"],"
	"\"env\":{\"A\":\"~.*\",\"S\":\"~sealed.*\"},\"cwd\":\"~.*\",\"user\":\"~.*\","
	"\"capabilities\":[\"CAP_KILL\"],"
	"\"mounts\":[\"/m\",\"/etc/resolv.conf\"],\"exec\":[[\"~.*\"]],\"volumes\":["
	"{\"at\":\"/v\",\"kind\":\"memory\",\"name\":\"v\",\"size\":4096},"
	"{\"at\":\"/e\",\"kind\":\"encrypted\"},{\"at\":\"/d\",\"kind\":\"disk\"},"
	"{\"at\":\"/f\",\"kind\":\"files\",\"sealed\":true},"
	"{\"at\":\"/i\",\"kind\":\"image\"}]}],"
	"\"allow\":[\"logs\",\"signal\",\"stdin\",\"stats\"]}'''\n";

/* crun fails at once, so that no process is waited for. */
static RESULT no_run(struct agent *a, const struct process_spec *spec, command_fn *fn, void *arg)
{
	(void)a;
	(void)spec;
	fn(arg, 1);
	return OK;
}

static RESULT no_pull(
	struct agent *a, const char *image, const char *bundle, pull_fn *fn, void *arg)
{
	AUTO(auto_free) char *config = NULL;
	AUTO(auto_free) char *rootfs = NULL;

	(void)a;
	(void)image;
	TRY(path_join(bundle, "rootfs", &rootfs));
	TRY(path_join(bundle, "image.json", &config));
	TRY(dir_make(rootfs, 0755));
	TRY(file_write_atomic(config, bytes_str("{\"config\":{\"Cmd\":[\"/a\",\"b\"]}}"), 0600));
	fn(arg, OK);
	return OK;
}

static RESULT no_namespaces(struct agent *a, const char *hostname)
{
	(void)a;
	(void)hostname;
	return OK;
}

static RESULT no_mount(const struct storage_mount *m, const char *target)
{
	(void)m;
	(void)target;
	return OK;
}

static RESULT no_unmount(const char *target)
{
	(void)target;
	return OK;
}

static RESULT no_unseal(struct agent *a, struct bytes reference, unseal_fn *fn, void *arg)
{
	(void)a;
	fn(arg, OK, reference);
	return OK;
}

static RESULT no_secure_mount(struct agent *a, const struct hub_volume *v, pull_fn *fn, void *arg)
{
	(void)a;
	(void)v;
	fn(arg, OK);
	return OK;
}

static RESULT no_prepare(const struct agent *a, const char *driver, const char *source)
{
	(void)a;
	(void)driver;
	(void)source;
	return OK;
}

/* Some are there at once, the others never. */
static RESULT no_find(
	const struct agent *a, const char *driver, const char *source, char **ret_device)
{
	(void)a;
	(void)driver;
	return source[0] == '/' ? str_dup("/dev/null", ret_device)
				: err_new(ERR_NOT_FOUND, "no device");
}

static RESULT no_interface(const Types__Interface *i)
{
	(void)i;
	return OK;
}

static RESULT no_routes(const Agent__Routes *r)
{
	(void)r;
	return OK;
}

static RESULT no_neighbours(const Agent__ARPNeighbors *n)
{
	(void)n;
	return OK;
}

static RESULT no_clock(int64_t sec, int64_t usec)
{
	(void)sec;
	(void)usec;
	return OK;
}

static RESULT no_random(struct bytes data)
{
	(void)data;
	return OK;
}

static RESULT no_cpus(uint32_t n, uint32_t *ret_done)
{
	*ret_done = n / 2;
	return OK;
}

static RESULT no_memory(void)
{
	return OK;
}

static RESULT no_pid_namespace(struct agent *a)
{
	return a->pid_ns ? OK : str_dup("/proc/self/ns/pid", &a->pid_ns);
}

static RESULT no_sysctl(struct agent *a, const char *name, const char *value)
{
	(void)a;
	(void)name;
	(void)value;
	return OK;
}

static RESULT no_module(const Agent__KernelModule *m)
{
	(void)m;
	return OK;
}

static RESULT no_filter_get(bool ipv6, struct buf *rules)
{
	(void)ipv6;
	(void)rules;
	return OK;
}

static RESULT no_filter_set(bool ipv6, struct bytes rules, struct buf *out)
{
	(void)ipv6;
	(void)rules;
	(void)out;
	return OK;
}

static RESULT no_swap(const char *path)
{
	(void)path;
	return OK;
}

static RESULT no_probe(uint64_t address)
{
	(void)address;
	return OK;
}

static const struct effects harmless = {
	.run = no_run,
	.pull = no_pull,
	.unseal = no_unseal,
	.secure_mount = no_secure_mount,
	.namespaces = no_namespaces,
	.mount = no_mount,
	.unmount = no_unmount,
	.block_prepare = no_prepare,
	.block_find = no_find,
	.interface_set = no_interface,
	.routes_add = no_routes,
	.neighbours_add = no_neighbours,
	.clock_set = no_clock,
	.random_add = no_random,
	.cpus_online = no_cpus,
	.memory_online = no_memory,
	.pid_namespace = no_pid_namespace,
	.sysctl_set = no_sysctl,
	.module_load = no_module,
	.filter_get = no_filter_get,
	.filter_set = no_filter_set,
	.swap_on = no_swap,
	.memory_probe = no_probe,
};

static char dir[] = "/dev/shm/sealpod-fuzz-agent-XXXXXX";

static void remove_dir(void)
{
	err_ignore(dir_remove_tree(dir));
}

/* Limits are written where a file says that the kernel has them. */
static void make_controls(void)
{
	static const char *const files[][2] = { { "memory.swap.max", "max\n" },
		{ "cpuset.cpus.effective", "0-3\n" }, { "cpuset.mems.effective", "0\n" },
		{ "io.weight", "" }, { "io.max", "" }, { "hugetlb.2MB.max", "max\n" } };
	char path[128];

	err_ignore(dir_make(CGROUP_DIR, 0755));
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		(void)snprintf(path, sizeof(path), CGROUP_DIR "/%s", files[i][0]);
		if (failed(file_write_atomic(path, bytes_str(files[i][1]), 0600)))
			abort();
	}
}

static const char *run_dir(void)
{
	static bool made;

	/* Under a name that every run has, so that seeds can hold paths. */
	if (!made && (!mkdtemp(dir) || atexit(remove_dir) != 0 ||
			     dup2(open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), RUN_DIR_FD) < 0))
		abort();
	/* Every refusal is logged; here that would be all the output there is. */
	if (!made)
		log_init("fuzz", LOG_ERROR, LOG_TEXT, open("/dev/null", O_WRONLY | O_CLOEXEC));
	if (!made)
		make_controls();
	made = true;
	return RUN_DIR;
}

static void drain(int fd)
{
	uint8_t answer[4096];

	while (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
		;
}

static void feed(struct agent *a, int fd, struct reader r)
{
	size_t methods = 0;

	while (api_methods[methods])
		methods++;
	for (uint32_t i = 0; i < CALLS_MAX && rd_more(&r); i++) {
		size_t method = rd_u8(&r) % methods;
		uint16_t n = rd_be16(&r);
		struct bytes payload = n < r.left ? rd_take(&r, n) : rd_rest(&r);

		fuzz_ttrpc_send(fd, 2 * i + 1, "grpc.AgentService", api_methods[method], payload);
		for (int round = 0; round < ROUNDS; round++)
			err_ignore(loop_once(a->loop, 0));
		drain(fd);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct settings set = { .run_dir = run_dir(),
		.crun = "/bin/true",
		.cgroup_manager = "cgroupfs",
		.cgroup_dir = CGROUP_DIR };
	struct agent a;
	int fds[2];

	/* The first byte decides which world it is. */
	bool open_world = size > 0 && data[0] == 0xff;

	if (failed(agent_init(&a, &set)) ||
		(!open_world && failed(agent_load_initdata(&a, bytes_str(initdata)))))
		abort();
	a.open_world = open_world;
	if (open_world) {
		data++;
		size--;
	}
	a.effects = &harmless;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0 ||
		failed(ttrpc_server_add(a.server, fds[0], false)))
		abort();
	feed(&a, fds[1], rd_of(bytes_of(data, size)));
	(void)close(fds[1]);
	agent_done(&a);
	return 0;
}
