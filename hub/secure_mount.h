/* SecureMount (spec: guest-components 3.6): volume type `block-device`, encryption `luks2`. */
#pragma once

#include <base/buf.h>

enum secure_source {
	SECURE_EMPTY,	 /* becomes a new volume */
	SECURE_ENCRYPTED /* has one */
};

struct secure_mount {
	enum secure_source source;
	char *device;	   /* "/dev/..."; NULL: by its numbers */
	char *device_id;   /* "MAJ:MIN" */
	char *key;	   /* "kbs://..." or "sealed...."; NULL: one that nobody else has */
	char *mapper_name; /* NULL: one is made up */
	char *mkfs_options;
	char *mount_point;
	bool link;	/* targetType device: mount_point becomes a symbolic link to it */
	bool authentic; /* dataIntegrity */
	bool create;	/* an empty device becomes a volume with that key */
};
/* The request's bytes. ERR_UNSUPPORTED, ERR_FORMAT name the option; one that is not known is
 * refused, because it may have been meant to protect. */
RESULT secure_mount_parse(struct bytes payload, struct secure_mount *ret_mount);
void secure_mount_done(struct secure_mount *m);
