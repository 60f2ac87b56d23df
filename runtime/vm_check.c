#include "runtime/vm.h"

#include <base/encode.h>

enum {
	POLICY_DIGITS_MAX = 16
};

RESULT vm_policy_parse(const char *text, uint64_t *ret_policy)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t value = 0;

	if (!str_starts(text, "0x"))
		return str_to_u64(text, UINT64_MAX, "--policy", ret_policy);
	size_t n = strlen(text + 2);
	if (n == 0 || n > POLICY_DIGITS_MAX)
		return err_new(
			ERR_USAGE, "--policy %s: 0x and up to %d digits", text, POLICY_DIGITS_MAX);
	for (const char *c = text + 2; *c; c++) {
		const char *at = strchr(digits, *c | 0x20);

		if (!at)
			return err_new(ERR_USAGE, "--policy %s: not a number", text);
		value = value << 4 | (uint64_t)(at - digits);
	}
	*ret_policy = value;
	return OK;
}

/* Raw bytes of that size, or base64 of them with white space at the end. */
static RESULT raw_or_base64(struct bytes in, size_t size, const char *what, struct buf *out)
{
	if (in.n == size) {
		buf_put(out, in);
		return buf_end(out, what);
	}
	while (in.n > 0 && (in.p[in.n - 1] == '\n' || in.p[in.n - 1] == '\r'))
		in.n--;
	struct err e = base64_decode(BASE64_STD, in, what, out);
	if (failed(e) || out->n != size)
		return err_new(ERR_FORMAT, "%s: neither %zu bytes nor base64 of them", what, size);
	return OK;
}

static void put_base64(struct bytes in, char *to, size_t size)
{
	AUTO(buf_done) struct buf text = BUF_INIT(size);

	base64_encode(BASE64_STD, in, &text);
	(void)snprintf(to, size, "%s", buf_cstr(&text));
}

RESULT vm_id_block_set(struct bytes block, struct bytes auth, struct vm_protection *p)
{
	AUTO(buf_done) struct buf block_raw = BUF_INIT(ID_BLOCK_SIZE);
	AUTO(buf_done) struct buf auth_raw = BUF_INIT(ID_AUTH_SIZE);
	struct id_block parsed;
	struct id_auth_keys keys;

	TRY(raw_or_base64(block, ID_BLOCK_SIZE, "ID block", &block_raw));
	TRY(raw_or_base64(auth, ID_AUTH_SIZE, "ID authentication", &auth_raw));
	TRY(id_block_parse(buf_bytes(&block_raw), &parsed));
	TRY(id_auth_check(buf_bytes(&block_raw), buf_bytes(&auth_raw), &keys));
	if (p->has_policy && p->policy != parsed.policy)
		return err_new(ERR_USAGE,
			"--policy 0x%llx, but the ID block is for 0x%llx: the firmware refuses "
			"that",
			(unsigned long long)p->policy, (unsigned long long)parsed.policy);
	p->has_policy = true;
	p->policy = parsed.policy;
	p->author_key = keys.has_author;
	put_base64(buf_bytes(&block_raw), p->id_block, sizeof(p->id_block));
	put_base64(buf_bytes(&auth_raw), p->id_auth, sizeof(p->id_auth));
	return OK;
}

static RESULT check_options(const struct vm_platform *p, const struct vm_protection *v)
{
	const struct {
		enum vm_option bit;
		const char *name;
		bool given;
	} options[] = {
		{ VM_POLICY, "--policy", v->has_policy },
		{ VM_ID_BLOCK, "--id-block", v->id_block[0] || v->id_auth[0] },
		{ VM_SESSION, "--session and --dh-cert", v->session || v->dh_cert },
		{ VM_CPU_MODEL, "--cpu-model", v->cpu_model },
		{ VM_QUOTE_SOCKET, "--quote-socket", v->quote_socket },
	};

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (options[i].given && !(p->options & options[i].bit))
			return err_new(
				ERR_USAGE, "platform %s takes no %s", p->name, options[i].name);
	}
	if (!v->id_block[0] != !v->id_auth[0])
		return err_new(ERR_USAGE, "--id-block and --id-auth go together");
	if (!v->session != !v->dh_cert)
		return err_new(ERR_USAGE, "--session and --dh-cert go together");
	if (v->cpu_model && strchr(v->cpu_model, ','))
		return err_new(ERR_USAGE, "--cpu-model %s: a model's name only", v->cpu_model);
	return OK;
}

static RESULT check_policy(const struct vm_platform *p, const struct vm_protection *v)
{
	if (!v->has_policy)
		return OK;
	if ((v->policy & p->policy_must) != p->policy_must)
		return err_new(ERR_USAGE,
			"--policy 0x%llx: platform %s needs the bits 0x%llx in it",
			(unsigned long long)v->policy, p->name, (unsigned long long)p->policy_must);
	if (v->policy & p->policy_must_not)
		return err_new(ERR_USAGE,
			"--policy 0x%llx: platform %s cannot have the bits 0x%llx",
			(unsigned long long)v->policy, p->name,
			(unsigned long long)p->policy_must_not);
	return OK;
}

RESULT vm_check(const struct vm_platform *p, const struct vm_config *c)
{
	if (!(p->archs & 1u << c->arch))
		return err_new(ERR_UNSUPPORTED, "platform '%s' does not exist on %s", p->name,
			vm_arch_info(c->arch)->name);
	if (p->hardware && c->accel != VM_ACCEL_KVM)
		return err_new(
			ERR_USAGE, "platform %s needs KVM: no software emulation has it", p->name);
	if (c->firmware && p->firmware == VM_FIRMWARE_NONE && p->hardware)
		return err_new(ERR_USAGE, "platform %s takes no --firmware", p->name);
	if (p->hardware && (c->share || c->hugepages))
		return err_new(ERR_USAGE,
			"platform %s: its memory is the guest's alone, neither shared files nor "
			"huge "
			"pages",
			p->name);
	if (c->n_nics > VM_NICS_MAX || (c->net_user && c->n_nics))
		return err_new(ERR_USAGE, "at most %d network interfaces, or the user's network",
			VM_NICS_MAX);
	TRY(check_options(p, &c->protection));
	return check_policy(p, &c->protection);
}
