/*
 * Every field of a pod is known here, or a person hears of it. What is not in a manifest is refused
 * by the guest, so an unknown field can make a pod fail, but opens nothing.
 */
#include "policy_work.h"

enum field_class {
	USED,	   /* it is in the manifest, or has no effect on what may run */
	NO_EFFECT, /* it protects, but the host may leave it out unseen */
	REFUSED	   /* no manifest can allow it */
};

struct field {
	const char *name;
	enum field_class class;
};

#define END                                                                                        \
	{                                                                                          \
		0                                                                                  \
	}

static const struct field pod_fields[] = {
	{ "activeDeadlineSeconds", USED },
	{ "affinity", USED },
	{ "automountServiceAccountToken", USED },
	{ "containers", USED },
	{ "dnsConfig", USED },
	{ "dnsPolicy", USED },
	{ "enableServiceLinks", USED },
	{ "ephemeralContainers", USED },
	{ "hostAliases", USED },
	{ "hostIPC", REFUSED },
	{ "hostNetwork", REFUSED },
	{ "hostPID", REFUSED },
	{ "hostname", USED },
	{ "imagePullSecrets", USED },
	{ "initContainers", USED },
	{ "nodeName", USED },
	{ "nodeSelector", USED },
	{ "os", USED },
	{ "overhead", USED },
	{ "preemptionPolicy", USED },
	{ "priority", USED },
	{ "priorityClassName", USED },
	{ "readinessGates", USED },
	{ "resourceClaims", REFUSED },
	{ "resources", USED },
	{ "restartPolicy", USED },
	{ "runtimeClassName", USED },
	{ "schedulerName", USED },
	{ "schedulingGates", USED },
	{ "securityContext", USED },
	{ "serviceAccount", USED },
	{ "serviceAccountName", USED },
	{ "setHostnameAsFQDN", USED },
	{ "shareProcessNamespace", USED },
	{ "subdomain", USED },
	{ "terminationGracePeriodSeconds", USED },
	{ "tolerations", USED },
	{ "topologySpreadConstraints", USED },
	{ "volumes", USED },
	END,
};

static const struct field pod_security_fields[] = {
	{ "appArmorProfile", NO_EFFECT },
	{ "fsGroup", USED },
	{ "fsGroupChangePolicy", USED },
	{ "runAsGroup", USED },
	{ "runAsNonRoot", NO_EFFECT },
	{ "runAsUser", USED },
	{ "seLinuxChangePolicy", NO_EFFECT },
	{ "seLinuxOptions", NO_EFFECT },
	{ "seccompProfile", NO_EFFECT },
	{ "supplementalGroups", USED },
	{ "supplementalGroupsPolicy", NO_EFFECT },
	{ "sysctls", USED },
	{ "windowsOptions", REFUSED },
	END,
};

static const struct field container_fields[] = {
	{ "args", USED },
	{ "command", USED },
	{ "env", USED },
	{ "envFrom", USED },
	{ "image", USED },
	{ "imagePullPolicy", USED },
	{ "lifecycle", USED },
	{ "livenessProbe", USED },
	{ "name", USED },
	{ "ports", USED },
	{ "readinessProbe", USED },
	{ "resizePolicy", USED },
	{ "resources", USED },
	{ "restartPolicy", USED },
	{ "securityContext", USED },
	{ "startupProbe", USED },
	{ "stdin", USED },
	{ "stdinOnce", USED },
	{ "targetContainerName", USED },
	{ "terminationMessagePath", USED },
	{ "terminationMessagePolicy", USED },
	{ "tty", USED },
	{ "volumeDevices", USED },
	{ "volumeMounts", USED },
	{ "workingDir", USED },
	END,
};

static const struct field container_security_fields[] = {
	{ "allowPrivilegeEscalation", USED },
	{ "appArmorProfile", NO_EFFECT },
	{ "capabilities", USED },
	{ "privileged", USED },
	{ "procMount", REFUSED },
	{ "readOnlyRootFilesystem", USED },
	{ "runAsGroup", USED },
	{ "runAsNonRoot", NO_EFFECT },
	{ "runAsUser", USED },
	{ "seLinuxOptions", NO_EFFECT },
	{ "seccompProfile", NO_EFFECT },
	{ "windowsOptions", REFUSED },
	END,
};

static const struct field *find(const struct field *table, const char *name)
{
	for (; table->name; table++)
		if (str_equal(table->name, name))
			return table;
	return NULL;
}

/* false, nothing and the default ask for nothing. */
static bool asks(const struct json *of, const char *name)
{
	const struct json *v = json_get(of, name);
	const char *text = json_string(v);

	if (text)
		return policy_is_true(of, name) ||
		       !(str_equal(text, "false") || str_equal(text, "False") ||
			       str_equal(text, "no") || str_equal(text, "off") ||
			       str_equal(text, "Default") || str_equal(text, ""));
	return json_count(v) > 0;
}

struct place {
	const struct policy_work *work;
	const char *container; /* NULL: of the pod */
	const char *prefix;    /* "securityContext." */
};

static RESULT check_field(
	const struct place *p, const struct json *of, const struct field *table, const char *name)
{
	const struct field *f = find(table, name);
	const char *what = p->container ? "container " : "pod",
		   *who = p->container ? p->container : "";

	if (!f)
		return policy_note(p->work,
			"%s%s: %s%s is unknown to this version: nothing of it is in the manifest, "
			"and "
			"what is not in it is refused",
			what, who, p->prefix, name);
	if (f->class == USED || !asks(of, name))
		return OK;
	if (f->class == REFUSED)
		return err_new(ERR_UNSUPPORTED,
			"%s%s: %s%s: a guest of its own cannot have it, and no manifest allows it",
			what, who, p->prefix, name);
	return policy_note(p->work,
		"%s%s: %s%s is up to the host, which may leave it out: count on nothing of it",
		what, who, p->prefix, name);
}

static RESULT check_fields(const struct place *p, const struct json *of, const struct field *table)
{
	for (size_t i = 0; i < json_members(of); i++)
		TRY(check_field(p, of, table, json_name_at(of, i)));
	return OK;
}

RESULT policy_check_pod(const struct policy_work *w)
{
	struct place p = { .work = w, .prefix = "" };

	TRY(check_fields(&p, w->spec, pod_fields));
	if (policy_is_false(w->spec, "hostUsers"))
		return err_new(ERR_UNSUPPORTED,
			"pod: hostUsers: user namespaces of the host end at "
			"the guest; leave it out");
	p.prefix = "securityContext.";
	return check_fields(&p, json_get(w->spec, "securityContext"), pod_security_fields);
}

/* GPUs and other devices of the host. */
static RESULT check_limits(const struct policy_container *c)
{
	const struct json *limits = json_pointer(c->json, "/resources/limits");

	for (size_t i = 0; i < json_members(limits); i++) {
		const char *name = json_name_at(limits, i);

		if (strchr(name, '/'))
			TRY(policy_note(c->work,
				"container %s: %s: the device has to be added to `devices` by hand",
				c->name, name));
	}
	return OK;
}

RESULT policy_check_container(const struct policy_container *c)
{
	struct place p = { .work = c->work, .container = c->name, .prefix = "" };

	TRY(check_fields(&p, c->json, container_fields));
	TRY(check_limits(c));
	p.prefix = "securityContext.";
	return check_fields(&p, json_get(c->json, "securityContext"), container_security_fields);
}
