/*
 * Pod manifest: the closed world of what may run in the pod (docs/manifest.md). It comes from
 * initdata, so it is bound to the launch; what it is compared with comes from the host.
 */
#pragma once

#include <base/json.h>

enum {
	MANIFEST_VERSION = 1,
	MANIFEST_SIZE_MAX = 512 * 1024,
	MANIFEST_CONTAINERS_MAX = 64,
	MANIFEST_LIST_MAX = 256,   /* arguments, variables, mounts, ... of one container */
	MANIFEST_STRING_MAX = 4096 /* one of their values */
};

/* What a volume is made of; see docs/manifest.md. */
#define MANIFEST_VOLUME_KINDS(X)                                                                   \
	X(FILES, "files")                                                                          \
	X(MEMORY, "memory")                                                                        \
	X(ENCRYPTED, "encrypted")                                                                  \
	X(DISK, "disk")                                                                            \
	X(IMAGE, "image")

enum manifest_volume_kind {
#define X(kind, name) MANIFEST_VOLUME_##kind,
	MANIFEST_VOLUME_KINDS(X)
#undef X
};

struct manifest_volume {
	char *at;	/* absolute path in the container */
	char *kind;	/* word; manifest_volume_kind() */
	char *name;	/* of the pod's volume; NULL: of this place only */
	bool read_only; /* must be mounted so */
	bool sealed;	/* of kind `files`: sealed secrets in it are unsealed */
	uint64_t size;	/* bytes, of kinds `memory` and `encrypted`; 0: as the host says */
	/* Of kind `encrypted`, when it outlives the pod: */
	char *key;	 /* "kbs://..."; NULL: a key of the guest's, gone with it */
	char *integrity; /* "hmac-sha256" (NULL too) or "none" */
	bool create;	 /* an empty device becomes the volume */
};

struct manifest_container {
	char *name;
	char *image;	      /* reference as asked for, or a pattern */
	struct strv argv;     /* empty: the image's entry point and command */
	struct json_map env;  /* in addition to the image's */
	struct strv env_also; /* "NAME=value" or patterns over it, for names not known before */
	char *cwd;	      /* NULL: the image's */
	char *user;	      /* "UID:GID", "UID" or a pattern; NULL: the image's */
	struct strv groups;   /* numbers of supplementary groups, besides the image's */
	struct strv capabilities;
	struct strv mounts;	  /* destinations in the container */
	struct json_list volumes; /* of struct manifest_volume */
	struct strv devices;	  /* device nodes of the guest, by path */
	const struct json *exec;  /* array of argument arrays; may be NULL */
	bool new_privileges;	  /* set-user-ID programs may raise privileges */
	bool privileged;	  /* writable /sys, all devices of the guest, nothing masked */
	bool readonly_rootfs;
	struct strv after;     /* containers that must have been started before */
	struct strv completed; /* containers that must have ended with 0 before */
};

struct manifest {
	uint64_t version;
	struct json_list containers; /* of struct manifest_container */
	struct strv allow;	     /* "logs", "signal", "stdin", "stats" */
	bool shared_pid;	     /* containers see each other's processes */
	struct json_map sysctls;     /* kernel settings of the pod, literal */
	struct json *tree;	     /* .exec points into it */
};

/* Everything is checked here, patterns too, so that later comparisons cannot fail for a reason
 * other than the request. ERR_FORMAT or ERR_LIMIT names the field. */
RESULT manifest_parse(struct bytes text, struct manifest *ret_manifest);
void manifest_done(struct manifest *m);
const struct manifest_container *manifest_container_at(const struct manifest *m, size_t i);

/* The volume at that place of the container; NULL: none is listed. */
const struct manifest_volume *manifest_volume_at(
	const struct manifest_container *c, const char *destination);
enum manifest_volume_kind manifest_volume_kind(const struct manifest_volume *v);
/* Blocks of a volume with a key carry a keyed digest each. */
bool manifest_volume_authentic(const struct manifest_volume *v);

/* A value that begins with '~' is an anchored POSIX extended regular expression. */
bool manifest_is_pattern(const char *rule);
bool manifest_matches(const char *rule, const char *value);
/* None of the values is a pattern (true for none). */
bool manifest_all_literal(const struct strv *rules);
/*
 * Whether a reference that a host asks for is the one of the rule. "NAME:TAG@DIGEST" is asked for
 * by tag, by digest or by both, and Docker's short names are the long ones.
 */
bool manifest_image_matches(const char *rule, const char *asked);
/* What is pulled then: the rule itself if it has a digest, so that a tag decides nothing. */
const char *manifest_image_to_pull(const char *rule, const char *asked);
/* "1000": the image says which group the user has. */
bool manifest_user_is_uid(const char *user);
/* The literal user "UID:GID". */
RESULT manifest_user_parse(const char *user, uint32_t *ret_uid, uint32_t *ret_gid);
