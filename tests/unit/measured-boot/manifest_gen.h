/* A manifest with something of everything. */
#pragma once

#include <measured-boot/manifest.h>

void manifest_make(struct manifest *ret);
