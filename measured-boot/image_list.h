/*
 * The list that describes a guest image. One entry a line, words separated by blanks, '#' begins a
 * comment; @name@ is replaced by a variable.
 *
 *   dir PATH MODE
 *   link PATH TARGET
 *   node PATH c|b MAJOR MINOR MODE
 *   file PATH SOURCE MODE
 *   libdir DIRECTORY          where libraries are looked for, in order
 *   program PATH SOURCE       0755, with the libraries it needs
 *   library NAME              found in the libdirs, with what it needs; for those loaded by name
 *   module GROUP NAME         with what it depends on; groups load in the order of their appearance
 */
#pragma once

#include <base/json.h>

enum image_kind {
	IMAGE_DIR,
	IMAGE_LINK,
	IMAGE_NODE,
	IMAGE_FILE,
	IMAGE_LIBDIR,
	IMAGE_PROGRAM,
	IMAGE_LIBRARY,
	IMAGE_MODULE
};

enum {
	IMAGE_WORDS_MAX = 5,
	IMAGE_LINES_MAX = 4096,
	IMAGE_LIST_MAX = 256 * 1024
};

struct image_line {
	enum image_kind kind;
	char *words[IMAGE_WORDS_MAX]; /* without the first */
	unsigned number;	      /* of the line, from 1 */
	const char *list;	      /* the name given to image_list_parse(), borrowed */
};

struct image_list {
	struct image_line *v;
	size_t n;
};

/* Appends the lines of `text`; errors begin "NAME:LINE". An unknown variable is ERR_NOT_FOUND. */
RESULT image_list_parse(struct bytes text, const char *name, const struct json_map *variables,
	struct image_list *list);
void image_list_done(struct image_list *l);
/* An octal mode of at most 07777. */
RESULT image_mode_parse(const char *word, unsigned *ret_mode);
