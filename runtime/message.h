/* Changing protobuf-c messages whose parts were allocated one by one (pb_free() frees them). */
#pragma once

#include <agent.pb-c.h>

#include <base/err.h>

/* Takes the place of what is there; NULL: the empty text. */
RESULT message_set(char **field, const char *text);
/* One more element of a repeated field of texts. */
RESULT message_add_text(char ***list, size_t *n, const char *text);
/* Empties a repeated field of texts. */
void message_clear_texts(char ***list, size_t *n);
/* One more element of a repeated field of messages: MESSAGE_ADD(&r->storages, &r->n_storages, s).
 * It is the list's only on success. */
#define MESSAGE_ADD(list, n, message)                                                              \
	message_add((void *)(list), (n), ((void)sizeof(**(list) == (message)), (message)))
RESULT message_add(void *list, size_t *n, void *message);
/* Removes one optional message. */
#define MESSAGE_DROP(field)                                                                        \
	do {                                                                                       \
		if (field)                                                                         \
			protobuf_c_message_free_unpacked(&(field)->base, NULL);                    \
		(field) = NULL;                                                                    \
	} while (0)

struct message_storage {
	const char *driver, *source, *fstype, *mount_point;
	const char *const *options; /* NULL: none */
	size_t n_options;
};
RESULT message_storage(const struct message_storage *from, Agent__Storage **ret_storage);
/* Appends one made so. */
RESULT message_add_storage(Agent__Storage ***list, size_t *n, const struct message_storage *from);
RESULT message_set_annotation(Oci__Spec *spec, const char *key, const char *value);
void message_drop_annotation(Oci__Spec *spec, const char *key);
