/* Reading what headers, requests and images share. */
#pragma once

#include "s390-se/se.h"

#include <base/reader.h>

void se_read_slots(struct reader *r, size_t n, struct se_slot slots[SE_SLOTS_MAX]);

/* Where an image says that its header and its IPL parameter block are; false: it does not say. */
bool se_metadata_read(struct bytes image, uint64_t *ret_header, uint64_t *ret_ipib);
