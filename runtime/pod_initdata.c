#include "runtime/pod_initdata.h"

enum {
	ENTRIES_MAX = 3
};

/* A TOML basic string over several lines: PEM and JSON stay readable, nothing is ambiguous. */
static void put_string(struct buf *out, struct bytes text)
{
	buf_puts(out, "\"\"\"\n");
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];

		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f))
			buf_u8(out, c);
		else
			buf_printf(out, "\\u%04x", c);
	}
	buf_puts(out, "\"\"\"\n");
}

static void put_line(struct buf *out, const char *key, const char *value)
{
	buf_printf(out, "%s = \"", key);
	for (const char *c = value; *c; c++) {
		if (*c == '"' || *c == '\\')
			buf_u8(out, '\\');
		buf_u8(out, *c);
	}
	buf_puts(out, "\"\n");
}

static void put_text(struct buf *out, const char *key, struct bytes text)
{
	buf_printf(out, "%s = ", key);
	put_string(out, text);
}

static RESULT make_aa(const struct pod_initdata *from, struct buf *out)
{
	buf_puts(out, "[token_configs.kbs]\n");
	put_line(out, "url", from->kbs);
	if (from->kbs_ca.n)
		put_text(out, "cert", from->kbs_ca);
	return buf_end(out, INITDATA_AA);
}

static RESULT make_cdh(const struct pod_initdata *from, struct buf *out)
{
	if (from->kbs) {
		buf_puts(out, "[kbc]\nname = \"cc_kbc\"\n");
		put_line(out, "url", from->kbs);
		if (from->kbs_ca.n)
			put_text(out, "kbs_cert", from->kbs_ca);
		buf_puts(out, "\n");
	}
	buf_puts(out, "[image]\n");
	if (from->image_policy_uri)
		put_line(out, "image_security_policy_uri", from->image_policy_uri);
	else if (from->image_policy.n)
		put_text(out, "image_security_policy", from->image_policy);
	if (from->registry_ca.n) {
		buf_puts(out, "extra_root_certificates = [");
		put_string(out, from->registry_ca);
		buf_puts(out, "]\n");
	}
	return buf_end(out, INITDATA_CDH);
}

struct entries {
	struct json_pair v[ENTRIES_MAX];
	size_t n;
};

static void entries_done(struct entries *e)
{
	for (size_t i = 0; i < e->n; i++) {
		free(e->v[i].name);
		free(e->v[i].value);
	}
}

static RESULT add_entry(struct entries *e, const char *name, struct bytes text)
{
	struct json_pair p = { 0 };

	TRY(bytes_to_str(text, &p.value));
	struct err failure = str_dup(name, &p.name);
	if (failed(failure)) {
		free(p.value);
		return failure;
	}
	e->v[e->n++] = p;
	return OK;
}

RESULT pod_initdata_make(const struct pod_initdata *from, struct buf *toml)
{
	AUTO(entries_done) struct entries e = { 0 };
	AUTO(buf_done) struct buf aa = BUF_INIT(INITDATA_MAX);
	AUTO(buf_done) struct buf cdh = BUF_INIT(INITDATA_MAX);

	if (from->kbs) {
		TRY(make_aa(from, &aa));
		TRY(add_entry(&e, INITDATA_AA, buf_bytes(&aa)));
	}
	TRY(make_cdh(from, &cdh));
	TRY(add_entry(&e, INITDATA_CDH, buf_bytes(&cdh)));
	if (from->manifest.n)
		TRY(add_entry(&e, INITDATA_MANIFEST, from->manifest));
	struct json_map map = { .v = e.v, .n = e.n };
	return initdata_make(DIGEST_SHA256, &map, toml);
}

/* What container engines grant by default. */
static const char *const capabilities[] = { "CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE",
	"CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW",
	"CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT" };
static const char *const mounts[] = { "/etc/resolv.conf" };

static void put_list(struct json_writer *w, const char *key, const char *const *v, size_t n)
{
	jw_key(w, key);
	jw_array(w);
	for (size_t i = 0; i < n; i++)
		jw_str(w, v[i]);
	jw_array_end(w);
}

static RESULT put_env(struct json_writer *w, const struct strv *env)
{
	jw_key(w, "env");
	jw_object(w);
	for (size_t i = 0; env && i < env->n; i++) {
		const char *equals = strchr(env->v[i], '=');
		AUTO(auto_free) char *name = NULL;

		if (!equals || equals == env->v[i])
			return err_new(ERR_USAGE, "variable '%s': NAME=VALUE", env->v[i]);
		TRY(bytes_to_str(bytes_of(env->v[i], (size_t)(equals - env->v[i])), &name));
		/* A leading '~' would be a pattern in the manifest. */
		if (equals[1] == '~')
			return err_new(ERR_USAGE,
				"variable '%s': a value that begins with '~' needs a manifest file",
				name);
		jw_kstr(w, name, equals + 1);
	}
	jw_object_end(w);
	return OK;
}

static RESULT put_argv(struct json_writer *w, const struct pod_manifest *from)
{
	if (from->n_argv == 0)
		return OK;
	jw_key(w, "argv");
	jw_array(w);
	for (size_t i = 0; i < from->n_argv; i++) {
		if (from->argv[i][0] == '~')
			return err_new(ERR_USAGE,
				"argument '%s': one that begins with '~' needs a manifest file",
				from->argv[i]);
		jw_str(w, from->argv[i]);
	}
	jw_array_end(w);
	return OK;
}

RESULT pod_manifest_make(const struct pod_manifest *from, struct buf *json)
{
	struct json_writer w = jw_of(json);

	jw_object(&w);
	jw_ku64(&w, "version", 1);
	jw_key(&w, "containers");
	jw_array(&w);
	jw_object(&w);
	jw_kstr(&w, "name", from->name);
	jw_kstr(&w, "image", from->image);
	TRY(put_argv(&w, from));
	TRY(put_env(&w, from->env));
	put_list(&w, "capabilities", capabilities, ARRAY_LEN(capabilities));
	put_list(&w, "mounts", mounts, ARRAY_LEN(mounts));
	jw_object_end(&w);
	jw_array_end(&w);
	jw_key(&w, "allow");
	jw_array(&w);
	jw_str(&w, "logs");
	jw_str(&w, "signal");
	if (from->stdin_allowed)
		jw_str(&w, "stdin");
	jw_array_end(&w);
	jw_object_end(&w);
	return buf_end(json, INITDATA_MANIFEST);
}
