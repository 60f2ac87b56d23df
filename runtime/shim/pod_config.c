#include "pod_config.h"

#include <cri.pb-c.h>

#include <base/file.h>
#include <net/pb.h>

enum {
	FILE_MAX = 1024 * 1024,
	CONF_MODE = 0644
};

static void put_line(struct buf *out, const char *keyword, char *const *words, size_t n)
{
	if (n == 0)
		return;
	buf_puts(out, keyword);
	for (size_t i = 0; i < n; i++) {
		buf_puts(out, " ");
		buf_puts(out, words[i]);
	}
	buf_puts(out, "\n");
}

static RESULT check_words(char *const *words, size_t n, const char *what)
{
	for (size_t i = 0; i < n; i++) {
		if (words[i][0] == '\0' || strpbrk(words[i], " \t\r\n"))
			return err_new(ERR_FORMAT, "dns_config.%s: '%.80s' is no single word", what,
				words[i]);
	}
	return OK;
}

static RESULT write_resolv_conf(const Cri__DNSConfig *dns, const char *path)
{
	AUTO(buf_done) struct buf out = BUF_INIT(FILE_MAX);

	TRY(check_words(dns->servers, dns->n_servers, "servers"));
	TRY(check_words(dns->searches, dns->n_searches, "searches"));
	TRY(check_words(dns->options, dns->n_options, "options"));
	for (size_t i = 0; i < dns->n_servers; i++)
		buf_printf(&out, "nameserver %s\n", dns->servers[i]);
	put_line(&out, "search", dns->searches, dns->n_searches);
	put_line(&out, "options", dns->options, dns->n_options);
	TRY(buf_end(&out, "resolv.conf"));
	return file_write_atomic(path, buf_bytes(&out), CONF_MODE);
}

static RESULT write_hostname(const char *bundle, const char *name)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_free) char *line = NULL;

	TRY(path_join(bundle, "hostname", &path));
	TRY(str_format(&line, "%s\n", name));
	return file_write_atomic(path, bytes_str(line), CONF_MODE);
}

static bool is_role(const char *name)
{
	return str_equal(name, "io.kubernetes.cri.container-type") ||
	       str_equal(name, "io.kubernetes.cri.sandbox-id");
}

static void put_annotations(
	struct json_writer *w, const struct pod_config *c, const Cri__PodSandboxConfig *k)
{
	jw_key(w, "annotations");
	jw_object(w);
	jw_kstr(w, "io.kubernetes.cri.container-type", "sandbox");
	jw_kstr(w, "io.kubernetes.cri.sandbox-id", c->id);
	for (size_t i = 0; i < c->annotations->n; i++) {
		if (!is_role(c->annotations->v[i].name))
			jw_kstr(w, c->annotations->v[i].name, c->annotations->v[i].value);
	}
	for (size_t i = 0; k && i < k->n_annotations; i++) {
		const char *name = k->annotations[i]->key;

		if (!is_role(name) && !json_map_get(c->annotations, name))
			jw_kstr(w, name, k->annotations[i]->value);
	}
	jw_object_end(w);
}

static void put_mounts(struct json_writer *w, const char *resolv_conf)
{
	jw_key(w, "mounts");
	jw_array(w);
	if (resolv_conf) {
		jw_object(w);
		jw_kstr(w, "destination", "/etc/resolv.conf");
		jw_kstr(w, "type", "bind");
		jw_kstr(w, "source", resolv_conf);
		jw_key(w, "options");
		jw_array(w);
		jw_str(w, "rbind");
		jw_str(w, "ro");
		jw_array_end(w);
		jw_object_end(w);
	}
	jw_array_end(w);
}

static void put_namespaces(struct json_writer *w, const char *netns)
{
	jw_key(w, "linux");
	jw_object(w);
	jw_key(w, "namespaces");
	jw_array(w);
	jw_object(w);
	jw_kstr(w, "type", "network");
	if (netns[0])
		jw_kstr(w, "path", netns);
	jw_object_end(w);
	jw_array_end(w);
	jw_object_end(w);
}

RESULT pod_config_write(const struct pod_config *c, const char *bundle)
{
	AUTO(pb_free_any) Cri__PodSandboxConfig *k = NULL;
	AUTO(auto_free) char *resolv_conf = NULL;
	AUTO(auto_free) char *path = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(FILE_MAX);
	struct json_writer w = jw_of(&out);
	bool dns;

	if (c->options.n > 0)
		TRY(PB_UNPACK(cri__pod_sandbox_config, c->options, &k));
	dns = k && k->dns_config && k->dns_config->n_servers > 0;
	TRY(path_join(bundle, "config.json", &path));
	TRY(path_join(bundle, "resolv.conf", &resolv_conf));
	if (dns)
		TRY(write_resolv_conf(k->dns_config, resolv_conf));
	if (k && k->hostname[0])
		TRY(write_hostname(bundle, k->hostname));
	jw_object(&w);
	jw_kstr(&w, "ociVersion", "1.0.2");
	jw_kstr(&w, "hostname", k ? k->hostname : "");
	put_annotations(&w, c, k);
	put_mounts(&w, dns ? resolv_conf : NULL);
	put_namespaces(&w, c->netns);
	jw_object_end(&w);
	TRY(buf_end(&out, "config.json"));
	return file_write_atomic(path, buf_bytes(&out), CONF_MODE);
}
