#include "fake_azure.h"
#include "util.h"
#include "vtpm/vtpm_tpm_internal.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <base/file.h>
#include <base/reader.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define USER_DATA_NV 0x01400002u

enum {
	MESSAGE_MAX = 8192, /* of TPM commands and answers */
	HEADER = 10,	    /* tag, size, code */
	TAG_SESSIONS = 0x8002,
	CC_NV_WRITE = 0x137,
	RH_OWNER = 0x40000001,
	RS_PW = 0x40000009,
	NV_CHUNK = 512,
	NV_SIZE = 2048, /* as large as a libtpms allows; Azure's is 2600 */
};

/* ---- the key ---- */
static void evict_old(struct vtpm_tpm *t, TPM2_HANDLE handle)
{
	ESYS_TR old, gone = ESYS_TR_NONE;
	bool exists;

	assert_ok(vtpm_tpm_has(t, handle, &exists));
	if (!exists)
		return;
	assert_ok(tpm_result(Esys_TR_FromTPMPublic(t->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE,
				     ESYS_TR_NONE, &old),
		"old AK"));
	assert_ok(tpm_result(Esys_EvictControl(t->esys, ESYS_TR_RH_OWNER, old, ESYS_TR_PASSWORD,
				     ESYS_TR_NONE, ESYS_TR_NONE, handle, &gone),
		"old AK"));
}

static void create_ak(struct vtpm_tpm *t, TPM2_HANDLE handle)
{
	const TPM2B_PUBLIC template = {
		.publicArea = {
			.type = TPM2_ALG_RSA,
			.nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
				TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
				TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED |
				TPMA_OBJECT_SIGN_ENCRYPT,
			.parameters.rsaDetail = {
				.symmetric.algorithm = TPM2_ALG_NULL,
				.scheme = { .scheme = TPM2_ALG_RSASSA,
					.details.rsassa.hashAlg = TPM2_ALG_SHA256 },
				.keyBits = 2048,
			},
		},
	};
	static unsigned number;
	TPM2B_PUBLIC unique = template;
	const TPM2B_SENSITIVE_CREATE no_sensitive = { 0 };
	const TPML_PCR_SELECTION no_pcrs = { 0 };
	const TPM2B_DATA no_info = { 0 };
	ESYS_TR key = ESYS_TR_NONE, kept = ESYS_TR_NONE;

	/* A primary key follows from the seed and this: another one each time. */
	unique.publicArea.unique.rsa.size = 1;
	unique.publicArea.unique.rsa.buffer[0] = (uint8_t)++number;
	assert_ok(tpm_result(Esys_CreatePrimary(t->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
				     ESYS_TR_NONE, ESYS_TR_NONE, &no_sensitive, &unique, &no_info,
				     &no_pcrs, &key, NULL, NULL, NULL, NULL),
		"AK"));
	assert_ok(tpm_result(Esys_EvictControl(t->esys, ESYS_TR_RH_OWNER, key, ESYS_TR_PASSWORD,
				     ESYS_TR_NONE, ESYS_TR_NONE, handle, &kept),
		"AK"));
	assert_ok(tpm_result(Esys_FlushContext(t->esys, key), "AK"));
}

struct key *fake_paravisor_make_ak(const char *tcti, uint32_t handle)
{
	AUTO(buf_done) struct buf pub = BUF_INIT(1024);
	struct tpm2_public parsed;
	struct vtpm_tpm *t;
	struct key *key;

	assert_ok(vtpm_tpm_open(tcti, &t));
	evict_old(t, handle);
	create_ak(t, handle);
	assert_ok(vtpm_tpm_use_ak(t, handle));
	assert_ok(vtpm_tpm_ak_public(t, &pub));
	assert_ok(tpm2_public_parse(buf_bytes(&pub), &parsed));
	assert_ok(tpm2_public_key(&parsed, &key));
	vtpm_tpm_free(t);
	return key;
}

/* ---- messages ---- */
static bool read_all(int fd, uint8_t *to, size_t n)
{
	while (n > 0) {
		ssize_t r = read(fd, to, n);

		if (r <= 0)
			return false;
		to += r;
		n -= (size_t)r;
	}
	return true;
}

static uint32_t be32_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool read_message(int fd, struct buf *m)
{
	uint8_t header[HEADER], rest[MESSAGE_MAX];

	buf_clear(m);
	if (!read_all(fd, header, sizeof(header)))
		return false;
	uint32_t size = be32_at(header + 2);
	if (size < HEADER || size > MESSAGE_MAX || !read_all(fd, rest, size - HEADER))
		return false;
	buf_put(m, BYTES_OF(header));
	buf_put(m, bytes_of(rest, size - HEADER));
	return true;
}

static bool call_tpm(int tpm, const struct buf *command, struct buf *ret_answer)
{
	return !failed(fd_write_all(tpm, buf_bytes(command))) && read_message(tpm, ret_answer);
}

/* ---- what a paravisor does ---- */
struct paravisor {
	struct fake_azure_shared *shared;
	struct azure_gen *g;
	unsigned port, tpm_port;
};

static bool write_nv(int tpm, struct bytes data)
{
	AUTO(buf_done) struct buf command = BUF_INIT(MESSAGE_MAX), answer = BUF_INIT(MESSAGE_MAX);

	for (size_t at = 0; at < data.n; at += NV_CHUNK) {
		size_t n = data.n - at < NV_CHUNK ? data.n - at : NV_CHUNK;

		buf_clear(&command);
		buf_be16(&command, TAG_SESSIONS);
		buf_be32(&command, HEADER + 8 + 4 + 9 + 2 + n + 2);
		buf_be32(&command, CC_NV_WRITE);
		buf_be32(&command, RH_OWNER);
		buf_be32(&command, FAKE_HCL_REPORT_NV);
		buf_be32(&command, 9);
		buf_be32(&command, RS_PW);
		buf_zero(&command, 5); /* no nonce, no attributes, empty password */
		buf_be16(&command, n);
		buf_put(&command, bytes_of(data.p + at, n));
		buf_be16(&command, at);
		if (!call_tpm(tpm, &command, &answer) || be32_at(answer.p + 6) != 0)
			return false;
	}
	return true;
}

/* The index holds as much in every state. */
void fake_paravisor_report(struct azure_gen *g)
{
	azure_gen_make_hcl(g);
	assert_true(g->hcl.n <= NV_SIZE);
	buf_zero(&g->hcl, NV_SIZE - g->hcl.n);
}

/* TPM2_NV_Write of the user data's index: its data, else n = 0. */
static struct bytes user_data_of(const struct buf *command)
{
	struct reader r = rd_of(buf_bytes(command));

	rd_skip(&r, 6);
	uint32_t code = rd_be32(&r);
	rd_skip(&r, 4);
	uint32_t index = rd_be32(&r);
	uint32_t auth = rd_be32(&r);
	rd_skip(&r, auth);
	uint16_t n = rd_be16(&r);
	struct bytes data = rd_take(&r, n);
	return rd_ok(&r) && code == CC_NV_WRITE && index == USER_DATA_NV ? data : BYTES_NONE;
}

static bool renew(struct paravisor *p, int tpm, struct bytes user_data)
{
	p->shared->writes++;
	if (p->shared->asleep)
		return true;
	p->g->report_data = (struct digest_value){ .n = user_data.n };
	memcpy(p->g->report_data.v, user_data.p, user_data.n);
	fake_paravisor_report(p->g);
	return write_nv(tpm, buf_bytes(&p->g->hcl));
}

/* ---- sockets ---- */
static int open_socket(unsigned port, bool listening)
{
	const struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	int r = listening ? bind(fd, (const struct sockaddr *)&a, sizeof(a))
			  : connect(fd, (const struct sockaddr *)&a, sizeof(a));
	if (r != 0 || (listening && listen(fd, 4) != 0)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static void serve_commands(struct paravisor *p, int client, int tpm)
{
	AUTO(buf_done) struct buf command = BUF_INIT(MESSAGE_MAX), answer = BUF_INIT(MESSAGE_MAX);

	while (read_message(client, &command) && call_tpm(tpm, &command, &answer)) {
		struct bytes user_data = user_data_of(&command);

		if (user_data.n > 0 && be32_at(answer.p + 6) == 0 && !renew(p, tpm, user_data))
			return;
		if (failed(fd_write_all(client, buf_bytes(&answer))))
			return;
	}
}

static bool pump(int from, int to)
{
	uint8_t some[4096];
	ssize_t n = read(from, some, sizeof(some));

	return n > 0 && !failed(fd_write_all(to, bytes_of(some, (size_t)n)));
}

static void serve_control(struct paravisor *p, int client, int tpm)
{
	struct pollfd fds[] = { { .fd = client, .events = POLLIN },
		{ .fd = tpm, .events = POLLIN } };

	(void)p;
	while (poll(fds, 2, -1) > 0) {
		if (fds[0].revents && !pump(client, tpm))
			return;
		if (fds[1].revents && !pump(tpm, client))
			return;
	}
}

static pid_t start(struct paravisor *p, unsigned offset,
	void (*serve)(struct paravisor *p, int client, int tpm))
{
	int listening = open_socket(p->port + offset, true);
	pid_t pid = fork();

	assert_true(listening >= 0 && pid >= 0);
	if (pid > 0) {
		(void)close(listening);
		return pid;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int client = accept(listening, NULL, NULL);
		int tpm = open_socket(p->tpm_port + offset, false);

		if (client < 0 || tpm < 0)
			_exit(1);
		serve(p, client, tpm);
		(void)close(client);
		(void)close(tpm);
	}
}

void fake_paravisor_start(struct fake_azure *f, struct azure_gen *g, unsigned port)
{
	struct paravisor p = { .shared = f->shared, .g = g, .port = port, .tpm_port = f->tpm.port };

	f->children[0] = start(&p, 0, serve_commands);
	f->children[1] = start(&p, 1, serve_control);
	(void)snprintf(f->tcti, sizeof(f->tcti), "swtpm:host=127.0.0.1,port=%u", port);
}
