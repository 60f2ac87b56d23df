/* A volume is opened by sealpod-volume, which gets the key on its standard input and is gone. */
#include "secure_mount.h"

#include "hub.h"

#include <confidential_data_hub.pb-c.h>
#include <fcntl.h>
#include <unistd.h>

#include <base/file.h>
#include <base/log.h>
#include <base/process.h>
#include <sys/mman.h>
#include <sys/mount.h>

#define LOG_MODULE "hub"
#define VOLUME	   "/usr/bin/sealpod-volume"

enum {
	ANSWER_MAX = 4096,
	ARGUMENTS_MAX = 16
};

struct hub_mount {
	struct hub_mount *next;
	struct hub *hub;
	struct ttrpc_call *call;
	struct secure_mount request;
	char *device, *name;
	int answer; /* what the helper writes: the device to mount, or why there is none */
	struct process process;
};

static void mount_free(struct hub_mount *m)
{
	if (!m)
		return;
	if (m->answer >= 0)
		(void)close(m->answer);
	process_end(&m->process);
	secure_mount_done(&m->request);
	free(m->device);
	free(m->name);
	free(m);
}

static void mount_freep(struct hub_mount **m)
{
	mount_free(*m);
}

static void unlink_mount(struct hub_mount *m)
{
	struct hub_mount **at = &m->hub->mounts;

	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
}

void hub_mounts_end(struct hub *h)
{
	while (h->mounts) {
		struct hub_mount *m = h->mounts;

		h->mounts = m->next;
		mount_free(m);
	}
}

/* A helper that was killed may have left one. */
static void close_mapping(const char *name)
{
	const char *argv[] = { VOLUME, "close", name, NULL };
	int status = 0;

	err_ignore(process_run(argv, BYTES_NONE, NULL, NULL, &status));
}

/* ---- when it has ended ---- */

static RESULT read_answer(const struct hub_mount *m, int status, char **ret_device)
{
	AUTO(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);

	if (lseek(m->answer, 0, SEEK_SET) != 0)
		return err_new(ERR_SYS, "answer of sealpod-volume");
	TRY(file_read_fd(m->answer, "answer of sealpod-volume", &text));
	while (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	TRY(bytes_to_str(buf_bytes(&text), ret_device));
	if (status != 0 || !str_starts(*ret_device, "/dev/"))
		return err_new(ERR_PEER, "sealpod-volume: status %d: %.200s", status, *ret_device);
	return OK;
}

/* By descriptor: the last step is no symbolic link. */
static RESULT mount_it(const char *device, const char *at)
{
	AUTO(auto_close) int fd = open(at, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char target[32];

	if (fd < 0)
		return err_new(ERR_SYS, "mount_point %s", at);
	(void)snprintf(target, sizeof(target), "/proc/self/fd/%d", fd);
	if (mount(device, target, "ext4", MS_NOATIME | MS_NOSUID | MS_NODEV, NULL) != 0)
		return err_new(ERR_SYS, "mounting %s on %s", device, at);
	return OK;
}

static RESULT use(const struct hub_mount *m, int status)
{
	AUTO(auto_free) char *device = NULL;

	TRY(read_answer(m, status, &device));
	if (!m->request.link)
		return mount_it(device, m->request.mount_point);
	if (symlink(device, m->request.mount_point) != 0)
		return err_new(ERR_SYS, "mount_point %s", m->request.mount_point);
	return OK;
}

static void on_ended(void *arg, pid_t pid, int status)
{
	struct hub_mount *m = arg;
	Cdh__SecureMountResponse out = CDH__SECURE_MOUNT_RESPONSE__INIT;
	struct err e = use(m, status);

	(void)pid;
	m->process.pid = -1; /* reaped */
	if (failed(e)) {
		struct err_saved why;

		err_save(e, &why);
		close_mapping(m->name);
		e = err_add(err_restore(&why), "[CDH] [ERROR]: Secure Mount failed: %s", m->device);
		log_failure(LOG_MODULE, "failure", e);
		ttrpc_fail(m->call, e);
	} else {
		log_info("secure-mount", "device=%s at=%s", log_quote(m->device),
			log_quote(m->request.mount_point));
		hub_answer(m->call, &out.base);
	}
	unlink_mount(m);
	mount_free(m);
}

/* ---- starting it ---- */

/* The kernel's name of the device is that of its node. */
static RESULT find_device(struct hub_mount *m)
{
	AUTO(auto_free) char *link = NULL;
	char target[512];
	const char *slash;
	ssize_t n;

	if (m->request.device)
		return str_dup(m->request.device, &m->device);
	TRY(str_format(&link, "/sys/dev/block/%s", m->request.device_id));
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return err_new(
			ERR_NOT_FOUND, "option deviceId: no block device %s", m->request.device_id);
	target[n] = '\0';
	slash = strrchr(target, '/');
	return str_format(&m->device, "/dev/%s", slash ? slash + 1 : target);
}

static RESULT get_key(struct hub *h, const char *from, struct secret **ret_key)
{
	return str_starts(from, "sealed.") ? hub_unseal(h, bytes_str(from), ret_key)
					   : hub_resource(h, from, ret_key);
}

/* A pipe holds more than any key has. */
static RESULT pass_key(const struct secret *key, int *ret_fd)
{
	int fds[2];
	struct err e;

	if (secret_size(key) > ANSWER_MAX)
		return err_new(ERR_LIMIT, "option key: %zu bytes", secret_size(key));
	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_new(ERR_SYS, "pipe");
	e = fd_write_all(fds[1], secret_bytes(key));
	(void)close(fds[1]);
	if (failed(e))
		(void)close(fds[0]);
	else
		*ret_fd = fds[0];
	return e;
}

static void arguments(const struct hub_mount *m, const char *argv[static ARGUMENTS_MAX])
{
	const struct secure_mount *q = &m->request;
	size_t n = 0;

	argv[n++] = VOLUME;
	argv[n++] = "make";
	argv[n++] = "--encrypt";
	argv[n++] = m->name;
	if (q->key)
		argv[n++] = "--key";
	if (q->create)
		argv[n++] = "--create";
	if (!q->authentic)
		argv[n++] = "--no-integrity";
	if (q->link)
		argv[n++] = "--no-filesystem";
	if (q->mkfs_options) {
		argv[n++] = "--mkfs";
		argv[n++] = q->mkfs_options;
	}
	argv[n++] = m->device;
	argv[n] = NULL;
}

static RESULT start_helper(struct hub_mount *m, const struct secret *key)
{
	static const char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	const char *argv[ARGUMENTS_MAX] = { 0 };
	struct process_spec spec = PROCESS_SPEC(argv);
	AUTO(auto_close) int input = -1;

	arguments(m, argv);
	if (key)
		TRY(pass_key(key, &input));
	m->answer = memfd_create("answer", MFD_CLOEXEC);
	if (m->answer < 0)
		return err_new(ERR_SYS, "sealpod-volume");
	spec.envp = environment;
	spec.stdin_fd = input;
	spec.stdout_fd = spec.stderr_fd = m->answer;
	spec.die_with_parent = true;
	return process_start(&spec, &m->process);
}

static RESULT prepare(struct hub_mount *m, struct bytes payload)
{
	AUTO(secret_freep) struct secret *key = NULL;

	TRY(secure_mount_parse(payload, &m->request));
	TRY(find_device(m));
	if (m->request.mapper_name)
		TRY(str_dup(m->request.mapper_name, &m->name));
	else
		TRY(str_format(&m->name, "sealpod-mount-%u", m->hub->n_mounts++));
	if (m->request.key)
		TRY(get_key(m->hub, m->request.key, &key));
	TRY(start_helper(m, key));
	return loop_add_child(m->hub->loop, m->process.pid, on_ended, m);
}

RESULT hub_secure_mount(struct hub *h, struct bytes payload, struct ttrpc_call *call)
{
	AUTO(mount_freep) struct hub_mount *m = calloc(1, sizeof(*m));

	if (!m)
		return err_new(ERR_NOMEM, "volume");
	m->hub = h;
	m->call = call;
	m->answer = -1;
	m->process = PROCESS_NONE;
	TRY(prepare(m, payload));
	m->next = h->mounts;
	h->mounts = TAKE(m);
	return OK;
}
