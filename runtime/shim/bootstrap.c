#include "bootstrap.h"

#include <containerd.pb-c.h>
#include <wellknown.pb-c.h>

#include <base/encode.h>
#include <base/json.h>
#include <crypto/digest.h>
#include <net/pb.h>

#define OPTIONS_TYPE "runtimeoptions.v1.Options"
#define ANY_PREFIX   "type.googleapis.com/"

void bootstrap_done(struct bootstrap *b)
{
	free(b->config_path);
	free(b->socket_dir);
	free(b->ttrpc_address);
	*b = (struct bootstrap){ 0 };
}

RESULT runtime_options_path(const char *type_url, struct bytes value, char **ret_path)
{
	AUTO(pb_free_any) Containerd__RuntimeOptions *o = NULL;
	const char *type =
		str_starts(type_url, ANY_PREFIX) ? type_url + strlen(ANY_PREFIX) : type_url;

	*ret_path = NULL;
	/* "containerd.runc.v1.Options" and others are not for us. */
	if (!str_equal(type, OPTIONS_TYPE))
		return OK;
	TRY(PB_UNPACK(containerd__runtime_options, value, &o));
	if (o->config_path[0] == '\0')
		return OK;
	if (o->config_path[0] != '/')
		return err_new(ERR_FORMAT, "runtime options: config_path '%.80s' is not absolute",
			o->config_path);
	return str_dup(o->config_path, ret_path);
}

static RESULT take_options(const Pb__Any *any, struct bootstrap *b)
{
	if (!any || b->config_path)
		return OK;
	return runtime_options_path(
		any->type_url, bytes_of(any->value.data, any->value.len), &b->config_path);
}

static RESULT take_text(const char *from, char **to)
{
	return from[0] ? str_dup(from, to) : OK;
}

static RESULT take_params(const Containerd__BootstrapParams *p, struct bootstrap *b)
{
	b->form = BOOTSTRAP_PROTOBUF;
	b->version = TASK_API_MAX;
	b->debug = p->log_level < CONTAINERD__LOG_LEVEL__LOG_LEVEL_INFO;
	for (size_t i = 0; i < p->n_extensions; i++)
		TRY(take_options(p->extensions[i]->value, b));
	if (p->socket_dir[0] && p->socket_dir[0] != '/')
		return err_new(ERR_FORMAT,
			"bootstrap parameters: socket_dir '%.80s' is not absolute", p->socket_dir);
	TRY(take_text(p->socket_dir, &b->socket_dir));
	return take_text(p->containerd_ttrpc_address, &b->ttrpc_address);
}

/* A version that is asked for is at least 2; ours ends at TASK_API_MAX. */
static RESULT choose_version(const char *max_version, struct bootstrap *b)
{
	uint64_t v;

	b->version = 2;
	b->form = max_version ? BOOTSTRAP_JSON : BOOTSTRAP_ADDRESS;
	if (!max_version)
		return OK;
	TRY(str_to_u64(max_version, UINT32_MAX, "MAX_SHIM_VERSION", &v));
	if (v > TASK_API_MAX)
		v = TASK_API_MAX;
	if (v > b->version)
		b->version = (unsigned)v;
	return OK;
}

static RESULT parse(struct bytes input, const char *id, struct bootstrap *b)
{
	AUTO(pb_free_any) Containerd__BootstrapParams *params = NULL;
	AUTO(pb_free_any) Pb__Any *any = NULL;

	if (input.n == 0)
		return OK;
	/* Both have two strings first; only these name the container. */
	if (!failed(PB_UNPACK(containerd__bootstrap_params, input, &params)) &&
		str_equal(params->instance_id, id))
		return take_params(params, b);
	TRY(PB_UNPACK(pb__any, input, &any));
	return take_options(any, b);
}

RESULT bootstrap_parse(struct bytes input, const char *id, const char *max_version,
	struct bootstrap *ret_bootstrap)
{
	AUTO(bootstrap_done) struct bootstrap b = { 0 };
	struct err e;

	TRY(choose_version(max_version, &b));
	e = parse(input, id, &b);
	if (failed(e))
		return err_add(e, "standard input");
	*ret_bootstrap = b;
	b = (struct bootstrap){ 0 };
	return OK;
}

static RESULT answer_protobuf(const struct bootstrap *b, const char *address, struct buf *out)
{
	Containerd__BootstrapResult r = CONTAINERD__BOOTSTRAP_RESULT__INIT;
	char protocol[] = "ttrpc";

	r.version = (int32_t)b->version;
	r.address = (char *)(uintptr_t)address; /* only read */
	r.protocol = protocol;
	return pb_pack(&r.base, out);
}

RESULT bootstrap_answer(const struct bootstrap *b, const char *address, struct buf *out)
{
	struct json_writer w;

	switch (b->form) {
	case BOOTSTRAP_PROTOBUF:
		return answer_protobuf(b, address, out);
	case BOOTSTRAP_JSON:
		w = jw_of(out);
		jw_object(&w);
		jw_ku64(&w, "version", b->version);
		jw_kstr(&w, "address", address);
		jw_kstr(&w, "protocol", "ttrpc");
		jw_object_end(&w);
		break;
	case BOOTSTRAP_ADDRESS:
		buf_puts(out, address);
		break;
	}
	return buf_end(out, "answer of start");
}

RESULT bootstrap_address(
	const char *dir, const char *engine, const char *ns, const char *id, char **ret_address)
{
	AUTO(auto_free) char *name = NULL;
	AUTO(auto_free) char *address = NULL;
	struct digest_value d;
	char hex[2 * DIGEST_SHA256_SIZE + 1];

	/* An empty part is left out, as Go's path join does. */
	TRY(str_format(&name, "%s%s%s/%s", engine, engine[0] ? "/" : "", ns, id));
	TRY(digest(DIGEST_SHA256, bytes_str(name), &d));
	hex_to(digest_bytes(&d), hex);
	TRY(str_format(&address, "unix://%s/%s", dir, hex));
	if (strlen(address) - strlen("unix://") > BOOTSTRAP_ADDRESS_MAX)
		return err_new(ERR_LIMIT, "socket directory '%.120s': path of more than %d bytes",
			dir, BOOTSTRAP_ADDRESS_MAX);
	*ret_address = TAKE(address);
	return OK;
}
