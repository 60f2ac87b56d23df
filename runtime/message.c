#include "message.h"

#include <base/buf.h>
#include <net/pb.h>

/* protobuf-c has one static text for what is empty. */
static void free_text(char *text)
{
	if (text != (const char *)protobuf_c_empty_string)
		free(text);
}

RESULT message_set(char **field, const char *text)
{
	char *copy = NULL;

	TRY(str_dup(text ? text : "", &copy));
	free_text(*field);
	*field = copy;
	return OK;
}

RESULT message_add(void *list, size_t *n, void *message)
{
	void **items;

	memcpy(&items, list, sizeof(void *));
	void *more = reallocarray(items, *n + 1, sizeof(void *));
	if (!more)
		return err_new(ERR_NOMEM, "message");
	items = more;
	items[(*n)++] = message;
	memcpy(list, &more, sizeof(void *));
	return OK;
}

RESULT message_add_text(char ***list, size_t *n, const char *text)
{
	AUTO(auto_free) char *copy = NULL;

	TRY(str_dup(text, &copy));
	TRY(message_add((void *)list, n, copy));
	copy = NULL;
	return OK;
}

void message_clear_texts(char ***list, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		free_text((*list)[i]);
	free(*list);
	*list = NULL;
	*n = 0;
}

RESULT message_storage(const struct message_storage *from, Agent__Storage **ret_storage)
{
	AUTO(pb_free_any) Agent__Storage *s = calloc(1, sizeof(*s));

	if (!s)
		return err_new(ERR_NOMEM, "storage");
	agent__storage__init(s);
	TRY(message_set(&s->driver, from->driver));
	TRY(message_set(&s->source, from->source));
	TRY(message_set(&s->fstype, from->fstype));
	TRY(message_set(&s->mount_point, from->mount_point));
	for (size_t i = 0; i < from->n_options; i++)
		TRY(message_add_text(&s->options, &s->n_options, from->options[i]));
	*ret_storage = TAKE(s);
	return OK;
}

RESULT message_add_storage(Agent__Storage ***list, size_t *n, const struct message_storage *from)
{
	AUTO(pb_free_any) Agent__Storage *s = NULL;

	TRY(message_storage(from, &s));
	TRY(MESSAGE_ADD(list, n, s));
	s = NULL;
	return OK;
}

RESULT message_set_annotation(Oci__Spec *spec, const char *key, const char *value)
{
	AUTO(pb_free_any) Oci__Spec__AnnotationsEntry *e = NULL;

	message_drop_annotation(spec, key);
	e = calloc(1, sizeof(*e));
	if (!e)
		return err_new(ERR_NOMEM, "annotation");
	oci__spec__annotations_entry__init(e);
	TRY(message_set(&e->key, key));
	TRY(message_set(&e->value, value));
	TRY(MESSAGE_ADD(&spec->annotations, &spec->n_annotations, e));
	e = NULL;
	return OK;
}

void message_drop_annotation(Oci__Spec *spec, const char *key)
{
	size_t kept = 0;

	for (size_t i = 0; i < spec->n_annotations; i++) {
		if (str_equal(spec->annotations[i]->key, key))
			pb_free(&spec->annotations[i]->base);
		else
			spec->annotations[kept++] = spec->annotations[i];
	}
	spec->n_annotations = kept;
}
