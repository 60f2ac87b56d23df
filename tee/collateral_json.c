/*
 * JSON that carries collateral: bodies of a PCS or PCCS, the sets that quote verification libraries
 * write, PcsClientTool's file, Azure's THIM answer. Vendors' certificates and lists are members as
 * PEM or hex; signed objects are members as objects or as text.
 */
#include "collateral.h"

#include <string.h>

#include <base/encode.h>

/* ---- exact text of a member ---- */

static size_t skip_string(struct bytes t, size_t i)
{
	for (i++; i < t.n && t.p[i] != '"'; i++)
		if (t.p[i] == '\\')
			i++;
	return i + 1;
}

/* From an opening bracket to behind its closing one; the text is valid JSON. */
static size_t skip_nested(struct bytes t, size_t i)
{
	size_t depth = 0;

	while (i < t.n) {
		if (t.p[i] == '"') {
			i = skip_string(t, i);
			continue;
		}
		if (t.p[i] == '{' || t.p[i] == '[')
			depth++;
		else if (t.p[i] == '}' || t.p[i] == ']')
			depth--;
		i++;
		if (depth == 0)
			break;
	}
	return i;
}

static size_t skip_space(struct bytes t, size_t i)
{
	while (i < t.n && (t.p[i] == ' ' || t.p[i] == '\n' || t.p[i] == '\r' || t.p[i] == '\t'))
		i++;
	return i;
}

static bool is_name(struct bytes t, size_t start, size_t end, const char *name)
{
	size_t n = strlen(name);

	return end - start == n + 2 && strncmp((const char *)t.p + start + 1, name, n) == 0;
}

/* Behind the value that starts at i. */
static size_t skip_value(struct bytes t, size_t i)
{
	if (i < t.n && t.p[i] == '"')
		return skip_string(t, i);
	if (i < t.n && (t.p[i] == '{' || t.p[i] == '['))
		return skip_nested(t, i);
	while (i < t.n && t.p[i] != ',' && t.p[i] != '}')
		i++;
	return i;
}

RESULT json_member_text(struct bytes object, const char *name, struct bytes *ret_text)
{
	size_t i = skip_space(object, 0) + 1;

	while (i < object.n) {
		size_t key = skip_space(object, i);
		if (key >= object.n || object.p[key] != '"')
			break;
		size_t key_end = skip_string(object, key);
		size_t value = skip_space(object, skip_space(object, key_end) + 1);
		size_t end = skip_value(object, value);
		if (end > object.n)
			break;
		if (is_name(object, key, key_end, name)) {
			if (object.p[value] != '{' && object.p[value] != '"')
				return err_new(ERR_FORMAT, "%s: not an object or a string", name);
			*ret_text = bytes_of(object.p + value, end - value);
			return OK;
		}
		i = skip_space(object, end) + 1;
	}
	return err_new(ERR_FORMAT, "%s: missing", name);
}

/* ---- members that are files ---- */

static RESULT add_text(struct collateral_batch *b, const char *text, bool crl)
{
	AUTO(buf_done) struct buf raw = BUF_INIT(COLLATERAL_FILE_MAX);

	if (strstr(text, "-----BEGIN "))
		return crl ? batch_crl(b, bytes_str(text)) : batch_certs(b, bytes_str(text));
	if (failed(hex_decode(bytes_str(text), "hex", &raw))) {
		buf_clear(&raw);
		TRY(base64_decode(BASE64_STD, bytes_str(text), "base64", &raw));
	}
	return crl ? batch_crl(b, buf_bytes(&raw)) : batch_certs(b, buf_bytes(&raw));
}

/* Text of percent escapes, as a PCS's headers carry chains. */
static RESULT unescape(const char *text, struct buf *out)
{
	for (const char *p = text; *p; p++) {
		uint8_t v;
		if (*p == '%' && p[1] && p[2]) {
			TRY(hex_decode_fixed(bytes_of(p + 1, 2), "escape", &v, 1));
			buf_u8(out, v);
			p += 2;
		} else {
			buf_u8(out, *p);
		}
	}
	return buf_end(out, "chain");
}

static RESULT add_chain(struct collateral_batch *b, const char *text)
{
	AUTO(buf_done) struct buf plain = BUF_INIT(COLLATERAL_FILE_MAX);

	TRY(unescape(text, &plain));
	const char *s = buf_cstr(&plain);
	return s ? add_text(b, s, false) : err_new(ERR_NOMEM, "chain");
}

static RESULT add_chain_member(struct collateral_batch *b, const struct json *j, const char *name)
{
	const struct json *m = json_get(j, name);
	const char *s = json_string(m);
	struct err e = OK;

	if (s && s[0])
		e = add_chain(b, s);
	for (size_t i = 0; !s && i < json_count(m) && !failed(e); i++) {
		const char *part = json_string(json_at(m, i));
		if (part && part[0])
			e = add_chain(b, part);
	}
	return failed(e) ? err_add(e, "%s", name) : OK;
}

static RESULT add_crl_member(struct collateral_batch *b, const struct json *j, const char *name)
{
	const char *s = json_string(json_get(j, name));
	struct err e = s && s[0] ? add_text(b, s, true) : OK;

	return failed(e) ? err_add(e, "%s", name) : OK;
}

/* The text of an object and its signature as two members, joined to the body that they came from.
 */
static RESULT add_split(
	struct collateral_batch *b, const struct json *j, const char *name, const char *wrapper)
{
	AUTO(buf_done) struct buf body = BUF_INIT(COLLATERAL_FILE_MAX);
	AUTO(auto_free) char *signature_name = NULL;
	const char *text = json_string(json_get(j, name)), *signature;

	if (!text)
		return OK;
	if (strstr(text, "\"signature\""))
		return batch_signed_json(b, bytes_str(text));
	TRY(str_format(&signature_name, "%s_signature", name));
	TRY(json_need_string(j, signature_name, &signature));
	buf_printf(&body, "{\"%s\":", wrapper);
	buf_puts(&body, text);
	buf_printf(&body, ",\"signature\":\"%s\"}", signature);
	TRY(buf_end(&body, name));
	return batch_signed_json(b, buf_bytes(&body));
}

static RESULT add_set(struct collateral_batch *b, const struct json *j)
{
	static const char *const chains[] = { "pck_crl_issuer_chain", "tcb_info_issuer_chain",
		"qe_identity_issuer_chain", "pck_certificate_chain" };
	static const char *const crls[] = { "root_ca_crl", "pck_crl" };

	TRY(add_split(b, j, "tcb_info", "tcbInfo"));
	TRY(add_split(b, j, "qe_identity", "enclaveIdentity"));
	for (size_t i = 0; i < ARRAY_LEN(chains); i++)
		TRY(add_chain_member(b, j, chains[i]));
	for (size_t i = 0; i < ARRAY_LEN(crls); i++)
		TRY(add_crl_member(b, j, crls[i]));
	return OK;
}

/* ---- PcsClientTool ---- */

/* A member that is a body: as an object its text is not what was signed, so only text is taken. */
static RESULT add_body_member(
	struct collateral_batch *b, const struct json *j, const char *name, struct bytes object)
{
	const struct json *m = json_get(j, name);
	const char *s = json_string(m);
	struct bytes text;

	if (s)
		return s[0] ? batch_signed_json(b, bytes_str(s)) : OK;
	if (json_type(m) != JSON_OBJECT)
		return OK;
	TRY(json_member_text(object, name, &text));
	return batch_signed_json(b, text);
}

/* Texts of the objects of an array, one after another. */
static bool next_object(struct bytes *array, struct bytes *ret_object)
{
	size_t i = 0;

	while (i < array->n && array->p[i] != '{')
		i++;
	if (i >= array->n)
		return false;
	size_t end = skip_nested(*array, i);
	*ret_object = bytes_of(array->p + i, end - i);
	*array = bytes_of(array->p + end, array->n - end);
	return true;
}

static RESULT add_platforms(struct collateral_batch *b, const struct json *list, struct bytes array)
{
	static const char *const bodies[] = { "sgx_tcbinfo", "sgx_tcbinfo_early", "tdx_tcbinfo",
		"tdx_tcbinfo_early" };
	struct bytes object;

	for (size_t i = 0; i < json_count(list) && next_object(&array, &object); i++)
		for (size_t k = 0; k < ARRAY_LEN(bodies); k++)
			TRY(add_body_member(b, json_at(list, i), bodies[k], object));
	return OK;
}

/* The array's text inside its object: what follows the member's name. */
static struct bytes array_text(struct bytes object, const char *quoted_name)
{
	const uint8_t *at = memmem(object.p, object.n, quoted_name, strlen(quoted_name));

	if (!at)
		return BYTES_NONE;
	at += strlen(quoted_name);
	struct bytes rest = bytes_of(at, (size_t)(object.p + object.n - at));
	size_t i = 0;
	while (i < rest.n && rest.p[i] != '[')
		i++;
	return i < rest.n ? bytes_of(rest.p + i, skip_nested(rest, i) - i) : BYTES_NONE;
}

static RESULT add_pcs_client(struct collateral_batch *b, const struct json *root, struct bytes file)
{
	static const char *const identities[] = { "qeidentity", "qeidentity_early", "tdqeidentity",
		"tdqeidentity_early" };
	static const char *const crls[] = { "rootcacrl", "rootcacrl_cdp" };
	static const char *const ca_crls[] = { "processorCrl", "platformCrl" };
	static const char *const chains[] = { "TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain",
		"SGX-Enclave-Identity-Issuer-Chain" };
	static const char *const ca_chains[] = { "PROCESSOR", "PLATFORM" };
	const struct json *c = json_get(root, "collaterals");
	const struct json *certificates = json_get(c, "certificates");
	const struct json *pck = json_get(certificates, "SGX-PCK-Certificate-Issuer-Chain");
	struct bytes inner;

	TRY(json_member_text(file, "collaterals", &inner));
	TRY(add_platforms(b, json_get(c, "tcbinfos"), array_text(inner, "\"tcbinfos\"")));
	for (size_t i = 0; i < ARRAY_LEN(identities); i++)
		TRY(add_body_member(b, c, identities[i], inner));
	for (size_t i = 0; i < ARRAY_LEN(crls); i++)
		TRY(add_crl_member(b, c, crls[i]));
	for (size_t i = 0; i < ARRAY_LEN(ca_crls); i++)
		TRY(add_crl_member(b, json_get(c, "pckcacrl"), ca_crls[i]));
	for (size_t i = 0; i < ARRAY_LEN(chains); i++)
		TRY(add_chain_member(b, certificates, chains[i]));
	for (size_t i = 0; i < ARRAY_LEN(ca_chains); i++)
		TRY(add_chain_member(b, pck, ca_chains[i]));
	return OK;
}

/* ---- Azure's THIM ---- */

static RESULT add_thim(struct collateral_batch *b, const struct json *j)
{
	TRY(add_chain_member(b, j, "vcekCert"));
	return add_chain_member(b, j, "certificateChain");
}

/* ---- a public key as JWK ---- */

static RESULT add_jwk(struct collateral_batch *b, struct bytes file)
{
	return batch_binary(b, COLLATERAL_PUBLIC_KEY, "JSON Web Key", file);
}

RESULT batch_json(struct collateral_batch *b, struct bytes file)
{
	AUTO(json_freep) struct json *root = NULL;

	TRY(json_parse(file, &root));
	if (json_get(root, "tcbInfo") || json_get(root, "enclaveIdentity"))
		return batch_signed_json(b, file);
	if (json_get(root, "collaterals"))
		TRY(add_pcs_client(b, root, file));
	else if (json_get(root, "vcekCert"))
		TRY(add_thim(b, root));
	else if (json_get(root, "kty"))
		TRY(add_jwk(b, file));
	else
		TRY(add_set(b, root));
	return b->found.n > 0 ? OK : err_new(ERR_FORMAT, "JSON: no collateral in it");
}
