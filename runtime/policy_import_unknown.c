/* What a policy says and a manifest does not, so that nothing is left out in silence. */
#include "policy_import.h"

struct known {
	const char *pointer;	       /* to the object; "" is the container or the data */
	const char *const members[16]; /* read, or without effect in a guest of ours */
};

/* Annotations, namespaces and the host's paths have no effect on what runs; masked and read-only
 * paths are the guest's own business. */
static const struct known of_container[] = {
	{ "", { "OCI", "storages", "devices", "sandbox_pidns", "exec_commands",
		      "runtime_anno_patterns" } },
	{ "/OCI", { "Version", "Process", "Root", "Mounts", "Annotations", "Linux", "Hostname" } },
	{ "/OCI/Process",
		{ "Terminal", "User", "Args", "Env", "Cwd", "Capabilities", "NoNewPrivileges" } },
	{ "/OCI/Process/User", { "UID", "GID", "AdditionalGids" } },
	{ "/OCI/Root", { "Path", "Readonly" } },
	{ "/OCI/Linux", { "Namespaces", "MaskedPaths", "ReadonlyPaths", "Devices", "Sysctl" } },
};

/* What the host may copy, and what it may not do to interfaces and routes, no manifest loosens. */
static const struct known of_data[] = {
	{ "", { "containers", "common", "sandbox", "request_defaults", "devices", "cluster_config",
		      "kata_config" } },
	{ "/request_defaults",
		{ "CreateContainerRequest", "CopyFileRequest", "ExecProcessRequest",
			"UpdateRoutesRequest", "UpdateInterfaceRequest", "AddARPNeighborsRequest",
			"CloseStdinRequest", "ReadStreamRequest", "UpdateEphemeralMountsRequest",
			"WriteStreamRequest", "GetDiagnosticDataRequest" } },
	{ "/request_defaults/CreateContainerRequest", { "allow_env_regex" } },
	{ "/request_defaults/ExecProcessRequest", { "allowed_commands", "commands", "regex" } },
};

static bool is_known(const struct known *k, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(k->members) && k->members[i]; i++)
		if (str_equal(k->members[i], name))
			return true;
	return false;
}

/* Nothing is asked for by what is null, false or empty. */
static bool is_empty(const struct json *j)
{
	const char *text = json_string(j);
	bool on = true;

	if (text)
		return !text[0];
	if (json_bool(j, &on))
		return !on;
	return json_type(j) == JSON_NULL || (json_type(j) == JSON_ARRAY && json_count(j) == 0) ||
	       (json_type(j) == JSON_OBJECT && json_members(j) == 0);
}

static RESULT note_all(struct import *im, const struct json *root, const struct known *list,
	size_t n, const char *prefix)
{
	for (size_t i = 0; i < n; i++) {
		const struct json *object =
			list[i].pointer[0] ? json_pointer(root, list[i].pointer) : root;

		for (size_t k = 0; k < json_members(object); k++) {
			const char *name = json_name_at(object, k);

			if (is_known(&list[i], name) || is_empty(json_at(object, k)))
				continue;
			TRY(import_note(im,
				"%s%s/%.80s: not carried over: no rule of a manifest is known for "
				"it",
				prefix, list[i].pointer, name));
		}
	}
	return OK;
}

RESULT import_unknown(struct import *im, const struct json *container, const char *name)
{
	AUTO(auto_free) char *prefix = NULL;

	TRY(str_format(&prefix, "container %s: ", name));
	return note_all(im, container, of_container, ARRAY_LEN(of_container), prefix);
}

/* The pod's own /dev/shm is made by the guest. */
static RESULT note_storages(struct import *im)
{
	const struct json *all = json_pointer(im->data, "/sandbox/storages");

	for (size_t i = 0; i < json_count(all); i++) {
		const char *at = json_string(json_get(json_at(all, i), "mount_point"));

		if (!at || !str_ends(at, "/sandbox/shm"))
			TRY(import_note(
				im, "sandbox/storages: %s: not carried over", at ? at : "?"));
	}
	return OK;
}

RESULT import_unknown_data(struct import *im)
{
	TRY(note_storages(im));
	return note_all(im, im->data, of_data, ARRAY_LEN(of_data), "policy_data");
}
