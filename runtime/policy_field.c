/* The downward API: what a pod hears of itself (Kubernetes, pkg/fieldpath, pkg/api/v1/resource). */
#include "policy_work.h"
#include "runtime/pod_size.h"

#include <inttypes.h>

/* ---- labels and annotations: metadata.labels['name'] ---- */

static RESULT subscript(const char *path, char **ret_key)
{
	const char *open = strstr(path, "['"), *close = strstr(path, "']");

	if (!open || !close || close < open + 2 || close[2])
		return err_new(ERR_FORMAT, "fieldRef %s: not NAME['KEY']", path);
	return bytes_to_str(bytes_of(open + 2, (size_t)(close - open) - 2), ret_key);
}

static RESULT labelled(const struct policy_container *c, const char *path, char **ret_rule)
{
	bool label = str_starts(path, "metadata.labels");
	AUTO(auto_free) char *key = NULL;
	const char *value;

	TRY(subscript(path, &key));
	value = policy_text(json_pointer(c->work->workload->pod,
				    label ? "/metadata/labels" : "/metadata/annotations"),
		key);
	if (value)
		return policy_rule_of(value, ret_rule);
	TRY(policy_note(c->work,
		"container %s: %s is not in the pod's YAML: the host chooses its value", c->name,
		path));
	return str_dup("~.*", ret_rule);
}

/* ---- the rest of fieldRef ---- */

static RESULT namespace_rule(const struct policy_container *c, char **ret_rule)
{
	const char *name = c->work->workload->namespace;

	return name ? policy_rule_of(name, ret_rule) : str_dup("~" POLICY_NAME_PATTERN, ret_rule);
}

static RESULT account_rule(const struct policy_container *c, char **ret_rule)
{
	const char *name = policy_text(c->work->spec, "serviceAccountName");

	if (!name)
		name = policy_text(c->work->spec, "serviceAccount");
	return policy_rule_of(name ? name : "default", ret_rule);
}

static RESULT field_rule(const struct policy_container *c, const char *path, char **ret_rule)
{
	static const struct {
		const char *path, *pattern;
	} free_fields[] = {
		{ "metadata.uid", "~[-0-9a-fA-F]+" },
		{ "spec.nodeName", "~" POLICY_NAME_PATTERN },
		{ "status.hostIP", "~" POLICY_IP_PATTERN },
		{ "status.podIP", "~" POLICY_IP_PATTERN },
		{ "status.hostIPs", "~[0-9a-fA-F.:,]+" },
		{ "status.podIPs", "~[0-9a-fA-F.:,]+" },
	};

	if (str_equal(path, "metadata.name"))
		return policy_pod_name(c->work->workload, ret_rule);
	if (str_equal(path, "metadata.namespace"))
		return namespace_rule(c, ret_rule);
	if (str_equal(path, "spec.serviceAccountName"))
		return account_rule(c, ret_rule);
	if (str_starts(path, "metadata.labels[") || str_starts(path, "metadata.annotations["))
		return labelled(c, path, ret_rule);
	for (size_t i = 0; i < ARRAY_LEN(free_fields); i++)
		if (str_equal(path, free_fields[i].path))
			return str_dup(free_fields[i].pattern, ret_rule);
	return err_new(ERR_UNSUPPORTED, "container %s: fieldRef %s: unknown", c->name, path);
}

/* ---- resourceFieldRef ---- */

static const struct json *container_named(const struct policy_container *c, const char *name)
{
	const struct json *all = json_get(c->work->spec, "containers");

	for (size_t i = 0; name && i < json_count(all); i++) {
		const char *have = policy_text(json_at(all, i), "name");

		if (have && str_equal(have, name))
			return json_at(all, i);
	}
	return c->json;
}

/* Rounded up to whole divisors; processors count in thousandths, the rest in units. */
static RESULT quotient(const char *quantity, const char *divisor, uint64_t *ret_v)
{
	uint64_t v = 0, unit = 0;

	TRY(pod_quantity(quantity, "resourceFieldRef", &v));
	TRY(pod_quantity(divisor, "divisor", &unit));
	if (unit == 0)
		unit = 1000; /* "0" is the default, one */
	*ret_v = v / unit + (v % unit != 0);
	return OK;
}

/* Without a limit it is the node's. */
static RESULT resource_rule(
	const struct policy_container *c, const struct json *reference, char **ret_rule)
{
	const char *resource = policy_text(reference, "resource"),
		   *divisor = policy_text(reference, "divisor"), *quantity = NULL;
	const struct json *of =
		json_get(container_named(c, policy_text(reference, "containerName")), "resources");
	uint64_t v = 0;

	if (!resource)
		return err_new(ERR_FORMAT, "container %s: resourceFieldRef: no resource", c->name);
	if (str_starts(resource, "limits."))
		quantity = policy_text(json_get(of, "limits"), resource + strlen("limits."));
	else if (str_starts(resource, "requests."))
		quantity = policy_text(json_get(of, "requests"), resource + strlen("requests."));
	if (!quantity)
		return str_dup("~" POLICY_NUMBER_PATTERN, ret_rule);
	TRY(quotient(quantity, divisor ? divisor : "1", &v));
	return str_format(ret_rule, "%" PRIu64, v);
}

RESULT policy_field(
	const struct policy_container *c, const struct json *value_from, char **ret_rule)
{
	const char *path = policy_text_at(value_from, "/fieldRef/fieldPath");
	const struct json *resource = json_get(value_from, "resourceFieldRef");

	if (path)
		return field_rule(c, path, ret_rule);
	if (resource)
		return resource_rule(c, resource, ret_rule);
	return err_new(ERR_UNSUPPORTED, "container %s: valueFrom: %s is unknown", c->name,
		json_name_at(value_from, 0));
}
