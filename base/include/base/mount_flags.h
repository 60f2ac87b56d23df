/* Words of mount(8) that are flags of mount(2); others are the file system's own. */
#pragma once

#include <stdbool.h>

/* false: the word is no flag. Propagation is not among them: it is no setting of one mount. */
bool mount_flag_apply(const char *word, unsigned long *flags);
