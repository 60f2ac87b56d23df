/* Secure Execution's files, field by field, and the ultravisor's codes. */
#include "platforms.h"
#include "s390-se/se.h"

#include <stdio.h>

#include <tee/fields.h>

static bool starts(struct bytes in, const char *text)
{
	size_t n = strlen(text);

	return in.n > n && bytes_equal(bytes_of(in.p, n), bytes_str(text));
}

/* Where a view stands in the file. */
static int64_t at(struct bytes file, struct bytes view)
{
	return view.n > 0 ? view.p - file.p : FIELDS_NO_OFFSET;
}

static void put(struct fields *out, struct bytes file, struct bytes v, const char *name,
	const char *meaning)
{
	if (v.n > 0)
		fields_hex(out, at(file, v), v, name, meaning);
}

static void put_slots(struct fields *out, struct bytes file, const struct se_slot *slots, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fields_group(out, at(file, slots[i].phkh), SE_SLOT_SIZE, "key slot");
		put(out, file, slots[i].phkh, "phkh", "digest of the host's public key");
		put(out, file, slots[i].wrapped, "wrapped key", NULL);
		put(out, file, slots[i].tag, "tag", NULL);
		fields_end(out);
	}
}

/* ---- image header ---- */

enum {
	BIT = 63 /* IBM counts from the left */
};

static const struct field_bit control_flags[] = {
	{ BIT - 34, "dumping", "the guest may be dumped, encrypted" },
	{ BIT - 35, "no component encryption", "kernel, initrd and command line are readable" },
	{ BIT - 56, "PCKMO DEA/TDEA", "allowed" },
	{ BIT - 57, "PCKMO AES", "allowed" },
	{ BIT - 58, "PCKMO ECC", "allowed" },
	{ BIT - 59, "PCKMO HMAC", "allowed" },
	{ BIT - 62, "backup host keys", "allowed" },
};

static bool is_header(struct bytes file)
{
	return starts(file, "IBMSecEx");
}

static RESULT describe_header(struct bytes file, struct fields *out)
{
	struct se_header h;

	TRY(se_header_parse(file, &h));
	fields_u64(out, 0x0c, 4, "size", h.size, NULL);
	put(out, file, h.iv, "IV", NULL);
	fields_u64(out, 0x20, 8, "key slots", h.n_slots, NULL);
	fields_u64(out, 0x30, 8, "encrypted pages", h.encrypted_pages, NULL);
	fields_bits(out, 0x38, 8, "plaintext control flags", h.control_flags, control_flags,
		ARRAY_LEN(control_flags));
	put(out, file, h.customer_key, "customer public key", "P-521, x and y");
	put(out, file, h.pld, "page list digest", "SHA-512 of the pages' contents");
	put(out, file, h.ald, "address list digest", "SHA-512 of the pages' addresses");
	put(out, file, h.tld, "tweak list digest", "SHA-512 of the pages' tweaks");
	put_slots(out, file, h.slots, h.n_slots);
	put(out, file, h.encrypted, "encrypted area", NULL);
	put(out, file, h.tag, "tag", "names the image in measurements");
	return OK;
}

static bool is_image(struct bytes file)
{
	struct bytes header;

	return file.n > SE_HEADER_MAX && !failed(se_header_find(file, &header));
}

static void put_component(struct fields *out, struct bytes file, const struct se_component *c)
{
	const char *name = se_kind_name(se_component_kind(c));

	fields_group(out, at(file, c->content), c->content.n, name);
	fields_fmt(out, FIELDS_NO_OFFSET, 0, "address", "0x%llx", (unsigned long long)c->address);
	fields_u64(out, FIELDS_NO_OFFSET, 0, "pages", c->content.n / SE_PAGE, NULL);
	fields_fmt(out, FIELDS_NO_OFFSET, 0, "tweak prefix", "%016llx",
		(unsigned long long)c->tweak_prefix);
	fields_end(out);
}

/* Components are shown of whole images only: a file cut behind the header still has one. */
static void put_layout(struct fields *out, struct bytes file)
{
	struct se_layout l;

	if (failed(se_layout_parse(file, &l))) {
		fields_str(out, FIELDS_NO_OFFSET, 0, "components", "not decoded", err_text());
		return;
	}
	for (size_t i = 0; i < l.n_components; i++)
		put_component(out, file, &l.components[i]);
	put(out, file, l.ipib, "IPL parameter block", "tells where the components are");
}

static RESULT describe_image(struct bytes file, struct fields *out)
{
	struct bytes header;

	TRY(se_header_find(file, &header));
	fields_group(out, at(file, header), header.n, "Secure Execution header");
	out->base += header.p - file.p;
	TRY(describe_header(header, out));
	out->base -= header.p - file.p;
	fields_end(out);
	put_layout(out, file);
	return OK;
}

/* ---- attestation request ---- */

static const struct field_bit request_flags[] = {
	{ BIT - SE_FLAG_NONCE, "nonce", "in the encrypted area" },
	{ BIT - SE_FLAG_IMAGE_PHKH, "image PHKH", "asked for in the additional data" },
	{ BIT - SE_FLAG_ATTESTATION_PHKH, "attestation PHKH", "asked for" },
	{ BIT - SE_FLAG_SECRET_STORE_HASH, "secret store hash", "asked for" },
	{ BIT - SE_FLAG_FIRMWARE_STATE, "firmware state", "asked for" },
};

/* Its magic is zero: the parse must hold as well. */
static bool is_request(struct bytes file)
{
	struct se_request q;

	return file.n > 16 && bytes_is_zero(bytes_of(file.p, 8)) &&
	       !failed(se_request_parse(file, &q));
}

static RESULT describe_request(struct bytes file, struct fields *out)
{
	struct se_request q;

	TRY(se_request_parse(file, &q));
	put(out, file, q.iv, "IV", NULL);
	fields_bits(out, 0x30, 8, "flags", q.flags, request_flags, ARRAY_LEN(request_flags));
	put(out, file, q.customer_key, "customer public key", "P-521, x and y");
	put_slots(out, file, q.slots, q.n_slots);
	put(out, file, q.encrypted, "encrypted area", "measurement key, nonce");
	put(out, file, q.tag, "tag", NULL);
	return OK;
}

/* ---- exchange file ---- */

static bool is_exchange(struct bytes file)
{
	return starts(file, "pvattest");
}

static void put_additional(
	struct fields *out, struct bytes file, const struct se_exchange *x, uint64_t flags)
{
	struct se_additional a;

	if (x->additional.n == 0 || failed(se_additional_parse(x->additional, flags, &a))) {
		put(out, file, x->additional, "additional data", NULL);
		return;
	}
	put(out, file, a.image_phkh, "image PHKH", "host key that the image was made for");
	put(out, file, a.attestation_phkh, "attestation PHKH", "host key that opened the request");
	put(out, file, a.secret_store_hash, "secret store hash", NULL);
	put(out, file, a.firmware_state, "firmware state", NULL);
}

static RESULT describe_exchange(struct bytes file, struct fields *out)
{
	struct se_exchange x;
	struct se_request q = { 0 };

	TRY(se_exchange_parse(file, &x));
	fields_str(out, 0x08, 4, "kind", x.measurement.n > 0 ? "answer" : "request", NULL);
	if (x.arcb.n > 0 && !failed(se_request_parse(x.arcb, &q))) {
		fields_group(out, at(file, x.arcb), x.arcb.n, "attestation request");
		out->base += x.arcb.p - file.p;
		TRY(describe_request(x.arcb, out));
		out->base -= x.arcb.p - file.p;
		fields_end(out);
	} else {
		put(out, file, x.arcb, "attestation request", "not decoded");
	}
	put(out, file, x.measurement, "measurement", "HMAC-SHA-512");
	put_additional(out, file, &x, q.flags);
	put(out, file, x.user_data, "user data", NULL);
	put(out, file, x.cuid, "configuration unique id", "new at each start of the guest");
	return OK;
}

/* ---- add-secret request ---- */

static const char *secret_type(uint16_t type)
{
	static const struct {
		uint16_t type;
		const char *name;
	} types[] = {
		{ 1, "null" },
		{ 2, "association" },
		{ 3, "plain text" },
		{ 4, "AES-128 key" },
		{ 5, "AES-192 key" },
		{ 6, "AES-256 key" },
		{ 7, "AES-XTS-128 key" },
		{ 8, "AES-XTS-256 key" },
		{ 9, "HMAC-SHA-256 key" },
		{ 0x0a, "HMAC-SHA-512 key" },
		{ 0x11, "P-256 private key" },
		{ 0x12, "P-384 private key" },
		{ 0x13, "P-521 private key" },
		{ 0x14, "Ed25519 private key" },
		{ 0x15, "Ed448 private key" },
		{ 0x16, "CCK update" },
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].type == type)
			return types[i].name;
	return "not known";
}

static bool is_add_secret(struct bytes file)
{
	return starts(file, "asrcbM");
}

static RESULT describe_add_secret(struct bytes file, struct fields *out)
{
	static const struct field_bit flags[] = { { BIT, "disable dump", "of this guest" } };
	struct se_add_secret s;

	TRY(se_add_secret_parse(file, &s));
	fields_u64(out, 0x06, 2, "user data kind", s.user_data_kind, NULL);
	put(out, file, s.iv, "IV", NULL);
	fields_bits(out, 0x30, 8, "flags", s.flags, flags, ARRAY_LEN(flags));
	put(out, file, s.pld, "page list digest", NULL);
	put(out, file, s.ald, "address list digest", NULL);
	put(out, file, s.tld, "tweak list digest", NULL);
	put(out, file, s.tag, "image header tag", NULL);
	put(out, file, s.cuid, "configuration unique id",
		bytes_is_zero(s.cuid) ? "any guest of this image" : NULL);
	put_slots(out, file, s.slots, s.n_slots);
	fields_u64(out, FIELDS_NO_OFFSET, 0, "secret type", s.type, secret_type(s.type));
	fields_u64(out, FIELDS_NO_OFFSET, 0, "secret size", s.secret_size, NULL);
	put(out, file, s.id, "secret id", NULL);
	return OK;
}

const struct tee_format se_formats[] = {
	{ "Secure Execution header", is_header, describe_header },
	{ "pvattest exchange file", is_exchange, describe_exchange },
	{ "add-secret request", is_add_secret, describe_add_secret },
	{ "attestation request", is_request, describe_request },
	{ "Secure Execution image", is_image, describe_image },
	{ 0 },
};

/* Return codes of ultravisor calls: Linux, arch/s390/include/asm/uv.h. */
const struct tee_code se_codes[] = {
	{ 0x0001, "ultravisor rc", "executed" },
	{ 0x0002, "ultravisor rc", "invalid command: not known to this ultravisor" },
	{ 0x0003, "ultravisor rc", "invalid state: not allowed at this point of the guest's life" },
	{ 0x0005, "ultravisor rc", "invalid length of the control block" },
	{ 0x0007, "ultravisor rc", "cannot be resumed: start the operation anew" },
	{ 0x0100, "ultravisor rc", "more data is there than was asked for" },
	{ 0x8000, "ultravisor rc", "the guest's configuration must be destroyed" },
	{ 0 },
};
