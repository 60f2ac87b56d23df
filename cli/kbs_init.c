#include "kbs_init.h"

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <base/clock.h>
#include <base/file.h>
#include <base/random.h>
#include <crypto/x509.h>

enum {
	PEM_MAX = 256 * 1024,
	HOSTS_MAX = 16,
	STORE_KEY_SIZE = 32,
	DEFAULT_PORT = 8080,
	CA_YEARS = 10,
	YEAR_S = 365 * 24 * 3600,
	SKEW_S = 24 * 3600 /* clocks of guests may be behind */
};

struct maker {
	const char *dir;
	const struct kbs_init_options *o;
	struct key *ca_key;
	struct x509_list ca;
	const char *dns[HOSTS_MAX + 1], *ip[HOSTS_MAX + 1];
};

static void maker_done(struct maker *m)
{
	key_free(m->ca_key);
	x509_list_done(&m->ca);
}

static RESULT put(const struct maker *m, const char *name, struct bytes data, mode_t mode)
{
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(m->dir, name, &path));
	return file_write_atomic(path, data, mode);
}

static RESULT put_private(const struct maker *m, const char *name, const struct key *k)
{
	AUTO(secret_freep) struct secret *pem = NULL;

	TRY(key_private_pem(k, &pem));
	return put(m, name, secret_bytes(pem), 0600);
}

static bool is_address(const char *host)
{
	uint8_t raw[16];

	return inet_pton(AF_INET, host, raw) == 1 || inet_pton(AF_INET6, host, raw) == 1;
}

static RESULT sort_hosts(struct maker *m)
{
	size_t dns = 0, ip = 0;

	if (m->o->hosts.n > HOSTS_MAX)
		return err_new(ERR_LIMIT, "more than %d hosts", HOSTS_MAX);
	for (size_t i = 0; i < m->o->hosts.n; i++) {
		const char *host = m->o->hosts.v[i];
		if (is_address(host))
			m->ip[ip++] = host;
		else
			m->dns[dns++] = host;
	}
	if (m->o->hosts.n == 0) {
		m->ip[0] = "127.0.0.1";
		m->dns[0] = "localhost";
	}
	return OK;
}

static RESULT make_ca(struct maker *m)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);
	int64_t now = clock_now();

	TRY(key_generate(KEY_P256, &m->ca_key));
	struct x509_make make = {
		.common_name = "Sealpod broker CA",
		.ca = true,
		.not_before = now - SKEW_S,
		.not_after = now + (int64_t)CA_YEARS * YEAR_S,
		.subject_key = m->ca_key,
		.issuer_key = m->ca_key,
	};
	TRY(x509_make(&make, &pem));
	TRY(x509_list_parse(buf_bytes(&pem), &m->ca));
	TRY(put(m, "tls-ca.pem", buf_bytes(&pem), 0644));
	return put_private(m, "tls-ca.key", m->ca_key);
}

static RESULT make_server(struct maker *m)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);
	AUTO(key_freep) struct key *key = NULL;
	int64_t now = clock_now();

	TRY(key_generate(KEY_P256, &key));
	struct x509_make make = {
		.common_name = "sealpod-kbs",
		.dns = m->dns,
		.ip = m->ip,
		.not_before = now - SKEW_S,
		.not_after = now + YEAR_S,
		.subject_key = key,
		.issuer = m->ca.v[0],
		.issuer_key = m->ca_key,
	};
	TRY(x509_make(&make, &pem));
	TRY(put(m, "tls.pem", buf_bytes(&pem), 0644));
	return put_private(m, "tls.key", key);
}

static RESULT make_keys(const struct maker *m)
{
	AUTO(key_freep) struct key *ear = NULL;
	AUTO(key_freep) struct key *admin = NULL;
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);
	uint8_t store[STORE_KEY_SIZE];

	TRY(key_generate(KEY_P256, &ear));
	TRY(put_private(m, "ear.key", ear));
	TRY(key_generate(KEY_ED25519, &admin));
	TRY(put_private(m, "admin.key", admin));
	TRY(key_public_pem(admin, &pem));
	TRY(put(m, "admin.pub", buf_bytes(&pem), 0644));
	TRY(random_fill(store, sizeof(store)));
	struct err e = put(m, "store.key", BYTES_OF(store), 0600);
	bytes_wipe(store, sizeof(store));
	return e;
}

/* Roots are copied, so that the directory is complete in itself. */
static RESULT copy_roots(
	const struct maker *m, const char *kind, const struct strv *files, struct buf *toml)
{
	buf_printf(toml, "%s_roots = [", kind);
	for (size_t i = 0; i < files->n; i++) {
		AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);
		AUTO(auto_free) char *name = NULL;
		TRY(file_read(files->v[i], &pem));
		TRY(str_format(&name, "%s-root-%zu.pem", kind, i + 1));
		TRY(put(m, name, buf_bytes(&pem), 0644));
		buf_printf(toml, "%s\"%s/%s\"", i ? ", " : "", m->dir, name);
	}
	buf_puts(toml, "]\n");
	return OK;
}

static RESULT write_config(const struct maker *m)
{
	AUTO(buf_done) struct buf t = BUF_INIT(PEM_MAX);
	uint64_t port = m->o->port ? m->o->port : DEFAULT_PORT;

	buf_printf(&t, "audit = \"%s/audit.log\"\n\n[server]\naddress = \"%s\"\nport = %llu\n",
		m->dir, m->o->listen ? m->o->listen : "127.0.0.1", (unsigned long long)port);
	buf_printf(&t, "tls_cert = \"%s/tls.pem\"\ntls_key = \"%s/tls.key\"\n\n", m->dir, m->dir);
	buf_printf(&t, "[store]\npath = \"%s/store.db\"\nkey_file = \"%s/store.key\"\n\n", m->dir,
		m->dir);
	buf_printf(&t, "[attestation]\near_key = \"%s/ear.key\"\n", m->dir);
	TRY(copy_roots(m, "hardware", &m->o->hardware_roots, &t));
	TRY(copy_roots(m, "software", &m->o->software_roots, &t));
	buf_printf(&t, "\n[admin]\npublic_keys = [\"%s/admin.pub\"]\n", m->dir);
	TRY(buf_end(&t, "kbs.toml"));
	return put(m, "kbs.toml", buf_bytes(&t), 0644);
}

static RESULT write_url(const struct maker *m)
{
	AUTO(auto_free) char *url = NULL;
	const char *host = m->o->hosts.n ? m->o->hosts.v[0] : "127.0.0.1";
	bool v6 = strchr(host, ':') != NULL;

	TRY(str_format(&url, "https://%s%s%s:%llu\n", v6 ? "[" : "", host, v6 ? "]" : "",
		(unsigned long long)(m->o->port ? m->o->port : DEFAULT_PORT)));
	return put(m, "url", bytes_str(url), 0644);
}

RESULT kbs_init(const char *dir, const struct kbs_init_options *o)
{
	AUTO(auto_free) char *config = NULL;
	AUTO(auto_free) char *full = NULL;
	AUTO(maker_done) struct maker m = { .o = o };

	TRY(dir_make(dir, 0700));
	full = realpath(dir, NULL);
	if (!full)
		return err_new(ERR_SYS, "%s", dir);
	m.dir = full;
	TRY(path_join(full, "kbs.toml", &config));
	if (file_exists(config))
		return err_new(ERR_STATE, "%s exists; remove the directory to start anew", config);
	TRY(sort_hosts(&m));
	TRY(make_ca(&m));
	TRY(make_server(&m));
	TRY(make_keys(&m));
	TRY(write_url(&m));
	return write_config(&m);
}
