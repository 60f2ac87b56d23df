/* Putting the agent together, in a guest and on a plain host. */
#pragma once

#include "agent.h"

#define INITDATA_DIR "confidential-containers/initdata" /* below the run directory */

RESULT agent_init(struct agent *a, const struct settings *set);
void agent_done(struct agent *a);
/* Takes the manifest from an initdata document; what is wrong with it is what every CreateContainer
 * answers. A document that does not parse is a failure. */
RESULT agent_load_initdata(struct agent *a, struct bytes toml);
/* initdata.toml, aa.toml, cdh.toml below <run_dir>/INITDATA_DIR. */
RESULT agent_write_initdata(const struct agent *a, struct bytes toml);
RESULT agent_serve(struct agent *a, const char *address);

/* PID 1. Ends with the machine. */
_Noreturn void init_main(void);
