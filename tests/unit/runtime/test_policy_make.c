/* From Kubernetes YAML to the pod manifest. */
#include "util.h"

#include <policy/manifest.h>
#include <runtime/pod_size.h>
#include <runtime/policy_make.h>

/* An image for every reference: entry point, command and a volume of its own. */
static struct err find_image(void *arg, const char *reference, struct policy_image *ret)
{
	(void)arg;
	TRY(str_format(&ret->reference, "%s@sha256:0d5f", reference));
	ret->known = true;
	return image_config_parse(
		bytes_str("{\"config\":{\"Entrypoint\":[\"/entry\",\"~\"],\"Cmd\":[\"run\"],"
			  "\"Volumes\":{\"/var/lib/app\":{}}}}"),
		&ret->config);
}

struct made {
	struct json *documents;
	struct buf json;
	struct strv notes;
	struct manifest m;
};

static void made_done(struct made *d)
{
	json_free(d->documents);
	buf_done(&d->json);
	strv_done(&d->notes);
	manifest_done(&d->m);
}

/* A volume of this name has a key of the broker. */
static char *key_texts[] = { (char[]){ "key=kbs:///a/b/c,create,no-integrity" } };
static const struct strv keys = { key_texts, 1 };

static struct err make_with(const char *yaml, struct policy_options o, struct made *d)
{
	struct policy_workload w;
	size_t at = 0;
	struct err e;

	*d = (struct made){ .json = BUF_INIT(POLICY_MANIFEST_MAX) };
	e = pod_yaml_parse(bytes_str(yaml), &d->documents);
	if (failed(e))
		return e;
	if (!policy_workload_next(d->documents, &at, &w))
		return err_new(ERR_NOT_FOUND, "no pod");
	const struct json *documents[] = { d->documents };
	o.image = find_image;
	o.objects = documents;
	o.n_objects = 1;
	o.volume_keys = &keys;
	e = policy_make(&o, &w, &d->json, &d->notes);
	return failed(e) ? e : manifest_parse(buf_bytes(&d->json), &d->m);
}

static struct err make(const char *yaml, struct made *d)
{
	return make_with(yaml, (struct policy_options){ 0 }, d);
}

#define POD(spec)                                                                                  \
	"apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {app: shop}}\nspec:\n" spec
/* One container with these further members, in flow style. */
#define ONE(members) POD(" containers: [{name: a, image: 'r.example/app:1'" members "}]\n")

static void test_values(void **state)
{
	(void)state;
	/* What is looked for is in the compact manifest. */
	static const struct {
		const char *yaml, *part;
	} rows[] = {
		{ ONE(""), "\"image\":\"r.example/app:1@sha256:0d5f\"" },
		{ ONE(", command: [a, b]"), "\"argv\":[\"a\",\"b\"]" },
		{ ONE(", args: [x]"), "\"argv\":[\"/entry\",\"~~\",\"x\"]" },
		{ ONE(", command: [a], args: ['$$(A)', '$(A)', '$', '$x', '$(']"),
			"\"argv\":[\"a\",\"$(A)\",\"$(A)\",\"$\",\"$x\",\"$(\"]" },
		{ ONE(", env: [{name: A, value: x.y}, {name: B, value: '$(A)-$(C)'}]"),
			"\"B\":\"x.y-$(C)\"" },
		{ ONE(", env: [{name: B, value: '$(A)'}, {name: A, value: x}]"), "\"B\":\"$(A)\"" },
		{ ONE(", env: [{name: A, value: ~}]"), "\"A\":\"\"" },
		{ ONE(", env: [{name: A, value: '~'}]"), "\"A\":\"~~\"" },
		{ ONE(", env: [{name: A, value: '~a.b'}]"), "\"A\":\"~~a\\\\.b\"" },
		{ ONE(", env: [{name: N, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]"),
			"\"N\":\"web\"" },
		{ ONE(", env: [{name: N, valueFrom: {fieldRef: {fieldPath: status.podIP}}}, "
		      "{name: U, value: 'http://$(N)/a.b'}]"),
			"\"U\":\"~http://[0-9a-fA-F.:]+/a\\\\.b\"" },
		{ ONE(", env: [{name: N, valueFrom: {fieldRef: {fieldPath: "
		      "\"metadata.labels['app']\"}}}]"),
			"\"N\":\"shop\"" },
		{ ONE(", resources: {limits: {cpu: 1500m, memory: 1Gi}}, env: [{name: C, "
		      "valueFrom: {resourceFieldRef: {resource: limits.cpu}}}]"),
			"\"C\":\"2\"" },
		{ ONE(", resources: {limits: {memory: 1Gi}}, env: [{name: C, valueFrom: "
		      "{resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}]"),
			"\"C\":\"1024\"" },
		{ ONE(", env: [{name: C, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}]"),
			"\"C\":\"~[0-9]+\"" },
		{ ONE(", tty: true"), "\"TERM\":\"xterm\"" },
		{ ONE(", workingDir: /srv"), "\"cwd\":\"/srv\"" },
		{ ONE(", securityContext: {runAsUser: 7}"), "\"user\":\"7\"" },
		{ ONE(", securityContext: {runAsUser: 7, runAsGroup: 8}"), "\"user\":\"7:8\"" },
		{ ONE("") " securityContext: {runAsUser: 9, fsGroup: 3, supplementalGroups: [4, "
			  "5]}\n",
			"\"user\":\"9\",\"groups\":[\"3\",\"4\",\"5\"]" },
		{ ONE(", securityContext: {capabilities: {drop: [ALL]}}"), "\"capabilities\":[]" },
		{ ONE(", securityContext: {capabilities: {drop: [ALL], add: [NET_ADMIN, "
		      "CAP_CHOWN]}}"),
			"\"capabilities\":[\"CAP_CHOWN\",\"CAP_NET_ADMIN\"]" },
		{ ONE(", securityContext: {allowPrivilegeEscalation: true}"),
			"\"new_privileges\":true" },
		{ ONE(", securityContext: {readOnlyRootFilesystem: true}"),
			"\"readonly_rootfs\":true" },
		{ ONE(", livenessProbe: {exec: {command: [ls, -l]}}"),
			"\"exec\":[[\"ls\",\"-l\"]]" },
		{ ONE(", lifecycle: {preStop: {exec: {command: ['$(A)']}}}, env: [{name: A, value: "
		      "x}]"),
			"\"exec\":[[\"$(A)\"]]" },
		{ ONE(", startupProbe: {exec: {command: ['$(A)']}}, env: [{name: A, value: x}]"),
			"\"exec\":[[\"x\"]]" },
		{ ONE(", stdin: true"), "\"allow\":[\"signal\",\"stats\",\"stdin\"]" },
		{ ONE("") " shareProcessNamespace: true\n", "\"shared_pid\":true" },
		{ ONE("") " securityContext: {sysctls: [{name: net.core.somaxconn, value: "
			  "1024}]}\n",
			"\"sysctls\":{\"net.core.somaxconn\":\"1024\"}" },
		{ ONE(", securityContext: {privileged: true}"),
			"\"CAP_WAKE_ALARM\"],\"privileged\":true,\"new_privileges\":true" },
		{ ONE(""), "{\"at\":\"/var/lib/app\",\"kind\":\"image\"}" },
		{ ONE(", volumeMounts: [{name: v, mountPath: /v}]") " volumes: [{name: v, "
								    "emptyDir: {}}]\n",
			"{\"at\":\"/v\",\"kind\":\"encrypted\",\"name\":\"v\"}" },
		{ ONE(", volumeMounts: [{name: v, mountPath: /v, readOnly: true}]") " volumes: "
										    "[{name: v, "
										    "emptyDir: "
										    "{medium: "
										    "Memory, "
										    "sizeLimit: "
										    "1Ki}}]\n",
			"{\"at\":\"/"
			"v\",\"kind\":\"memory\",\"name\":\"v\",\"read_only\":true,\"size\":"
			"1024}" },
		{ ONE(", volumeMounts: [{name: v, mountPath: /v}]") " volumes: [{name: v, "
								    "persistentVolumeClaim: "
								    "{claimName: x}}]\n",
			"{\"at\":\"/v\",\"kind\":\"disk\",\"name\":\"v\"}" },
		{ ONE(", volumeMounts: [{name: v, mountPath: /v, subPath: s}]") " volumes: [{name: "
										"v, emptyDir: "
										"{}}]\n",
			"{\"at\":\"/v\",\"kind\":\"files\"}" },
		{ ONE(", volumeMounts: [{name: v, mountPath: /etc/hosts}]") " volumes: [{name: v, "
									    "configMap: {name: "
									    "x}}]\n",
			"\"volumes\":[{\"at\":\"/etc/hosts\",\"kind\":\"files\"},{\"at\":\"/etc/"
			"hostname\"" },
		{ ONE(", volumeMounts: [{name: v, mountPath: /v}]") " volumes: [{name: v, secret: "
								    "{secretName: s}}]\n",
			"{\"at\":\"/v\",\"kind\":\"files\",\"sealed\":true}" },
		{ ONE(", volumeMounts: [{name: v, mountPath: /v}]") " volumes: [{name: v, "
								    "projected: "
								    "{sources: [{secret: {}}]}}]\n",
			"{\"at\":\"/v\",\"kind\":\"files\",\"sealed\":true}" },
		{ ONE(", volumeMounts: [{name: key, mountPath: /v}]") " volumes: [{name: key, "
								      "persistentVolumeClaim: "
								      "{claimName: x}}]\n",
			"{\"at\":\"/v\",\"kind\":\"encrypted\",\"name\":\"key\","
			"\"key\":\"kbs:///a/b/c\",\"create\":true,\"integrity\":\"none\"}" },
		{ ONE(", volumeDevices: [{name: v, devicePath: /dev/xvda}]"),
			"\"devices\":[\"/dev/xvda\"]" },
		{ ONE(", envFrom: [{prefix: P_, configMapRef: {name: c}}], env: [{name: P_A, "
		      "value: "
		      "own}]") "---\nkind: ConfigMap\nmetadata: {name: c}\ndata: {A: x, B: y}\n",
			"\"P_A\":\"own\",\"P_B\":\"y\"" },
		{ ONE(", env: [{name: S, valueFrom: {secretKeyRef: {name: s, key: k}}}]") "---"
											  "\nkind: "
											  "Secret\n"
											  "metadata"
											  ": "
											  "{name: "
											  "s}"
											  "\ndata: "
											  "{k: "
											  "aHVudGVy"
											  "Mg==}\n",
			"\"S\":\"hunter2\"" },
		{ ONE(", env: [{name: S, valueFrom: {secretKeyRef: {name: s, key: k, optional: "
		      "true}}}]"),
			"\"env\":{\"HOSTNAME\":\"~[-a-z0-9.]+\"}" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(POLICY_MANIFEST_MAX);
		AUTO(made_done) struct made d;

		print_message("  row %zu\n", i);
		assert_ok(make(rows[i].yaml, &d));
		json_print(d.m.tree, &text);
		if (!strstr(buf_cstr(&text), rows[i].part))
			fail_msg("no %s in %s", rows[i].part, buf_cstr(&text));
	}
}

static void test_kinds(void **state)
{
	(void)state;
#define SPEC                                                                                       \
	"spec: {containers: [{name: a, image: i, env: [{name: N, valueFrom: {fieldRef: "           \
	"{fieldPath: metadata.name}}}]}]}"
#define TEMPLATE(kind) "kind: " kind "\nmetadata: {name: web}\nspec: {template: {" SPEC "}}\n"
	static const struct {
		const char *yaml, *name;
	} rows[] = {
		{ "kind: Pod\nmetadata: {name: web}\n" SPEC, "web" },
		{ "kind: Pod\nmetadata: {generateName: web-}\n" SPEC, "~[-a-z0-9.]+" },
		{ TEMPLATE("Deployment"), "~web-[a-z0-9]{1,10}-[a-z0-9]{5}" },
		{ TEMPLATE("StatefulSet"), "~web-[0-9]+" },
		{ TEMPLATE("DaemonSet"), "~web-[a-z0-9]{5}" },
		{ TEMPLATE("ReplicaSet"), "~web-[a-z0-9]{5}" },
		{ TEMPLATE("ReplicationController"), "~web-[a-z0-9]{5}" },
		{ TEMPLATE("Job"), "~web-([0-9]+-)?[a-z0-9]{5}" },
		{ TEMPLATE("Rollout"), "~[-a-z0-9.]+" },
		{ "kind: CronJob\nmetadata: {name: web}\nspec: {jobTemplate: {spec: {template: "
		  "{" SPEC "}}}}\n",
			"~web-[0-9]+-([0-9]+-)?[a-z0-9]{5}" },
		{ "kind: PodTemplate\ntemplate: {" SPEC "}\n", "~[-a-z0-9.]+" },
		{ "kind: List\nitems:\n- {kind: Service}\n- {kind: Pod, metadata: {name: "
		  "web}, " SPEC "}\n",
			"web" },
		{ "x: &c {name: N, valueFrom: {fieldRef: {fieldPath: metadata.name}}}\nkind: Pod\n"
		  "metadata: {name: web}\nspec: {containers: [{<<: {image: j, tty: false}, name: "
		  "a, "
		  "image: i, env: [*c]}]}\n",
			"web" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(made_done) struct made d;

		print_message("  row %zu\n", i);
		assert_ok(make(rows[i].yaml, &d));
		assert_string_equal(
			json_map_get(&manifest_container_at(&d.m, 0)->env, "N"), rows[i].name);
		assert_string_equal(manifest_container_at(&d.m, 0)->image, "i@sha256:0d5f");
	}
}

static void test_order(void **state)
{
	(void)state;
	AUTO(made_done) struct made d;
	const struct manifest_container *c;

	assert_ok(make(POD(" initContainers:\n"
			   " - {name: i1, image: i}\n"
			   " - {name: s1, image: i, restartPolicy: Always}\n"
			   " - {name: i2, image: i}\n"
			   " containers:\n - {name: a, image: i}\n - {name: b, image: i}\n"),
		&d));
	assert_int_equal(d.m.containers.n, 5);
	c = manifest_container_at(&d.m, 2);
	assert_string_equal(c->completed.v[0], "i1");
	assert_string_equal(c->after.v[0], "s1");
	c = manifest_container_at(&d.m, 4);
	assert_string_equal(c->name, "b");
	assert_int_equal(c->completed.n, 2);
	assert_string_equal(c->completed.v[1], "i2");
	assert_int_equal(c->after.n, 1);
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *yaml;
		enum err_code code;
		const char *text;
	} rows[] = {
		{ ONE("") " hostNetwork: true\n", ERR_UNSUPPORTED, "hostNetwork" },
		{ ONE("") " hostPID: yes\n", ERR_UNSUPPORTED, "hostPID" },
		{ ONE("") " hostUsers: false\n", ERR_UNSUPPORTED, "hostUsers" },
		{ ONE(", securityContext: {procMount: Unmasked}"), ERR_UNSUPPORTED, "procMount" },
		{ ONE(", securityContext: {runAsUser: root}"), ERR_FORMAT, "runAsUser" },
		{ ONE(", securityContext: {runAsGroup: 1}"), ERR_UNSUPPORTED, "runAsGroup" },
		{ ONE(", securityContext: {capabilities: {add: [NET_ALL]}}"), ERR_FORMAT,
			"NET_ALL" },
		{ ONE(", command: ls"), ERR_FORMAT, "command: not a list" },
		{ ONE(", command: [[ls]]"), ERR_FORMAT, "command[0]" },
		{ ONE(", env: [{value: x}]"), ERR_FORMAT, "without a name" },
		{ ONE(", env: [{name: A, valueFrom: {fileKeyRef: {}}}]"), ERR_UNSUPPORTED,
			"fileKeyRef" },
		{ ONE(", env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.x}}}]"),
			ERR_UNSUPPORTED, "spec.x" },
		{ ONE(", env: [{name: A, valueFrom: {configMapKeyRef: {name: c, key: k}}}]"),
			ERR_NOT_FOUND, "ConfigMap c, key k" },
		{ ONE(", envFrom: [{secretRef: {name: s}}]"), ERR_NOT_FOUND, "Secret s" },
		{ ONE(", volumeMounts: [{name: v, mountPath: /v}]"), ERR_FORMAT, "volume v" },
		{ ONE(", volumeMounts: [{name: v, mountPath: /v}]") " volumes: [{name: v, nfs: "
								    "{}}]\n",
			ERR_UNSUPPORTED, "nfs" },
		{ POD(" containers: [{image: i}]\n"), ERR_FORMAT, "without a name" },
		{ POD(" containers: [{name: a}]\n"), ERR_FORMAT, "no image" },
		{ POD(" containers: []\n"), ERR_FORMAT, "no containers" },
		{ POD(" containers: [{name: a, image: i}, {name: a, image: i}]\n"), ERR_FORMAT,
			"twice" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(made_done) struct made d;

		print_message("  row %zu\n", i);
		assert_err(make(rows[i].yaml, &d), rows[i].code);
		assert_err_text(rows[i].text);
	}
}

static void test_notes(void **state)
{
	(void)state;
	static const struct {
		const char *yaml, *note;
	} rows[] = {
		{ ONE(", newThing: 1"), "newThing is unknown" },
		{ ONE("") " newThing: 1\n", "pod: newThing is unknown" },
		{ ONE(", securityContext: {seccompProfile: {type: RuntimeDefault}}"),
			"seccompProfile" },
		{ ONE(", securityContext: {runAsNonRoot: true}"), "runAsNonRoot" },
		{ ONE(", resources: {limits: {nvidia.com/gpu: 1}}"), "nvidia.com/gpu" },
		{ ONE(", volumeMounts: [{name: v, mountPath: /v}]") " volumes: [{name: v, "
								    "hostPath: {path: /srv}}]\n",
			"/v is /srv of the host" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(made_done) struct made d;

		print_message("  row %zu\n", i);
		assert_ok(make(rows[i].yaml, &d));
		assert_int_equal(d.notes.n, 1);
		if (!strstr(d.notes.v[0], rows[i].note))
			fail_msg("no %s in %s", rows[i].note, d.notes.v[0]);
	}
}

static void test_options(void **state)
{
	(void)state;
	char *argv[] = { (char *)(uintptr_t) "ls", (char *)(uintptr_t) "~/.*" };
	const struct policy_exec exec[] = { { .argv = { .v = argv, .n = 2 } },
		{ .container = "b", .argv = { .v = argv, .n = 1 } } };
	AUTO(made_done) struct made d;
	const struct policy_options o = {
		.exec = exec, .n_exec = 2, .logs = true, .input = true, .free_references = true
	};

	assert_ok(make_with(
		ONE(", env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]"), o, &d));
	assert_int_equal(json_count(manifest_container_at(&d.m, 0)->exec), 1);
	assert_string_equal(json_map_get(&manifest_container_at(&d.m, 0)->env, "A"), "~.*");
	assert_int_equal(d.m.allow.n, 4);
}

static struct err survive(void *arg, struct bytes in)
{
	AUTO(auto_free) char *text = NULL;
	AUTO(made_done) struct made d = { 0 };

	(void)arg;
	TRY(bytes_to_str(in, &text));
	return make(text, &d);
}

static void test_survives(void **state)
{
	(void)state;
	static const char yaml[] = ONE(
		", command: [a], args: ['$(A)'], env: [{name: A, valueFrom: {fieldRef: "
		"{fieldPath: \"metadata.labels['app']\"}}}, {name: B, valueFrom: "
		"{resourceFieldRef: {resource: limits.cpu, divisor: 1m}}}], resources: {limits: "
		"{cpu: 1}}, volumeMounts: [{name: v, mountPath: /v}]") " volumes: [{name: v, "
								       "emptyDir: {medium: Memory, "
								       "sizeLimit: 1Ki}}]\n";

	each_prefix_survives(bytes_str(yaml), survive, NULL);
	each_flip_survives(bytes_str(yaml), survive, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
