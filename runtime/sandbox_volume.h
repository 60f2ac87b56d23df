/* What becomes of one mount of config.json: the first rule that fits. (Kata Containers, volume
 * handling of the runtime) */
#pragma once

#include "runtime/config.h"
#include "runtime/oci_json.h"

#define GUEST_SHARED	"/run/kata-containers/shared/containers"
#define GUEST_SANDBOX	"/run/kata-containers/sandbox"
#define GUEST_SHM	GUEST_SANDBOX "/shm"
#define GUEST_EPHEMERAL GUEST_SANDBOX "/ephemeral"
#define GUEST_STORAGE	GUEST_SANDBOX "/storage"

enum volume_kind {
	VOLUME_KEEP,	  /* as it is: file systems of the guest itself */
	VOLUME_SHM,	  /* the pod's /dev/shm */
	VOLUME_MEMORY,	  /* emptyDir of medium Memory: tmpfs of the guest */
	VOLUME_DISK,	  /* emptyDir: encrypted file of the host */
	VOLUME_LOCAL,	  /* emptyDir: directory in the guest's memory */
	VOLUME_BLOCK,	  /* a block device of the host */
	VOLUME_DIRECT,	  /* a block device assigned by mountInfo.json */
	VOLUME_HUGEPAGES, /* hugetlbfs */
	VOLUME_SHARE,	  /* by virtio-fs */
	VOLUME_COPY,	  /* file or directory, once */
	VOLUME_WATCH,	  /* directory, and its changes */
	VOLUME_SKIP	  /* sockets and such without a shared file system: left out */
};

enum volume_source {
	SOURCE_ABSENT,
	SOURCE_FILE,
	SOURCE_DIR,
	SOURCE_BLOCK,
	SOURCE_OTHER
};

/* What the host says of a mount's source. */
struct volume_facts {
	enum volume_source source;
	bool tmpfs, hugetlbfs, direct;
	uint32_t gid;
	uint64_t fs_size;   /* bytes of its file system */
	uint64_t page_size; /* of a hugetlbfs */
};

struct volume_rules {
	bool shared; /* a virtio-fs share is there */
	enum runtime_empty_dir empty_dir;
};

/* Pure. ERR_NOT_FOUND: a bind mount of nothing. */
RESULT volume_decide(const Oci__Mount *m, const struct volume_facts *f,
	const struct volume_rules *r, enum volume_kind *ret_kind);
/* Looks at the host; missing sources are SOURCE_ABSENT. */
struct volume_facts volume_facts(const Oci__Mount *m);

bool volume_is_bind(const Oci__Mount *m);
/* The value of option "name=value"; NULL: none. */
const char *volume_option(const Oci__Mount *m, const char *name);
bool volume_has_option(const Oci__Mount *m, const char *option);
/* The last component of a path, never empty. */
const char *volume_basename(const char *path);
/* Directory with mountInfo.json of a direct volume; the caller frees. */
RESULT volume_direct_dir(const char *source, char **ret_path);
