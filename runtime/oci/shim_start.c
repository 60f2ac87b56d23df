/* The shim's program: found, started, asked to clean up. */
#include "oci.h"
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include <base/file.h>
#include <base/process.h>
#include <net/pb.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum {
	OUTPUT_MAX = 4096,
	ADDRESS_MAX = 200,
	START_MS = 60 * 1000,
	CLEAN_MS = 60 * 1000
};

#define SHIM_PROGRAM "containerd-shim-sealpod-v2"

RESULT shim_address_parse(struct bytes text, char **ret_address)
{
	AUTO(json_freep) struct json *j = NULL;
	AUTO(auto_free) char *line = NULL;
	const char *address, *protocol;

	TRY(bytes_to_str(text, &line));
	line[strcspn(line, "\r\n")] = '\0';
	address = line;
	if (line[0] == '{') {
		TRY(json_parse(bytes_str(line), &j));
		TRY(json_need_string(j, "address", &address));
		protocol = json_string(json_get(j, "protocol"));
		if (protocol && !str_equal(protocol, "ttrpc"))
			return err_new(
				ERR_UNSUPPORTED, "the shim speaks '%.40s', not ttrpc", protocol);
	}
	if (!str_starts(address, "unix://") || strlen(address) > ADDRESS_MAX)
		return err_new(ERR_FORMAT, "the shim printed no address: '%.120s'", address);
	return str_dup(address, ret_address);
}

/* Beside this program first, so that an installation below another prefix keeps together. */
static RESULT beside(char **ret_path)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return str_dup(SHIM_PROGRAM, ret_path);
	*slash = '\0';
	TRY(path_join(self, SHIM_PROGRAM, ret_path));
	if (access(*ret_path, X_OK) == 0)
		return OK;
	free(*ret_path);
	*ret_path = NULL;
	return str_dup(SHIM_PROGRAM, ret_path);
}

/* The shim reads the handler from its own name. */
static RESULT named(const struct shim_start *s, const char *program, char **ret_path)
{
	AUTO(auto_free) char *name = NULL;
	AUTO(auto_free) char *path = NULL;

	TRY(str_format(&name, "containerd-shim-%s-v2", s->handler));
	if (str_equal(name, SHIM_PROGRAM) || program[0] != '/')
		return str_dup(program[0] == '/' ? program : name, ret_path);
	TRY(path_join(s->dir, name, &path));
	if (symlink(program, path) != 0 && errno != EEXIST)
		return err_new(ERR_SYS, "%s: making it", path);
	*ret_path = TAKE(path);
	return OK;
}

static RESULT read_text(int fd, struct buf *out)
{
	uint8_t *to = buf_grow(out, OUTPUT_MAX);
	ssize_t n = to ? pread(fd, to, OUTPUT_MAX, 0) : -1;

	if (n < 0)
		return err_new(ERR_SYS, "the shim's output");
	out->n = (size_t)n;
	return OK;
}

static RESULT why_not(const char *program, int status, int errors)
{
	AUTO(buf_done) struct buf text = BUF_INIT(OUTPUT_MAX + 1);

	TRY(read_text(errors, &text));
	const char *said = buf_cstr(&text);
	return err_new(ERR_PEER, "%s: exit status %d: %.*s", program, status,
		said ? (int)strcspn(said, "\n") : 0, said ? said : "");
}

/* containerd gives the runtime's options on standard input, so that "delete" knows them as well. */
static RESULT options_file(const struct shim_start *s, int *ret_fd)
{
	AUTO(buf_done) struct buf value = BUF_INIT(OUTPUT_MAX), packed = BUF_INIT(OUTPUT_MAX);
	AUTO(auto_close) int fd = memfd_create("shim-options", MFD_CLOEXEC);
	Pb__Any any = PB__ANY__INIT;

	if (fd < 0)
		return err_new(ERR_SYS, "the shim's options");
	TRY(shim_options(s->config_path, &value));
	any.type_url = (char *)(uintptr_t)SHIM_OPTIONS; /* only read */
	any.value.data = value.p;
	any.value.len = value.n;
	TRY(pb_pack(&any.base, &packed));
	TRY(fd_write_all(fd, buf_bytes(&packed)));
	if (lseek(fd, 0, SEEK_SET) != 0)
		return err_new(ERR_SYS, "the shim's options");
	*ret_fd = TAKE_FD(fd);
	return OK;
}

static RESULT run(
	const struct shim_start *s, const char *const *argv, int timeout_ms, struct buf *out)
{
	AUTO(process_end) struct process p = PROCESS_NONE;
	AUTO(auto_close) int printed = memfd_create("shim-output", MFD_CLOEXEC);
	AUTO(auto_close) int errors = memfd_create("shim-errors", MFD_CLOEXEC);
	AUTO(auto_close) int options = -1;
	struct process_spec spec = PROCESS_SPEC(argv);
	int status = 0;

	if (printed < 0 || errors < 0)
		return err_new(ERR_SYS, "%s: preparing", argv[0]);
	spec.cwd = s->bundle;
	if (s->config_path)
		TRY(options_file(s, &options));
	spec.stdin_fd = options;
	spec.stdout_fd = printed;
	spec.stderr_fd = errors;
	/* The machine outlives the engine's command and its terminal. */
	spec.new_session = true;
	TRY(process_start(&spec, &p));
	TRY(process_wait(&p, timeout_ms, &status));
	if (status != 0)
		return why_not(argv[0], status, errors);
	return read_text(printed, out);
}

static RESULT find(const struct shim_start *s, char **ret_program)
{
	AUTO(auto_free) char *program = NULL;

	if (s->program)
		TRY(str_dup(s->program, &program));
	else
		TRY(beside(&program));
	return named(s, program, ret_program);
}

RESULT shim_start(const struct shim_start *s, char **ret_address)
{
	AUTO(auto_free) char *program = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(OUTPUT_MAX);

	TRY(find(s, &program));
	const char *argv[] = { program, "-namespace", OCI_NAMESPACE, "-address", "",
		"-publish-binary", "", "-id", s->id, "start", NULL };
	struct err e = run(s, argv, START_MS, &out);
	if (!failed(e))
		e = shim_address_parse(buf_bytes(&out), ret_address);
	return failed(e) ? err_add(e, "starting the shim") : OK;
}

RESULT shim_clean(const struct shim_start *s)
{
	AUTO(auto_free) char *program = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(OUTPUT_MAX);

	TRY(find(s, &program));
	const char *argv[] = { program, "-namespace", OCI_NAMESPACE, "-address", "",
		"-publish-binary", "", "-id", s->id, "-bundle", s->bundle, "delete", NULL };
	struct err e = run(s, argv, CLEAN_MS, &out);
	return failed(e) ? err_add(e, "cleaning up after the shim") : OK;
}
