/* What sealpod-kbs can still do once it listens. */
#pragma once

#include "config.h"

/* No capability, no new process, no outgoing connection, no file but the store's and the audit
 * log's directories. */
RESULT kbs_sandbox_enter(const struct kbs_config *c);
