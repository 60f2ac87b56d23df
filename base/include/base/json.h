/*
 * Strict JSON (RFC 8259): no duplicate keys, no trailing bytes, no NaN, no raw control characters,
 * valid UTF-8, integers that fit, depth and size limited. The same tree holds TOML.
 *
 * Use a table of fields to decode a message into a struct; use the tree only for free-form data.
 */
#pragma once

#include <base/buf.h>

enum {
	JSON_DEPTH_MAX = 16,
	JSON_SIZE_MAX = 4 * 1024 * 1024
};

struct json; /* one immutable value; the root owns the tree */

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_INT,    /* fits int64_t or uint64_t */
	JSON_DOUBLE, /* kept, never decoded into a field */
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

RESULT json_parse(struct bytes text, struct json **ret_root);
/* TOML 1.0 subset used by configuration files: tables, arrays of tables, inline tables, strings of
 * all four kinds, integers, booleans, arrays, decimal numbers of at most 15 digits (0.4). Dates,
 * exponents, infinity and NaN are refused. Same limits. */
RESULT toml_parse(struct bytes text, struct json **ret_root);
void json_free(struct json *root);
void json_freep(struct json **root); /* for AUTO */

enum json_type json_type(const struct json *j);
/* Member of an object, or NULL when absent (or j is NULL or no object). */
const struct json *json_get(const struct json *j, const char *name);
/* JSON pointer such as "/submods/cpu0/ear.status" (RFC 6901), or NULL. */
const struct json *json_pointer(const struct json *j, const char *pointer);
size_t json_count(const struct json *j);		    /* of an array or object, else 0 */
size_t json_members(const struct json *j);		    /* of an object, else 0 */
const struct json *json_at(const struct json *j, size_t i); /* array element or member value */
const char *json_name_at(const struct json *j, size_t i);   /* member name; NULL of others */
/* NULL/false when it is not of that type. The string lives as long as the tree. */
const char *json_string(const struct json *j);
bool json_u64(const struct json *j, uint64_t *ret_v);
bool json_i64(const struct json *j, int64_t *ret_v);
bool json_bool(const struct json *j, bool *ret_v);
/* A number from 0 in thousandths: 0.4 is 400. False when it has more than three decimals. */
bool json_milli(const struct json *j, uint64_t *ret_milli);
/* Member that must be a string; ERR_FORMAT names it. */
RESULT json_need_string(const struct json *j, const char *name, const char **ret_s);

/* Compact text, members in the order received. */
void json_print(const struct json *j, struct buf *out);
/* RFC 8785 (JCS): members sorted by UTF-16 code units, minimal escapes. ERR_UNSUPPORTED on doubles.
 */
RESULT json_print_canonical(const struct json *j, struct buf *out);

/* ---- streaming writer: commas and escapes are its business ---- */
struct json_writer {
	struct buf *out;
	unsigned depth;
	bool first[JSON_DEPTH_MAX + 1];
	bool after_key;
};

struct json_writer jw_of(struct buf *out);
void jw_object(struct json_writer *w);
void jw_object_end(struct json_writer *w);
void jw_array(struct json_writer *w);
void jw_array_end(struct json_writer *w);
void jw_key(struct json_writer *w, const char *name);
void jw_str(struct json_writer *w, const char *s); /* invalid UTF-8 becomes U+FFFD */
void jw_bytes_str(struct json_writer *w, struct bytes s);
void jw_u64(struct json_writer *w, uint64_t v);
void jw_i64(struct json_writer *w, int64_t v);
void jw_bool(struct json_writer *w, bool v);
void jw_null(struct json_writer *w);
void jw_hex(struct json_writer *w, struct bytes b);
void jw_base64(struct json_writer *w, struct bytes b);	  /* standard, padded */
void jw_base64url(struct json_writer *w, struct bytes b); /* URL, no padding */
void jw_json(struct json_writer *w, const struct json *j);
void jw_raw(struct json_writer *w, struct bytes text); /* already JSON */
#define jw_kstr(w, k, v)       (jw_key((w), (k)), jw_str((w), (v)))
#define jw_ku64(w, k, v)       (jw_key((w), (k)), jw_u64((w), (v)))
#define jw_kbool(w, k, v)      (jw_key((w), (k)), jw_bool((w), (v)))
#define jw_khex(w, k, v)       (jw_key((w), (k)), jw_hex((w), (v)))
#define jw_kbase64(w, k, v)    (jw_key((w), (k)), jw_base64((w), (v)))
#define jw_kbase64url(w, k, v) (jw_key((w), (k)), jw_base64url((w), (v)))

/* ---- field tables ---- */
struct strv { /* owned list of owned strings */
	char **v;
	size_t n;
};
void strv_done(struct strv *s);
RESULT strv_add(struct strv *s, const char *item);

enum field_kind {
	FIELD_STR,	 /* char *, owned */
	FIELD_HEX,	 /* struct buf */
	FIELD_BASE64,	 /* struct buf, standard with padding */
	FIELD_BASE64URL, /* struct buf, URL without padding */
	FIELD_U64,	 /* uint64_t */
	FIELD_BOOL,	 /* bool */
	FIELD_STRV,	 /* struct strv: array of strings */
	FIELD_OBJECT,	 /* embedded struct described by .table */
	FIELD_LIST,	 /* struct json_list of structs described by .table */
	FIELD_MAP,	 /* struct json_map: object with string values */
	FIELD_JSON	 /* const struct json *: borrowed from the tree, any type */
};

enum {
	FIELD_REQUIRED = 1u << 0, /* absent is ERR_FORMAT */
	FIELD_NULLABLE = 1u << 1  /* null counts as absent */
};

struct json_field {
	const char *name;
	enum field_kind kind;
	unsigned flags;
	size_t offset;
	size_t max; /* characters, decoded bytes, entries or the largest number; 0 = table default
		     */
	const struct json_table *table;
};

struct json_table {
	const char *what; /* named in errors: "KBS request" */
	size_t size;	  /* sizeof the struct; for FIELD_LIST */
	const struct json_field *fields;
	size_t n;
	bool open; /* unknown members are ignored instead of refused */
};

struct json_list {
	void *items; /* n structs of table->size bytes */
	size_t n;
};

struct json_pair {
	char *name, *value;
};
struct json_map {
	struct json_pair *v;
	size_t n;
};
const char *json_map_get(const struct json_map *m, const char *name); /* NULL when absent */

/* JSON_FIELD(struct kbs_request, version, FIELD_STR, FIELD_REQUIRED, 16): name equals the member.
 */
#define JSON_FIELD(type, member, k, f, limit)                                                      \
	{                                                                                          \
		.name = #member, .kind = (k), .flags = (f), .offset = offsetof(type, member),      \
		.max = (limit)                                                                     \
	}
#define JSON_FIELD_AS(type, member, json_name, k, f, limit)                                        \
	{                                                                                          \
		.name = (json_name), .kind = (k), .flags = (f), .offset = offsetof(type, member),  \
		.max = (limit)                                                                     \
	}
#define JSON_FIELD_SUB(type, member, json_name, k, f, limit, sub)                                  \
	{                                                                                          \
		.name = (json_name), .kind = (k), .flags = (f), .offset = offsetof(type, member),  \
		.max = (limit), .table = (sub)                                                     \
	}

/*
 * Fills a zeroed struct. On failure everything already taken is released and the struct is zero
 * again; the error names the path of the field ("KBS request: tee-evidence.tpm_quote: ...").
 */
RESULT json_decode(const struct json *j, const struct json_table *table, void *ret_struct);
RESULT json_decode_text(struct bytes text, const struct json_table *table, void *ret_struct);
/* Frees what json_decode() allocated and zeroes the struct. */
void json_release(const struct json_table *table, void *decoded);
