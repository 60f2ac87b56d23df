/* The shared library is the whole of module `verify`; a library needs a source of its own. */
#include <sealpod/verify.h>
