/*
 * Annotations of pods that change how they run, by Kata's names. Their authors need no rights on
 * the host, so each name must be in the handler's list, whichever group it is of.
 */
#include "config_parts.h"

#include <limits.h>
#include <stdlib.h>

#define PREFIX	   "io.katacontainers.config."
#define HYPERVISOR "hypervisor."

enum {
	BITS = 8, /* Kata limits bits per second */
	LIST_TEXT_MAX = 1024
};

enum annotation_kind {
	OF_MEMBER,     /* the member's text */
	OF_BITS,       /* its number in bits */
	OF_FILE,       /* a path in the same directory as the configured file */
	OF_PARAMETERS, /* of the kernel's command line */
	OF_OTHERS      /* the sandbox reads it */
};

static const struct annotation {
	const char *name;
	enum annotation_kind kind;
	const char *member;
	bool usual; /* allowed when the handler has no list of its own */
} known[] = {
	{ "cc_init_data", OF_OTHERS, NULL, true },
	{ "default_vcpus", OF_MEMBER, "vcpus", true },
	{ "default_memory", OF_MEMBER, "memory_mib", true },
	{ "kernel_params", OF_PARAMETERS, "kernel_params", true },
	{ "kernel", OF_FILE, "kernel", false },
	{ "initrd", OF_FILE, "initrd", false },
	{ "firmware", OF_FILE, "firmware", false },
	{ "enable_hugepages", OF_MEMBER, "hugepages", false },
	{ "enable_vcpus_pinning", OF_MEMBER, "pin_vcpus", false },
	{ "rx_rate_limiter_max_rate", OF_BITS, "rx_bytes_per_s", false },
	{ "tx_rate_limiter_max_rate", OF_BITS, "tx_bytes_per_s", false },
	{ "disk_rate_limiter_bw_max_rate", OF_BITS, "disk_bytes_per_s", false },
	{ "disk_rate_limiter_ops_max_rate", OF_MEMBER, "disk_ops_per_s", false },
	{ "runtime.create_container_timeout", OF_MEMBER, "timeout_s", true },
	{ "runtime.internetworking_model", OF_MEMBER, "network", false },
	{ "runtime.sandbox_cgroup_only", OF_MEMBER, "sandbox_cgroup_only", false },
};

static const struct annotation *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (str_equal(known[i].name, name))
			return &known[i];
	}
	return NULL;
}

/* The kernel's parameters are measured where there is something to measure with. */
static bool goes_with(const struct annotation *a, const struct vm_platform *p)
{
	return a->kind != OF_PARAMETERS || p == &vm_none;
}

RESULT config_annotation_check(const char *name, const struct vm_platform *p)
{
	AUTO(buf_done) struct buf list = BUF_INIT(LIST_TEXT_MAX);
	const struct annotation *a = find(name);

	if (a && !goes_with(a, p))
		return err_new(
			ERR_FORMAT, "annotations: '%s': platform %s measures it", name, p->name);
	if (a)
		return OK;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		buf_printf(&list, "%s%s", i ? ", " : "", known[i].name);
	return err_new(ERR_FORMAT, "annotations: '%.64s': none of %s", name, buf_cstr(&list));
}

RESULT config_annotation_defaults(const struct vm_platform *p, struct strv *ret_names)
{
	AUTO(strv_done) struct strv names = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (known[i].usual && goes_with(&known[i], p))
			TRY(strv_add(&names, known[i].name));
	}
	*ret_names = names;
	names = (struct strv){ 0 };
	return OK;
}

/* ---- applying ---- */

static RESULT set_bits(const struct config_member *m, const char *text, struct runtime_config *c)
{
	AUTO(auto_free) char *bytes = NULL;
	uint64_t v = 0;

	TRY(str_to_u64(text, UINT64_MAX, "bits per second", &v));
	TRY(str_format(&bytes, "%llu", (unsigned long long)(v / BITS)));
	return config_member_set_text(m, bytes, c);
}

static size_t directory_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

static RESULT set_file(const struct config_member *m, const char *text, struct runtime_config *c)
{
	const void *at = (const uint8_t *)c + m->offset;
	const char *have = *(char *const *)at;
	size_t n = have ? directory_length(have) : 0;

	TRY(config_path_check(text));
	if (!have || directory_length(text) != n || strncmp(text, have, n) != 0)
		return err_new(ERR_DENIED, "'%.64s' is not in %.*s, where this handler's is", text,
			(int)n, have ? have : "");
	return config_member_set_text(m, text, c);
}

static RESULT set_parameters(
	const struct config_member *m, const char *text, struct runtime_config *c)
{
	AUTO(auto_free) char *both = NULL;

	TRY(str_format(&both, "%s%s%s", c->kernel_params ? c->kernel_params : "",
		c->kernel_params ? " " : "", text));
	return config_member_set_text(m, both, c);
}

static RESULT apply(const struct annotation *a, const char *text, struct runtime_config *c)
{
	const struct config_member *m =
		a->member ? config_member_find(&config_handler_members, a->member) : NULL;

	switch (a->kind) {
	case OF_MEMBER:
		return config_member_set_text(m, text, c);
	case OF_BITS:
		return set_bits(m, text, c);
	case OF_FILE:
		return set_file(m, text, c);
	case OF_PARAMETERS:
		return set_parameters(m, text, c);
	case OF_OTHERS:
		break;
	}
	return OK;
}

static bool is_listed(const struct runtime_config *c, const char *name)
{
	for (size_t i = 0; i < c->annotations.n; i++) {
		if (str_equal(c->annotations.v[i], name))
			return true;
	}
	return false;
}

static RESULT refuse(const struct runtime_config *c, const char *annotation, const char *name)
{
	AUTO(auto_free) char *list = NULL;
	const struct annotation *a = find(name);

	if (!a)
		return err_deny(ERR_DENIED, "config.annotation", annotation,
			"an annotation of docs/configuration.md", "one that has no meaning here");
	if (!goes_with(a, c->platform))
		return err_deny(ERR_DENIED, "config.annotation", annotation,
			"the measured command line", "parameters that change its measurement");
	TRY(str_format(&list, "'%s' in annotations of [handler.%s]", name, c->handler));
	return err_deny(ERR_DENIED, "config.annotation", annotation, list, "a list without it");
}

static RESULT apply_one(const struct json_pair *p, struct runtime_config *c)
{
	const char *name = p->name + strlen(PREFIX);
	struct err e;

	if (str_starts(name, HYPERVISOR))
		name += strlen(HYPERVISOR);
	else if (!str_starts(name, "runtime.") && !str_starts(name, "agent."))
		return refuse(c, p->name, name);
	if (!is_listed(c, name) || !find(name))
		return refuse(c, p->name, name);
	e = apply(find(name), p->value, c);
	return failed(e) ? err_add(e, "annotation %s", p->name) : OK;
}

RESULT runtime_config_annotate(struct runtime_config *c, const struct json_map *annotations)
{
	for (size_t i = 0; i < annotations->n; i++) {
		if (str_starts(annotations->v[i].name, PREFIX))
			TRY(apply_one(&annotations->v[i], c));
	}
	return config_check(c);
}
