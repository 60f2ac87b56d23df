/* Firmware volumes, their files and sections. (UEFI PI 1.8 volume 3, chapter 3) */
#pragma once

#include <base/err.h>
#include <base/reader.h>

enum {
	FV_GUID_SIZE = 16,
	FV_ITEMS_MAX = 4096, /* files or sections in one place */
	FV_FILE_VOLUME_IMAGE = 0x0b,
	FV_SECTION_GUID_DEFINED = 0x02,
	FV_SECTION_PE32 = 0x10,
	FV_SECTION_VOLUME_IMAGE = 0x17
};

struct fv {
	struct bytes all;   /* header and files: what is measured */
	struct bytes files; /* from the first file on */
	struct bytes name;  /* a GUID; n = 0: it has none */
};
/* The volume at the start of `in`. */
RESULT fv_parse(struct bytes in, struct fv *ret);

struct fv_file {
	struct bytes name; /* a GUID */
	uint8_t type;
	struct bytes body; /* sections, or data without any */
};
struct fv_section {
	uint8_t type;
	struct bytes body;
};
/* The next of the files (sections) in `of`, over which `r` walks. `ret_end` tells that only free
 * space is left; then there is no file. */
RESULT fv_next_file(struct reader *r, struct bytes of, struct fv_file *ret, bool *ret_end);
RESULT fv_next_section(struct reader *r, struct bytes of, struct fv_section *ret);
