#include "path.h"

static void start(struct path *p, const struct digest_value *initdata)
{
	(void)initdata;
	buf_puts(&p->references, "{\"launch_digest\":[\"abcde\"],\"svn\":[\"1\"]}");
}

static void stop(struct path *p)
{
	(void)p;
}

const struct path_platform path_sample = {
	.platform = "sample",
	.simulated = true,
	.unknown_code = "sample.launch-unknown",
	.unknown_field = "sample.launch_digest",
	.start = start,
	.stop = stop,
	.refused = {
		{ "other initdata", NULL, true, "initdata.unknown", "init_data" },
	},
};
