#include "runtime/tpm.h"

#include "pod_dir.h"

#include <dirent.h>
#include <fcntl.h>

#include <base/clock.h>
#include <base/file.h>
#include <crypto/x509.h>
#include <sys/file.h>
#include <sys/socket.h>

#define CA_KEY	     "signkey.pem"
#define SETUP_CONF   "swtpm_setup.conf"
#define LOCALCA_CONF "swtpm-localca.conf"
#define LOCALCA_OPTS "swtpm-localca.options"
#define LOCALCA	     "/usr/bin/swtpm_localca"

enum {
	MANUFACTURE_TIMEOUT_MS = 120 * 1000,
	CA_YEARS = 10,
	CA_BACKDATE_S = 24 * 3600, /* guests' and brokers' clocks differ a little */
	CA_PEM_MAX = 64 * 1024,
	LOG_MAX = 256 * 1024
};

static const int64_t year_s = 365 * 24 * 3600;

static RESULT write_in(const char *dir, const char *name, struct bytes data, mode_t mode)
{
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(dir, name, &path));
	return file_write_atomic(path, data, mode);
}

/* Absolute, because swtpm_setup hands the names to programs that run elsewhere. */
static RESULT write_settings(const char *dir)
{
	AUTO(buf_done) struct buf setup = BUF_INIT(CA_PEM_MAX);
	AUTO(buf_done) struct buf localca = BUF_INIT(CA_PEM_MAX);

	buf_printf(&setup,
		"create_certs_tool = " LOCALCA "\n"
		"create_certs_tool_config = %s/" LOCALCA_CONF "\n"
		"create_certs_tool_options = %s/" LOCALCA_OPTS "\n"
		"active_pcr_banks = sha256\n",
		dir, dir);
	buf_printf(&localca,
		"statedir = %s\n"
		"signingkey = %s/" CA_KEY "\n"
		"issuercert = %s/" TPM_CA_CERT "\n"
		"certserial = %s/certserial\n",
		dir, dir, dir, dir);
	TRY(buf_end(&setup, SETUP_CONF));
	TRY(buf_end(&localca, LOCALCA_CONF));
	TRY(write_in(dir, SETUP_CONF, buf_bytes(&setup), 0600));
	TRY(write_in(dir, LOCALCA_CONF, buf_bytes(&localca), 0600));
	return write_in(dir, LOCALCA_OPTS, BYTES_NONE, 0600);
}

static RESULT make_authority(const char *dir)
{
	AUTO(key_freep) struct key *key = NULL;
	AUTO(secret_freep) struct secret *key_pem = NULL;
	AUTO(buf_done) struct buf cert = BUF_INIT(CA_PEM_MAX);
	int64_t now = clock_now();

	TRY(key_generate(KEY_P256, &key));
	struct x509_make make = {
		.common_name = "Sealpod software TPM authority",
		.ca = true,
		.not_before = now - CA_BACKDATE_S,
		.not_after = now + CA_YEARS * year_s,
		.subject_key = key,
		.issuer_key = key,
	};
	TRY(x509_make(&make, &cert));
	TRY(key_private_pem(key, &key_pem));
	TRY(write_in(dir, CA_KEY, secret_bytes(key_pem), 0600));
	TRY(write_settings(dir));
	/* Last: its presence means that all is there. */
	return write_in(dir, TPM_CA_CERT, buf_bytes(&cert), 0644);
}

static RESULT prepare_at(const char *dir)
{
	AUTO(auto_free) char *cert = NULL;

	TRY(path_join(dir, TPM_CA_CERT, &cert));
	if (file_exists(cert))
		return OK;
	TRY(dir_make(dir, 0700));
	AUTO(auto_close) int lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return err_new(ERR_SYS, "locking %s", dir);
	if (file_exists(cert))
		return OK;
	struct err e = make_authority(dir);
	return failed(e) ? err_add(e, "creating the TPM authority in %s", dir) : OK;
}

RESULT tpm_ca_prepare(const char *dir)
{
	AUTO(auto_free) char *absolute = NULL;

	TRY(path_absolute(dir, &absolute));
	return prepare_at(absolute);
}

RESULT tpm_ca_certificates(const char *dir, struct buf *pem)
{
	AUTO(auto_free) char *cert = NULL;

	TRY(tpm_ca_prepare(dir));
	TRY(path_join(dir, TPM_CA_CERT, &cert));
	return file_read(cert, pem);
}

/* What swtpm_setup said last, for the error. */
static void last_line(const char *log_file, struct buf *out)
{
	AUTO(buf_done) struct buf log = BUF_INIT(LOG_MAX);

	/* Without its log the exit status alone must do. */
	err_ignore(file_read(log_file, &log));
	while (log.n > 0 && log.p[log.n - 1] == '\n')
		log.n--;
	const uint8_t *start = log.n ? memrchr(log.p, '\n', log.n) : NULL;
	size_t at = start ? (size_t)(start - log.p) + 1 : 0;
	buf_put(out, bytes_of(log.p + at, log.n - at));
}

RESULT tpm_manufacture(const char *ca_dir, const char *state_dir, const char *log_file)
{
	AUTO(process_end) struct process setup = PROCESS_NONE;
	AUTO(auto_free) char *config = NULL;
	AUTO(auto_free) char *state = NULL;
	int status = 0;

	TRY(path_join(ca_dir, SETUP_CONF, &config));
	TRY(str_format(&state, "dir://%s", state_dir));
	const char *const argv[] = { "swtpm_setup", "--tpm2", "--tpm-state", state, "--config",
		config, "--create-ek-cert", "--lock-nvram", "--pcr-banks", "sha256", "--logfile",
		log_file, NULL };
	struct process_spec spec = {
		.argv = argv,
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.die_with_parent = true,
		.new_session = true,
		.no_new_privs = true,
		.no_capabilities = true,
	};
	TRY(process_start(&spec, &setup));
	TRY(process_wait(&setup, MANUFACTURE_TIMEOUT_MS, &status));
	if (status == 0)
		return OK;
	AUTO(buf_done) struct buf said = BUF_INIT(LOG_MAX);
	last_line(log_file, &said);
	return err_new(ERR_PEER, "swtpm_setup ended with status %d: %s", status, buf_cstr(&said));
}

/* Made by root, which has to be able to sign. */
static RESULT give_away(const char *dir, const struct process_user *u)
{
	AUTO(auto_closedir) DIR *d = opendir(dir);
	struct dirent *e;

	if (!d || fchown(dirfd(d), u->uid, u->gid) != 0)
		return err_new(ERR_SYS, "TPM state %s", dir);
	while ((e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		if (!str_equal(e->d_name, "..") &&
			fchownat(dirfd(d), e->d_name, u->uid, u->gid, AT_SYMLINK_NOFOLLOW) != 0)
			return err_new(ERR_SYS, "TPM state %s/%s", dir, e->d_name);
	}
	return OK;
}

RESULT tpm_start(const struct tpm_start *t, struct process *ret_tpm, int *ret_fd)
{
	/* Its user may enter the directory but none above it. */
	static const char *const argv[] = { "swtpm", "socket", "--tpm2", "--tpmstate", "dir=.",
		"--ctrl", "type=unixio,clientfd=3", "--log", "fd=1", "--terminate", NULL };
	AUTO(auto_close) int ours = -1;
	AUTO(auto_close) int theirs = -1;
	int pair[2];

	if (t->user)
		TRY(give_away(t->state_dir, t->user));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_new(ERR_SYS, "creating a socket pair");
	ours = pair[0];
	theirs = pair[1];
	struct process_spec spec = {
		.argv = argv,
		.cwd = t->state_dir,
		.stdin_fd = -1,
		.stdout_fd = t->log_fd,
		.stderr_fd = t->log_fd,
		.keep_fds = { theirs, t->keep_fd },
		.n_keep_fds = t->keep_fd < 0 ? 1 : 2,
		.die_with_parent = true,
		.new_session = true,
		.no_new_privs = true,
		.no_capabilities = true,
		.user = t->user,
	};
	TRY(process_start(&spec, ret_tpm));
	*ret_fd = TAKE_FD(ours);
	return OK;
}
