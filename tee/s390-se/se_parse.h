/* Reading what headers and requests share. */
#pragma once

#include "s390-se/se.h"

#include <base/reader.h>

void se_read_slots(struct reader *r, size_t n, struct se_slot slots[SE_SLOTS_MAX]);
