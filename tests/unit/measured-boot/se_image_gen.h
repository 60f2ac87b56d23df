/* What Secure Execution images are made of in tests: a kernel, loaders and hosts that are none. */
#pragma once

#include <measured-boot/se_image.h>

enum {
	SE_GEN_KERNEL = 0x10800,
	SE_GEN_INITRD = 5000,
	SE_GEN_STAGE3A = 0x1100,
	SE_GEN_STAGE3B = 700,
	SE_GEN_CMDLINE_ROOM = 64,
	SE_GEN_TWEAKS = 4 * SE_TWEAK_RANDOM,
};

struct se_gen {
	struct buf kernel, initrd, stage3a, stage3b;
	struct key *customer, *hosts[2], *hosts_public[2];
	uint8_t header_key[SE_KEY_SIZE], image_key[SE_IMAGE_KEY], cck[SE_CCK], iv[SE_IV_SIZE],
		tweaks[SE_GEN_TWEAKS];
	struct se_image_make make; /* of all that, with every key given, for both hosts */
};
/* In place: `make` has views of it. Keys of curves are the same in every run. */
void se_gen_init(struct se_gen *g);
void se_gen_done(struct se_gen *g);
