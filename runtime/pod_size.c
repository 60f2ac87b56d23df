#include "runtime/pod_size.h"

#include "runtime/vm.h"

enum {
	MILLI = 1000,
	DIGITS_MAX = 15
};

static const uint64_t mib = 1024 * 1024;

/* ---- quantities (Kubernetes, apimachinery: resource.Quantity) ---- */

/* Factor of the suffix in thousandths; 0: there is no such suffix. */
static uint64_t suffix_factor(const char *s)
{
	static const char letters[] = "kMGTP";

	if (!*s)
		return MILLI;
	if (str_equal(s, "m"))
		return 1;
	if (str_equal(s, "Ki"))
		return UINT64_C(1024) * MILLI;
	for (uint64_t i = 0, binary = MILLI, decimal = MILLI; letters[i]; i++) {
		const char two[] = { letters[i], 'i', 0 };
		const char one[] = { letters[i], 0 };
		binary *= 1024;
		decimal *= 1000;
		if (str_equal(s, one))
			return decimal;
		if (str_equal(s, two))
			return binary;
	}
	return 0;
}

static uint64_t power_of_10(uint64_t n)
{
	uint64_t v = 1;

	while (n-- > 0)
		v *= 10;
	return v;
}

/* Digits with at most one point; *end is what follows. */
static bool parse_digits(const char *s, uint64_t *v, unsigned *fraction, const char **end)
{
	unsigned digits = 0;
	bool point = false;

	for (; (*s >= '0' && *s <= '9') || (*s == '.' && !point); s++) {
		if (*s == '.') {
			point = true;
			continue;
		}
		*v = *v * 10 + (uint64_t)(*s - '0');
		*fraction += point;
		if (++digits > DIGITS_MAX)
			return false;
	}
	*end = s;
	return digits > 0;
}

static RESULT no_quantity(const char *text, const char *what)
{
	return err_new(ERR_FORMAT, "%s: '%s' is no quantity", what, text);
}

RESULT pod_quantity(const char *text, const char *what, uint64_t *ret_milli)
{
	uint64_t v = 0, factor = 0, exponent = 0;
	unsigned fraction = 0;
	const char *end = text;

	if (!parse_digits(text, &v, &fraction, &end))
		return no_quantity(text, what);
	if ((*end == 'e' || *end == 'E') && end[1]) {
		if (failed(str_to_u64(end + 1, DIGITS_MAX, what, &exponent)))
			return no_quantity(text, what);
		factor = MILLI * power_of_10(exponent);
	} else {
		factor = suffix_factor(end);
	}
	if (factor == 0)
		return no_quantity(text, what);
	if (__builtin_mul_overflow(v, factor, &v))
		return err_new(ERR_LIMIT, "%s: '%s' is too large", what, text);
	uint64_t unit = power_of_10(fraction);
	*ret_milli = v / unit + (v % unit != 0);
	return OK;
}

/* ---- limits ---- */

struct limits {
	uint64_t cpu, memory; /* thousandths */
};

static RESULT add_to(uint64_t *sum, uint64_t v)
{
	if (__builtin_add_overflow(*sum, v, sum))
		return err_new(ERR_LIMIT, "limits of the pod");
	return OK;
}

static RESULT add(struct limits *sum, const struct limits *l)
{
	TRY(add_to(&sum->cpu, l->cpu));
	return add_to(&sum->memory, l->memory);
}

static void raise_to(struct limits *to, const struct limits *l)
{
	to->cpu = l->cpu > to->cpu ? l->cpu : to->cpu;
	to->memory = l->memory > to->memory ? l->memory : to->memory;
}

static RESULT read_one(const struct json *limits, const char *name, uint64_t *ret)
{
	const struct json *v = json_get(limits, name);

	if (!v)
		return OK;
	if (!json_string(v))
		return err_new(ERR_FORMAT, "limit of %s: not a quantity", name);
	return pod_quantity(json_string(v), name, ret);
}

static RESULT read_limits(const struct json *of, struct limits *ret)
{
	const struct json *limits = json_pointer(of, "/resources/limits");

	TRY(read_one(limits, "cpu", &ret->cpu));
	return read_one(limits, "memory", &ret->memory);
}

/* Containers that are initialised one after another each add to the sidecars before them. */
static RESULT add_init(const struct json *containers, struct limits *sum)
{
	struct limits sidecars = { 0 }, most = { 0 };

	for (size_t i = 0; i < json_count(containers); i++) {
		const struct json *c = json_at(containers, i);
		const char *policy = json_string(json_get(c, "restartPolicy"));
		struct limits own = { 0 };
		TRY(read_limits(c, &own));
		if (policy && str_equal(policy, "Always")) {
			TRY(add(sum, &own));
			TRY(add(&sidecars, &own));
			own = sidecars;
		} else {
			TRY(add(&own, &sidecars));
		}
		raise_to(&most, &own);
	}
	raise_to(sum, &most);
	return OK;
}

static RESULT pod_limits(const struct json *spec, struct limits *ret)
{
	const struct json *containers = json_get(spec, "containers");
	struct limits sum = { 0 }, pod = { 0 };

	if (json_count(containers) == 0)
		return err_new(ERR_FORMAT, "pod: no containers");
	for (size_t i = 0; i < json_count(containers); i++) {
		struct limits own = { 0 };
		TRY(read_limits(json_at(containers, i), &own));
		TRY(add(&sum, &own));
	}
	TRY(add_init(json_get(spec, "initContainers"), &sum));
	TRY(read_limits(spec, &pod));
	/* Limits of the pod as a whole take the place of the sum. */
	ret->cpu = pod.cpu ? pod.cpu : sum.cpu;
	ret->memory = pod.memory ? pod.memory : sum.memory;
	return OK;
}

/* ---- size ---- */

static const struct json *annotation(const struct json *pod, const char *name)
{
	AUTO(auto_free) char *full = NULL;

	if (failed(str_format(&full, POD_ANNOTATION "%s", name)))
		return NULL;
	return json_get(json_pointer(pod, "/metadata/annotations"), full);
}

static RESULT default_of(const struct json *pod, const char *name, uint64_t *v)
{
	const char *text = json_string(annotation(pod, name));

	return text ? str_to_u64(text, UINT32_MAX, name, v) : OK;
}

static uint64_t whole(uint64_t v, uint64_t unit)
{
	return v / unit + (v % unit != 0);
}

/* Kubelet hands down whole bytes and a quota of the processors; Kata takes whole processors and an
 * even number of MiB, then adds what the guest itself needs. */
static void apply_limits(
	const struct limits *l, const struct pod_sizing *sizing, struct pod_size *s)
{
	uint64_t requested = whole(l->cpu, MILLI) * MILLI;
	uint64_t memory = whole(l->memory, MILLI) / mib;

	if (l->cpu == 0 && l->memory == 0)
		return;
	s->vcpus = whole(sizing->overhead_vcpus_milli + requested, MILLI);
	s->vcpus = s->vcpus ? s->vcpus : 1;
	/* A limit of the processors alone says nothing of memory. */
	if (memory > 0)
		s->memory_mib = sizing->overhead_memory_mib + memory + memory % 2;
}

static bool has_containers(const struct json *pod)
{
	return json_pointer(pod, "/spec/containers") != NULL;
}

/* A Pod, or the template of what makes pods. */
static const struct json *pod_of(const struct json *document)
{
	static const char *const places[] = { "/spec/template", "/spec/jobTemplate/spec/template" };

	if (has_containers(document))
		return document;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (has_containers(json_pointer(document, places[i])))
			return json_pointer(document, places[i]);
	return NULL;
}

static RESULT find_pod(const struct json *documents, const struct json **ret)
{
	const struct json *found = NULL;

	for (size_t i = 0; i < json_count(documents); i++) {
		const struct json *pod = pod_of(json_at(documents, i));
		if (pod && found)
			return err_new(ERR_USAGE, "several pods: one at a time");
		found = pod ? pod : found;
	}
	if (!found)
		return err_new(ERR_NOT_FOUND, "no pod: a document with spec.containers");
	*ret = found;
	return OK;
}

RESULT pod_size_of(
	const struct json *documents, const struct pod_sizing *sizing, struct pod_size *ret_size)
{
	static const struct pod_sizing usual = {
		.vcpus = POD_DEFAULT_VCPUS,
		.memory_mib = POD_DEFAULT_MEMORY_MIB,
		.overhead_vcpus_milli = POD_OVERHEAD_VCPUS_MILLI,
		.overhead_memory_mib = POD_OVERHEAD_MEMORY_MIB,
	};
	const struct pod_sizing *z = sizing ? sizing : &usual;
	const struct json *pod = NULL;
	struct pod_size s = { .vcpus = z->vcpus, .memory_mib = z->memory_mib };
	struct limits l = { 0 };

	TRY(find_pod(documents, &pod));
	TRY(default_of(pod, "default_vcpus", &s.vcpus));
	TRY(default_of(pod, "default_memory", &s.memory_mib));
	TRY(pod_limits(json_get(pod, "spec"), &l));
	apply_limits(&l, z, &s);
	if (s.memory_mib < VM_MEMORY_MIB_MIN)
		s.memory_mib = VM_MEMORY_MIB_MIN;
	s.initdata = json_string(annotation(pod, "cc_init_data"));
	*ret_size = s;
	return OK;
}
