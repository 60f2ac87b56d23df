#include "json_scan.h"
#include "json_tree.h"

#include <math.h>
#include <stdlib.h>

/* json-c has types of these names. */
#define json_type jsonc_type
#define json_bool jsonc_bool
#include <json-c/json_object.h>
#include <json-c/json_tokener.h>
#include <json-c/linkhash.h>
#undef json_type
#undef json_bool

struct tree {
	struct json_object *owner;
	size_t size, used; /* of nodes */
	struct json nodes[];
};

static void tree_freep(struct tree **t)
{
	if (!*t)
		return;
	(void)json_object_put((*t)->owner);
	free(*t);
}

static void tokener_freep(struct json_tokener **t)
{
	if (*t)
		json_tokener_free(*t);
}

static bool fill(struct tree *t, struct json *node, struct json_object *from);

static struct json *reserve(struct tree *t, size_t n)
{
	struct json *at = t->nodes + t->used;

	if (n > t->size - t->used)
		return NULL;
	t->used += n;
	return at;
}

static bool fill_array(struct tree *t, struct json *node, struct json_object *from)
{
	node->n = json_object_array_length(from);
	node->children = reserve(t, node->n);
	for (size_t i = 0; node->children && i < node->n; i++) {
		if (!fill(t, &node->children[i], json_object_array_get_idx(from, i)))
			return false;
	}
	return node->children != NULL;
}

static bool fill_object(struct tree *t, struct json *node, struct json_object *from)
{
	size_t i = 0;

	node->n = (size_t)json_object_object_length(from);
	node->children = reserve(t, node->n);
	if (!node->children)
		return false;
	json_object_object_foreach(from, name, value)
	{
		node->children[i].name = name;
		if (!fill(t, &node->children[i++], value))
			return false;
	}
	return true;
}

/* False when the tree holds what it must not; recursion is bounded by the scan. */
static bool fill(struct tree *t, struct json *node, struct json_object *from)
{
	switch (json_object_get_type(from)) {
	case json_type_null:
		node->type = JSON_NULL;
		return true;
	case json_type_boolean:
		node->type = JSON_BOOL;
		node->truth = json_object_get_boolean(from);
		return true;
	case json_type_int:
		node->type = JSON_INT;
		node->i = json_object_get_int64(from);
		node->negative = node->i < 0;
		if (!node->negative)
			node->u = json_object_get_uint64(from);
		return true;
	case json_type_double:
		node->type = JSON_DOUBLE;
		node->number = json_object_get_double(from);
		return isfinite(node->number);
	case json_type_string:
		node->type = JSON_STRING;
		node->text = json_object_get_string(from);
		return node->text != NULL;
	case json_type_array:
		node->type = JSON_ARRAY;
		return fill_array(t, node, from);
	case json_type_object:
		node->type = JSON_OBJECT;
		return fill_object(t, node, from);
	}
	return false;
}

static struct err build(struct bytes text, struct json_object **ret_root)
{
	AUTO(tokener_freep) struct json_tokener *tok = json_tokener_new_ex(JSON_DEPTH_MAX + 2);
	struct json_object *root;

	if (!tok)
		return err_new(ERR_NOMEM, "JSON parser");
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(tok, (const char *)text.p, (int)text.n);
	/* A number alone ends only where something else begins. */
	if (json_tokener_get_error(tok) == json_tokener_continue)
		root = json_tokener_parse_ex(tok, "", 1);
	if (json_tokener_get_error(tok) == json_tokener_success) {
		*ret_root = root;
		return OK;
	}
	/* The scan found nothing wrong with the text. */
	return err_new(ERR_NOMEM, "JSON: %s", json_tokener_error_desc(json_tokener_get_error(tok)));
}

RESULT json_parse(struct bytes text, struct json **ret_root)
{
	AUTO(tree_freep) struct tree *t = NULL;
	size_t values;

	TRY(json_scan(text, &values));
	t = calloc(1, sizeof(*t) + values * sizeof(t->nodes[0]));
	if (!t)
		return err_new(ERR_NOMEM, "JSON: %zu values", values);
	t->size = values;
	TRY(build(text, &t->owner));
	if (!fill(t, reserve(t, 1), t->owner))
		return err_new(ERR_FORMAT, "JSON: number out of range");
	if (t->used != values)
		return err_new(ERR_FORMAT, "JSON: a member name appears twice in an object");
	*ret_root = TAKE(t)->nodes;
	return OK;
}

void json_free(struct json *root)
{
	struct tree *t;

	if (!root)
		return;
	t = (struct tree *)(void *)((uint8_t *)root - offsetof(struct tree, nodes));
	tree_freep(&t);
}

void json_freep(struct json **root)
{
	json_free(*root);
	*root = NULL;
}
