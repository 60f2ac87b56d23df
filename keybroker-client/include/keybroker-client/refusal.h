/* What a broker's answer other than 200 means. */
#pragma once

#include <base/bytes.h>
#include <base/err.h>

/*
 * Turns it into an error: the broker's denial when the body has one, else its "detail".
 * 401 -> ERR_UNVERIFIED, 403 -> ERR_DENIED, 404 -> ERR_NOT_FOUND, 400 -> ERR_FORMAT, others
 * ERR_PEER.
 */
struct err kbs_refusal(int status, struct bytes body);
