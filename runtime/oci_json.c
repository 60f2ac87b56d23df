#include "runtime/oci_json.h"

#include "agent_internal.h"

#include <strings.h>

enum {
	PATH_MAX_SHOWN = 160,
	NAMESPACES_MAX = 16, /* the specification has eight types */
	LIST_MAX = 64 * 1024 /* elements of one list or map, as pb_check.c has it for one message */
};

/* Where a value stands, for errors: "linux.resources.cpu.quota". */
struct place {
	const struct place *parent;
	const char *name;
};

static void put_place(const struct place *p, struct buf *out)
{
	if (p->parent)
		put_place(p->parent, out);
	if (!p->name)
		return;
	if (out->n > 0)
		buf_u8(out, '.');
	buf_puts(out, p->name);
}

static RESULT wrong(const struct place *p, enum err_code code, const char *what)
{
	AUTO(buf_done) struct buf text = BUF_INIT(PATH_MAX_SHOWN);

	put_place(p, &text);
	const char *name = buf_cstr(&text);
	return err_new(code, "%s: %s", name ? name : "(a long name)", what);
}

/* Members whose names differ by more than case. */
static const struct {
	const ProtobufCMessageDescriptor *of;
	const char *json, *field;
} aliases[] = {
	{ &oci__spec__descriptor, "ociVersion", "Version" },
	{ &oci__linux_syscall__descriptor, "errnoRet", "errnoret" },
};

/* Names that are words of a programming language end with '_' in generated code. */
static bool same_name(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	n -= n > 0 && a[n - 1] == '_';
	m -= m > 0 && b[m - 1] == '_';
	return n == m && strncasecmp(a, b, n) == 0;
}

static const ProtobufCFieldDescriptor *find_field(
	const ProtobufCMessageDescriptor *d, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
		if (aliases[i].of == d && str_equal(aliases[i].json, name))
			name = aliases[i].field;
	}
	for (unsigned i = 0; i < d->n_fields; i++) {
		if (same_name(d->fields[i].name, name))
			return &d->fields[i];
	}
	return NULL;
}

static RESULT fill_message(const struct json *j, const ProtobufCMessageDescriptor *d,
	const struct place *place, ProtobufCMessage **ret_message);

static RESULT new_message(const ProtobufCMessageDescriptor *d, ProtobufCMessage **ret_message)
{
	ProtobufCMessage *m = calloc(1, d->sizeof_message);

	if (!m)
		return err_new(ERR_NOMEM, "%s", d->short_name);
	d->message_init(m);
	/* A rule without numbers is about all of them; the message cannot leave them out. */
	if (d == &oci__linux_device_cgroup__descriptor) {
		Oci__LinuxDeviceCgroup *rule = (Oci__LinuxDeviceCgroup *)(void *)m;

		rule->major = rule->minor = -1;
	}
	*ret_message = m;
	return OK;
}

/* ---- one value ---- */

union value {
	char *text;
	ProtobufCMessage *message;
	uint64_t u64;
	int64_t i64;
	uint32_t u32;
	int32_t i32;
	protobuf_c_boolean flag;
};

static RESULT read_number(const struct json *j, const ProtobufCFieldDescriptor *f,
	const struct place *place, union value *v)
{
	uint64_t u = 0;
	int64_t i = 0;

	if (f->type == PROTOBUF_C_TYPE_INT64) {
		if (!json_i64(j, &i))
			return wrong(place, ERR_FORMAT, "not an integer of 64 bits");
		v->i64 = i;
		return OK;
	}
	if (!json_u64(j, &u))
		return wrong(place, ERR_FORMAT, "not an integer from 0");
	if (f->type == PROTOBUF_C_TYPE_UINT64)
		v->u64 = u;
	else if (u > UINT32_MAX)
		return wrong(place, ERR_FORMAT, "more than 32 bits");
	else
		v->u32 = (uint32_t)u;
	return OK;
}

static RESULT read_text(const struct json *j, const struct place *place, union value *v)
{
	const char *text = json_string(j);

	if (!text)
		return wrong(place, ERR_FORMAT, "not a text");
	return str_dup(text, &v->text);
}

static RESULT read_value(const struct json *j, const ProtobufCFieldDescriptor *f,
	const struct place *place, union value *v)
{
	bool flag = false;

	switch ((int)f->type) {
	case PROTOBUF_C_TYPE_STRING:
		return read_text(j, place, v);
	case PROTOBUF_C_TYPE_MESSAGE:
		return fill_message(j, f->descriptor, place, &v->message);
	case PROTOBUF_C_TYPE_BOOL:
		if (!json_bool(j, &flag))
			return wrong(place, ERR_FORMAT, "neither true nor false");
		v->flag = flag;
		return OK;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_UINT32:
		return read_number(j, f, place, v);
	default:
		return wrong(place, ERR_UNSUPPORTED, "a member of another type");
	}
}

static size_t value_size(const ProtobufCFieldDescriptor *f)
{
	switch ((int)f->type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_UINT32:
		return sizeof(uint32_t);
	default:
		return sizeof(uint64_t);
	}
}

/* ---- lists and maps ---- */

struct list {
	uint8_t *items;
	size_t n;
};

/* The message has it from the start, so that a failure half way leaves nothing behind. */
static RESULT begin_list(
	ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, size_t n, const struct place *place)
{
	uint8_t *at = (uint8_t *)m + f->offset;

	if (n > LIST_MAX)
		return wrong(place, ERR_LIMIT, "too many elements");
	void *items = n ? calloc(n, value_size(f)) : NULL;
	if (n && !items)
		return err_new(ERR_NOMEM, "%s", f->name);
	memcpy(at, &items, sizeof(void *));
	return OK;
}

static void add_to_list(
	ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, const union value *v)
{
	size_t *n = (void *)((uint8_t *)m + f->quantifier_offset);
	uint8_t *items;

	memcpy(&items, (uint8_t *)m + f->offset, sizeof(void *));
	memcpy(items + *n * value_size(f), v, value_size(f));
	(*n)++;
}

static RESULT fill_list(const struct json *j, ProtobufCMessage *m,
	const ProtobufCFieldDescriptor *f, const struct place *place)
{
	char number[24];
	const struct place element = { .parent = place, .name = number };

	if (json_type(j) != JSON_ARRAY)
		return wrong(place, ERR_FORMAT, "not a list");
	TRY(begin_list(m, f, json_count(j), place));
	for (size_t i = 0; i < json_count(j); i++) {
		union value v = { 0 };

		(void)snprintf(number, sizeof(number), "%zu", i);
		TRY(read_value(json_at(j, i), f, &element, &v));
		add_to_list(m, f, &v);
	}
	return OK;
}

/* A map is a list of messages with `key` and `value`, both texts here. */
static bool is_map(const ProtobufCFieldDescriptor *f)
{
	const ProtobufCMessageDescriptor *d = f->descriptor;

	return f->type == PROTOBUF_C_TYPE_MESSAGE && d->n_fields == 2 &&
	       str_equal(d->fields[0].name, "key") && str_equal(d->fields[1].name, "value");
}

static RESULT fill_entry(const struct json *value, const char *key, ProtobufCMessage *entry,
	const struct place *place)
{
	const ProtobufCMessageDescriptor *d = entry->descriptor;
	union value k = { 0 }, v = { 0 };

	TRY(read_text(value, place, &v));
	memcpy((uint8_t *)entry + d->fields[1].offset, &v.text, sizeof(v.text));
	TRY(str_dup(key, &k.text));
	memcpy((uint8_t *)entry + d->fields[0].offset, &k.text, sizeof(k.text));
	return OK;
}

static RESULT fill_map(const struct json *j, ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
	const struct place *place)
{
	if (json_type(j) != JSON_OBJECT)
		return wrong(place, ERR_FORMAT, "not an object");
	TRY(begin_list(m, f, json_members(j), place));
	for (size_t i = 0; i < json_members(j); i++) {
		const struct place at = { .parent = place, .name = json_name_at(j, i) };
		union value v = { 0 };

		TRY(new_message(f->descriptor, &v.message));
		add_to_list(m, f, &v);
		TRY(fill_entry(json_at(j, i), json_name_at(j, i), v.message, &at));
	}
	return OK;
}

/* ---- messages ---- */

/* Whether a member of that field was read before: {"root": 1, "Root": 2} are two of one. */
static bool is_first(const struct json *j, size_t i, const ProtobufCFieldDescriptor *f,
	const ProtobufCMessageDescriptor *d)
{
	for (size_t before = 0; before < i; before++) {
		if (find_field(d, json_name_at(j, before)) == f)
			return false;
	}
	return true;
}

static RESULT fill_field(const struct json *j, ProtobufCMessage *m,
	const ProtobufCFieldDescriptor *f, const struct place *place)
{
	union value v = { 0 };

	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return is_map(f) ? fill_map(j, m, f, place) : fill_list(j, m, f, place);
	TRY(read_value(j, f, place, &v));
	memcpy((uint8_t *)m + f->offset, &v, value_size(f));
	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		*(uint32_t *)(void *)((uint8_t *)m + f->quantifier_offset) = f->id;
	return OK;
}

static RESULT fill_members(const struct json *j, ProtobufCMessage *m, const struct place *place)
{
	for (size_t i = 0; i < json_members(j); i++) {
		const ProtobufCFieldDescriptor *f = find_field(m->descriptor, json_name_at(j, i));
		const struct place at = { .parent = place, .name = json_name_at(j, i) };

		/* Go's encoders write null for what is not there. */
		if (!f || json_type(json_at(j, i)) == JSON_NULL)
			continue;
		if (!is_first(j, i, f, m->descriptor))
			return wrong(&at, ERR_FORMAT, "is there twice");
		TRY(fill_field(json_at(j, i), m, f, &at));
	}
	return OK;
}

static RESULT fill_message(const struct json *j, const ProtobufCMessageDescriptor *d,
	const struct place *place, ProtobufCMessage **ret_message)
{
	AUTO(pb_freep) ProtobufCMessage *m = NULL;

	if (json_type(j) != JSON_OBJECT)
		return wrong(place, ERR_FORMAT, "not an object");
	TRY(new_message(d, &m));
	TRY(fill_members(j, m, place));
	*ret_message = TAKE(m);
	return OK;
}

static RESULT decode(struct bytes text, const ProtobufCMessageDescriptor *d, const char *what,
	ProtobufCMessage **ret_message)
{
	AUTO(json_freep) struct json *j = NULL;
	const struct place root = { 0 };

	if (text.n > OCI_SPEC_MAX)
		return err_new(ERR_LIMIT, "%s: more than %d bytes", what, OCI_SPEC_MAX);
	struct err e = json_parse(text, &j);
	if (!failed(e) && json_type(j) != JSON_OBJECT)
		e = err_new(ERR_FORMAT, "not an object");
	if (!failed(e))
		e = fill_message(j, d, &root, ret_message);
	return failed(e) ? err_add(e, "%s", what) : OK;
}

RESULT oci_json_message(
	const struct json *j, const ProtobufCMessageDescriptor *d, ProtobufCMessage **ret_message)
{
	const struct place root = { 0 };

	return fill_message(j, d, &root, ret_message);
}

/* The specification wants an error where a type of namespace comes twice: which one would count? */
static RESULT check_namespaces(const Oci__Linux *l)
{
	if (l->n_namespaces > NAMESPACES_MAX)
		return err_new(
			ERR_LIMIT, "config.json: linux.namespaces: more than %d", NAMESPACES_MAX);
	for (size_t i = 0; i < l->n_namespaces; i++) {
		for (size_t k = 0; k < i; k++) {
			if (str_equal(l->namespaces[i]->type, l->namespaces[k]->type))
				return err_new(ERR_FORMAT,
					"config.json: linux.namespaces.%zu: '%.80s' a second time",
					i, l->namespaces[i]->type);
		}
	}
	return OK;
}

RESULT oci_json_spec(struct bytes text, Oci__Spec **ret_spec)
{
	AUTO(pb_free_any) Oci__Spec *spec = NULL;
	ProtobufCMessage *m = NULL;

	TRY(decode(text, &oci__spec__descriptor, "config.json", &m));
	spec = (Oci__Spec *)(void *)m;
	if (spec->linux_)
		TRY(check_namespaces(spec->linux_));
	*ret_spec = TAKE(spec);
	return OK;
}

RESULT oci_json_process(struct bytes text, Oci__Process **ret_process)
{
	ProtobufCMessage *m = NULL;

	TRY(decode(text, &oci__process__descriptor, "process", &m));
	*ret_process = (Oci__Process *)(void *)m;
	return OK;
}

RESULT oci_json_resources(struct bytes text, Oci__LinuxResources **ret_resources)
{
	ProtobufCMessage *m = NULL;

	TRY(decode(text, &oci__linux_resources__descriptor, "resources", &m));
	*ret_resources = (Oci__LinuxResources *)(void *)m;
	return OK;
}

/* ---- annotations ---- */

const char *oci_annotation(const Oci__Spec *spec, const char *name)
{
	for (size_t i = 0; i < spec->n_annotations; i++) {
		if (str_equal(spec->annotations[i]->key, name))
			return spec->annotations[i]->value;
	}
	return NULL;
}

enum oci_role oci_role(const Oci__Spec *spec, const char **ret_sandbox_id)
{
	static const struct {
		const char *type, *sandbox, *id;
	} engines[] = {
		{ "io.kubernetes.cri.container-type", "sandbox", "io.kubernetes.cri.sandbox-id" },
		{ "io.kubernetes.cri-o.ContainerType", "sandbox", "io.kubernetes.cri-o.SandboxID" },
		{ "io.kubernetes.docker.type", "podsandbox", "io.kubernetes.sandbox.id" },
	};

	*ret_sandbox_id = NULL;
	for (size_t i = 0; i < ARRAY_LEN(engines); i++) {
		const char *type = oci_annotation(spec, engines[i].type);

		if (!type)
			continue;
		if (str_equal(type, engines[i].sandbox))
			return OCI_SANDBOX;
		if (!str_equal(type, "container"))
			continue;
		*ret_sandbox_id = oci_annotation(spec, engines[i].id);
		return OCI_CONTAINER;
	}
	return OCI_SINGLE;
}
