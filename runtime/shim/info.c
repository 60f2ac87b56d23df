#include "program.h"
#include "shim.h"

#include <containerd.pb-c.h>

#include <net/pb.h>

#ifndef SEALPOD_VERSION
#define SEALPOD_VERSION "0.1.0"
#endif

RESULT shim_info(const char *handler, struct buf *out)
{
	Containerd__RuntimeInfo r = CONTAINERD__RUNTIME_INFO__INIT;
	Containerd__RuntimeVersion v = CONTAINERD__RUNTIME_VERSION__INIT;
	AUTO(auto_free) char *name = NULL;

	TRY(str_format(&name, "io.containerd.%s.v2", handler));
	r.name = name;
	v.version = text_of(SEALPOD_VERSION);
	r.version = &v;
	return pb_pack(&r.base, out);
}
