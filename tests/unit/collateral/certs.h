/* Certificates to put into stores. */
#pragma once

#include "util.h"

enum {
	CERT_NOW = 1800000000,
	CERT_DAY = 24 * 60 * 60,
};

/* Self-signed, valid a day before CERT_NOW and `days` after. The caller frees with buf_done(). */
struct buf cert_make(const char *name, int days);
