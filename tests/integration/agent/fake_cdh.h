/* A confidential data hub for tests: "pulls" one static busybox as every image. */
#pragma once

#include <base/err.h>

/* Serves on the socket until killed. References that hold "unsigned" are refused as an image policy
 * would refuse them. */
_Noreturn void fake_cdh_main(const char *socket);
/* A root file system of busybox and its image.json below `bundle`. */
struct err fake_cdh_rootfs(const char *bundle);
