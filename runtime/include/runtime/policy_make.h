/*
 * Pod manifests from what people give to kubectl: which process each container is, what its
 * environment, user, capabilities and mounts may be, as kubelet and the container engines (the CRI
 * plugin of containerd 1.6, CRI-O) will ask for it.
 */
#pragma once

#include <base/json.h>
#include <policy/image_config.h>

enum {
	POLICY_DOCUMENTS_MAX = 1024,
	POLICY_MANIFEST_MAX = 512 * 1024
};

/* An object that makes pods, or is one. All of it belongs to the documents' trees. */
struct policy_workload {
	const struct json *object;
	const struct json *pod;	 /* metadata and spec: the object itself or its template */
	const char *kind, *name; /* name NULL: made up by the server */
	const char *namespace;	 /* NULL: not said */
};
/* The next one among the documents of pod_yaml_parse(), from *at on; false: no more. */
bool policy_workload_next(
	const struct json *documents, size_t *at, struct policy_workload *ret_workload);

/* What an image brings. */
struct policy_image {
	char *reference; /* as the manifest shall have it: "NAME:TAG@DIGEST" */
	bool known;	 /* .config was read */
	struct image_config config;
};
void policy_image_done(struct policy_image *i);
typedef struct err policy_image_fn(void *arg, const char *reference, struct policy_image *ret);

/* A command line that may be started in a running container. */
struct policy_exec {
	const char *container; /* NULL: in each */
	struct strv argv;      /* rules of the manifest */
};

struct policy_options {
	policy_image_fn *image;
	void *image_arg;
	const struct json *const *objects; /* documents with ConfigMaps and Secrets */
	size_t n_objects;
	const struct policy_exec *exec;
	size_t n_exec;
	/* "VOLUME=kbs://...", ",create" and ",no-integrity" may follow: disks with a key of the
	 * broker. May be NULL. */
	const struct strv *volume_keys;
	bool logs, input;     /* may be read, may be written */
	bool free_references; /* variables of objects that are not given may be anything */
};

/*
 * The manifest of one pod, as indented JSON that manifest_parse() takes. `notes` gets a line for
 * each thing that a person should know. ERR_UNSUPPORTED: a setting that no manifest can allow;
 * ERR_NOT_FOUND: an object that is not given; ERR_FORMAT: not what Kubernetes takes. Each names the
 * container and the field.
 */
RESULT policy_make(const struct policy_options *options, const struct policy_workload *workload,
	struct buf *manifest, struct strv *notes);

/*
 * The YAML with the annotation in each pod, in the order of policy_workload_next(); a value that is
 * NULL leaves that pod as it is. All other bytes stay. ERR_UNSUPPORTED names the line where the
 * annotations are written in a way that cannot be added to. The text was taken by pod_yaml_parse().
 */
RESULT policy_annotate(
	struct bytes yaml, const char *name, char *const *values, size_t n_values, struct buf *out);
