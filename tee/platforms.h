/* The rows of the platform table: one const struct each, beside the code of its platform. */
#pragma once

#include <tee/tee.h>

extern const struct tee tee_vtpm;
extern const struct tee tee_sample;

/* Guest halves (library tee-guest). */
extern const struct tee_guest_ops vtpm_guest_ops;
extern const struct tee_guest_ops sample_guest_ops;
