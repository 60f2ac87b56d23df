/* features, spec: what does not depend on any container. */
#include "oci.h"

#include <base/file.h>

enum {
	OUT_MAX = 64 * 1024
};

struct spec_options {
	const char *bundle, *file;
	bool rootless;
};

static void put_list(struct json_writer *w, const char *name, const char *const *v)
{
	jw_key(w, name);
	jw_array(w);
	for (; *v; v++)
		jw_str(w, *v);
	jw_array_end(w);
}

/* runtime-spec features.md */
static void features_linux(struct json_writer *w)
{
	static const char *const namespaces[] = { "cgroup", "ipc", "mount", "network", "pid", "uts",
		NULL };

	jw_key(w, "linux");
	jw_object(w);
	put_list(w, "namespaces", namespaces);
	jw_key(w, "cgroup");
	jw_object(w);
	jw_kbool(w, "v1", true);
	jw_kbool(w, "v2", true);
	jw_kbool(w, "systemd", true);
	jw_kbool(w, "systemdUser", false);
	jw_object_end(w);
	jw_key(w, "seccomp");
	jw_object(w);
	jw_kbool(w, "enabled", true);
	jw_object_end(w);
	jw_key(w, "apparmor");
	jw_object(w);
	jw_kbool(w, "enabled", false);
	jw_object_end(w);
	jw_key(w, "selinux");
	jw_object(w);
	jw_kbool(w, "enabled", false);
	jw_object_end(w);
	jw_object_end(w);
}

static RESULT features(const void *options, const struct cli_args *args, int *ret_exit)
{
	static const char *const hooks[] = { "prestart", "createRuntime", "poststart", "poststop",
		NULL };
	static const char *const mounts[] = { "bind", "defaults", "exec", "noatime", "nodev",
		"nodiratime", "noexec", "norelatime", "nostrictatime", "nosuid", "private", "rbind",
		"relatime", "ro", "rprivate", "rshared", "rslave", "rw", "shared", "slave",
		"strictatime", "suid", NULL };
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	struct json_writer w = jw_of(&out);

	(void)options;
	(void)args;
	(void)ret_exit;
	jw_object(&w);
	jw_kstr(&w, "ociVersionMin", "1.0.0");
	jw_kstr(&w, "ociVersionMax", "1.2.0");
	put_list(&w, "hooks", hooks);
	put_list(&w, "mountOptions", mounts);
	features_linux(&w);
	jw_key(&w, "annotations");
	jw_object(&w);
	jw_kstr(&w, "org.opencontainers.runtime-spec.features.checkpoint", "false");
	jw_kstr(&w, "io.sealpod.isolation", "virtual-machine");
	jw_object_end(&w);
	jw_object_end(&w);
	buf_puts(&out, "\n");
	return oci_print(&out);
}

const struct cli_command cmd_features = {
	.name = "features",
	.summary = "print what this runtime can do (runtime-spec features, JSON)",
	.run = features,
};

/* ---- spec ---- */

#define CAPS "[\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"]"

static const char starter[] =
	"{\n"
	"\t\"ociVersion\": \"" OCI_VERSION "\",\n"
	"\t\"process\": {\n"
	"\t\t\"terminal\": true,\n"
	"\t\t\"user\": { \"uid\": 0, \"gid\": 0 },\n"
	"\t\t\"args\": [\"sh\"],\n"
	"\t\t\"env\": [\n"
	"\t\t\t\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\n"
	"\t\t\t\"TERM=xterm\"\n"
	"\t\t],\n"
	"\t\t\"cwd\": \"/\",\n"
	"\t\t\"capabilities\": {\n"
	"\t\t\t\"bounding\": " CAPS ",\n"
	"\t\t\t\"effective\": " CAPS ",\n"
	"\t\t\t\"permitted\": " CAPS "\n"
	"\t\t},\n"
	"\t\t\"rlimits\": [{ \"type\": \"RLIMIT_NOFILE\", \"hard\": 1024, \"soft\": 1024 }],\n"
	"\t\t\"noNewPrivileges\": true\n"
	"\t},\n"
	"\t\"root\": { \"path\": \"rootfs\", \"readonly\": true },\n"
	"\t\"hostname\": \"sealpod\",\n"
	"\t\"mounts\": [\n"
	"\t\t{ \"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\" },\n"
	"\t\t{ \"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"tmpfs\",\n"
	"\t\t\t\"options\": [\"nosuid\", \"strictatime\", \"mode=755\", \"size=65536k\"] },\n"
	"\t\t{ \"destination\": \"/dev/pts\", \"type\": \"devpts\", \"source\": \"devpts\",\n"
	"\t\t\t\"options\": [\"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\", "
	"\"mode=0620\", \"gid=5\"] },\n"
	"\t\t{ \"destination\": \"/dev/shm\", \"type\": \"tmpfs\", \"source\": \"shm\",\n"
	"\t\t\t\"options\": [\"nosuid\", \"noexec\", \"nodev\", \"mode=1777\", \"size=65536k\"] "
	"},\n"
	"\t\t{ \"destination\": \"/dev/mqueue\", \"type\": \"mqueue\", \"source\": \"mqueue\",\n"
	"\t\t\t\"options\": [\"nosuid\", \"noexec\", \"nodev\"] },\n"
	"\t\t{ \"destination\": \"/sys\", \"type\": \"sysfs\", \"source\": \"sysfs\",\n"
	"\t\t\t\"options\": [\"nosuid\", \"noexec\", \"nodev\", \"ro\"] },\n"
	"\t\t{ \"destination\": \"/sys/fs/cgroup\", \"type\": \"cgroup\", \"source\": \"cgroup\",\n"
	"\t\t\t\"options\": [\"nosuid\", \"noexec\", \"nodev\", \"relatime\", \"ro\"] }\n"
	"\t],\n"
	"\t\"linux\": {\n"
	"\t\t\"resources\": { \"devices\": [{ \"allow\": false, \"access\": \"rwm\" }] },\n"
	"\t\t\"namespaces\": [\n"
	"\t\t\t{ \"type\": \"pid\" }, { \"type\": \"network\" }, { \"type\": \"ipc\" },\n"
	"\t\t\t{ \"type\": \"uts\" }, { \"type\": \"mount\" }\n"
	"\t\t],\n"
	"\t\t\"maskedPaths\": [\n"
	"\t\t\t\"/proc/acpi\", \"/proc/asound\", \"/proc/kcore\", \"/proc/keys\",\n"
	"\t\t\t\"/proc/latency_stats\", \"/proc/timer_list\", \"/proc/timer_stats\",\n"
	"\t\t\t\"/proc/sched_debug\", \"/sys/firmware\", \"/proc/scsi\"\n"
	"\t\t],\n"
	"\t\t\"readonlyPaths\": [\n"
	"\t\t\t\"/proc/bus\", \"/proc/fs\", \"/proc/irq\", \"/proc/sys\", "
	"\"/proc/sysrq-trigger\"\n"
	"\t\t]\n"
	"\t}\n"
	"}\n";

static RESULT spec(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct spec_options *o = options;
	AUTO(auto_free) char *path = NULL;

	(void)args;
	(void)ret_exit;
	if (o->rootless)
		return err_new(ERR_UNSUPPORTED, "--rootless: machines need root");
	TRY(path_join(o->bundle ? o->bundle : ".", o->file ? o->file : "config.json", &path));
	if (file_exists(path))
		return err_new(ERR_STATE, "%s exists: remove it first", path);
	return file_write_atomic(path, bytes_str(starter), 0644);
}

static const struct cli_option options[] = {
	{ .name = "bundle",
		.letter = 'b',
		.kind = CLI_STRING,
		.offset = offsetof(struct spec_options, bundle),
		.value = "DIR",
		.help = "where it is written (the current directory)" },
	{ .name = "file",
		.letter = 'f',
		.kind = CLI_STRING,
		.offset = offsetof(struct spec_options, file),
		.value = "NAME",
		.help = "its name there (config.json)" },
	{ .name = "rootless",
		.kind = CLI_FLAG,
		.offset = offsetof(struct spec_options, rootless),
		.help = "refused" },
	{ 0 },
};

const struct cli_command cmd_spec = {
	.name = "spec",
	.summary = "write a config.json to start from",
	.options = options,
	.options_size = sizeof(struct spec_options),
	.run = spec,
};
