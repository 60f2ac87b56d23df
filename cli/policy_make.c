/* sealpod policy make: from what people give to kubectl to what a launch binds. */
#include "image_commands.h"
#include "initdata_entries.h"
#include "policy.h"

#include <base/file.h>
#include <runtime/pod_initdata.h>
#include <runtime/pod_size.h>

enum {
	CARRIER_MAX = 2 * 1024 * 1024,
	PODS_MAX = 256
};

struct make_options {
	struct image_place_options place;
	const char *image_pull, *arch, *format, *output, *runtime_class;
	struct strv images, config_files, allow_exec, data, volume_keys;
	bool allow_logs, allow_stdin, free_references, in_place;
	const char *kbs, *kbs_ca, *image_policy, *initdata;
};

#define OPTION(member, k) .kind = (k), .offset = offsetof(struct make_options, member)

static const struct cli_option make_table[] = {
	{ .name = "format",
		OPTION(format, CLI_CHOICE),
		.choices = "yaml|manifest|initdata|annotation",
		.value = "KIND",
		.help = "what is written (yaml: FILE with the annotation in each pod)" },
	{ .name = "output",
		.letter = 'o',
		OPTION(output, CLI_STRING),
		.value = "FILE",
		.help = "where it is written (standard output)" },
	{ .name = "in-place",
		.letter = 'i',
		OPTION(in_place, CLI_FLAG),
		.help = "write the annotations into FILE itself" },
	{ .name = "config-file",
		OPTION(config_files, CLI_LIST),
		.value = "FILE",
		.help = "ConfigMaps and Secrets that pods refer to; may be given again" },
	{ .name = "free-references",
		OPTION(free_references, CLI_FLAG),
		.help = "variables of objects that are not given may have any value" },
	{ .name = "runtime-class",
		OPTION(runtime_class, CLI_STRING),
		.value = "NAME",
		.help = "pods of other runtime classes are left alone" },
	{ .name = "allow-exec",
		OPTION(allow_exec, CLI_LIST),
		.value = "[CONTAINER=]COMMAND",
		.help = "may be started in running containers; words or a JSON list; may be given "
			"again" },
	{ .name = "allow-logs",
		OPTION(allow_logs, CLI_FLAG),
		.help = "the host may read what containers print" },
	{ .name = "allow-stdin",
		OPTION(allow_stdin, CLI_FLAG),
		.help = "the host may write to containers" },
	{ .name = "volume-key",
		OPTION(volume_keys, CLI_LIST),
		.value = "VOLUME=URI[,create][,no-integrity]",
		.help = "the disk is encrypted with this key of the broker (kbs://...); may be "
			"given again" },
	POLICY_IMAGE_OPTIONS(
		struct make_options, "digests and configurations of images come from (registry)"),
	{ .name = "kbs", OPTION(kbs, CLI_STRING), .value = "URL", .help = "key broker" },
	{ .name = "kbs-ca",
		OPTION(kbs_ca, CLI_STRING),
		.value = "FILE",
		.help = "root of the broker's certificate (PEM)" },
	{ .name = "image-policy",
		OPTION(image_policy, CLI_STRING),
		.value = "FILE|URI",
		.help = "containers-policy.json, or its kbs:// name: whose images may run" },
	{ .name = "initdata",
		OPTION(initdata, CLI_STRING),
		.value = "FILE",
		.help = "initdata whose other entries are kept" },
	{ .name = "data",
		OPTION(data, CLI_LIST),
		.value = "NAME=FILE",
		.help = "another entry of the initdata; may be given again" },
	{ 0 },
};

static bool is_format(const struct make_options *o, const char *format)
{
	return str_equal(o->format ? o->format : "yaml", format);
}

/* ---- initdata ---- */

static RESULT set_base(const char *path, struct initdata_entries *e, enum digest_alg *alg)
{
	AUTO(buf_done) struct buf in = BUF_INIT(CARRIER_MAX);
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);
	AUTO(initdata_done) struct initdata d = { 0 };

	if (!path)
		return OK;
	TRY(file_read(path, &in));
	TRY(initdata_any_parse(buf_bytes(&in), &toml));
	TRY(initdata_parse(buf_bytes(&toml), &d));
	*alg = d.algorithm;
	return initdata_entries_add(e, buf_bytes(&toml));
}

static RESULT read_optional(const char *path, struct buf *ret)
{
	return path ? file_read(path, ret) : OK;
}

/* What the options say; nothing but the manifest when they say nothing of a broker or images. */
static RESULT set_made(
	const struct make_options *o, struct bytes manifest, struct initdata_entries *e)
{
	AUTO(buf_done) struct buf kbs_ca = BUF_INIT(INITDATA_MAX);
	AUTO(buf_done) struct buf policy = BUF_INIT(INITDATA_MAX);
	AUTO(buf_done) struct buf registry_ca = BUF_INIT(INITDATA_MAX);
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);
	bool uri = o->image_policy && str_starts(o->image_policy, "kbs://");

	TRY(read_optional(o->kbs_ca, &kbs_ca));
	TRY(read_optional(uri ? NULL : o->image_policy, &policy));
	TRY(read_optional(o->place.ca, &registry_ca));
	if (!o->kbs && !o->image_policy && !o->place.ca)
		return initdata_entries_set(e, INITDATA_MANIFEST, manifest);
	struct pod_initdata from = {
		.kbs = o->kbs,
		.kbs_ca = buf_bytes(&kbs_ca),
		.manifest = manifest,
		.image_policy = buf_bytes(&policy),
		.image_policy_uri = uri ? o->image_policy : NULL,
		.registry_ca = buf_bytes(&registry_ca),
	};
	TRY(pod_initdata_make(&from, &toml));
	return initdata_entries_add(e, buf_bytes(&toml));
}

static RESULT make_initdata(const struct make_options *o, struct bytes manifest, struct buf *toml)
{
	AUTO(initdata_entries_done) struct initdata_entries e = { 0 };
	enum digest_alg alg = DIGEST_SHA256;

	TRY(set_base(o->initdata, &e, &alg));
	TRY(set_made(o, manifest, &e));
	TRY(initdata_entries_files(&e, &o->data, true));
	return initdata_entries_make(&e, alg, toml);
}

static RESULT carry(const struct make_options *o, struct bytes manifest, struct buf *out)
{
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);

	if (is_format(o, "manifest")) {
		buf_put(out, manifest);
		return buf_end(out, "output");
	}
	TRY(make_initdata(o, manifest, &toml));
	if (is_format(o, "annotation")) {
		TRY(initdata_annotation_make(buf_bytes(&toml), out));
		buf_puts(out, "\n");
		return buf_end(out, "output");
	}
	buf_put(out, buf_bytes(&toml));
	return buf_end(out, "output");
}

/* ---- pods ---- */

struct run {
	const struct make_options *o;
	struct policy_files files;
	size_t n_pods; /* of the files that are operands */
	struct policy_execs execs;
	const struct json **documents;
	struct policy_images images;
	struct policy_options options;
	struct buf out;
};

static void run_done(struct run *r)
{
	policy_files_done(&r->files);
	policy_execs_done(&r->execs);
	free(r->documents);
	buf_done(&r->out);
}

static RESULT prepare(const struct cli_args *args, struct run *r)
{
	const struct make_options *o = r->o;

	for (size_t i = 0; i < args->n; i++)
		TRY(policy_files_add(&r->files, args->v[i]));
	for (size_t i = 0; i < o->config_files.n; i++)
		TRY(policy_files_add(&r->files, o->config_files.v[i]));
	TRY(policy_files_documents(&r->files, &r->documents));
	TRY(policy_execs_parse(&o->allow_exec, &r->execs));
	r->images = (struct policy_images){
		.place = o->place,
		.instead = &o->images,
		.architecture = o->arch ? o->arch : "amd64",
		.none = o->image_pull && str_equal(o->image_pull, "none"),
	};
	r->options = (struct policy_options){
		.image = policy_images_find,
		.image_arg = &r->images,
		.objects = r->documents,
		.n_objects = r->files.n,
		.volume_keys = &o->volume_keys,
		.exec = r->execs.v,
		.n_exec = r->execs.n,
		.logs = o->allow_logs,
		.input = o->allow_stdin,
		.free_references = o->free_references,
	};
	return OK;
}

static void print_notes(const struct strv *notes)
{
	for (size_t i = 0; i < notes->n; i++)
		(void)fprintf(stderr, "note: %s\n", notes->v[i]);
}

static RESULT make_one(const struct run *r, const struct policy_workload *w, struct buf *manifest)
{
	AUTO(strv_done) struct strv notes = { 0 };
	struct err e = policy_make(&r->options, w, manifest, &notes);

	if (failed(e))
		return err_add(e, "%s %s", w->kind, w->name ? w->name : "(generated)");
	print_notes(&notes);
	return OK;
}

static bool is_meant(const struct make_options *o, const struct policy_workload *w)
{
	const char *class = json_string(json_pointer(w->pod, "/spec/runtimeClassName"));

	return !o->runtime_class || (class && str_equal(class, o->runtime_class));
}

/* ---- YAML with annotations ---- */

struct values {
	char *v[PODS_MAX];
	size_t n;
};

static void values_done(struct values *values)
{
	for (size_t i = 0; i < values->n; i++)
		free(values->v[i]);
}

static RESULT annotation_of(const struct run *r, const struct policy_workload *w, char **ret_value)
{
	AUTO(buf_done) struct buf manifest = BUF_INIT(POLICY_MANIFEST_MAX);
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);
	AUTO(buf_done) struct buf text = BUF_INIT(POLICY_OUT_MAX);

	TRY(make_one(r, w, &manifest));
	TRY(make_initdata(r->o, buf_bytes(&manifest), &toml));
	TRY(initdata_annotation_make(buf_bytes(&toml), &text));
	return bytes_to_str(buf_bytes(&text), ret_value);
}

static RESULT annotate_file(const struct run *r, const struct policy_file *f, struct buf *out)
{
	AUTO(values_done) struct values values = { 0 };
	struct policy_workload w;
	size_t at = 0;

	while (policy_workload_next(f->documents, &at, &w)) {
		if (values.n == PODS_MAX)
			return err_new(ERR_LIMIT, "%s: more than %d pods", f->path, PODS_MAX);
		if (is_meant(r->o, &w))
			TRY(annotation_of(r, &w, &values.v[values.n]));
		values.n++;
	}
	return policy_annotate(
		buf_bytes(&f->text), POD_ANNOTATION "cc_init_data", values.v, values.n, out);
}

static RESULT annotate_files(struct run *r, size_t n_files)
{
	for (size_t i = 0; i < n_files; i++) {
		AUTO(buf_done) struct buf out = BUF_INIT(POLICY_OUT_MAX);

		TRY(annotate_file(r, &r->files.v[i], &out));
		if (r->o->in_place) {
			TRY(file_write_atomic(r->files.v[i].path, buf_bytes(&out), 0644));
			continue;
		}
		buf_puts(&r->out, i > 0 ? "---\n" : "");
		buf_put(&r->out, buf_bytes(&out));
	}
	return buf_end(&r->out, "output");
}

/* ---- one pod ---- */

static RESULT find_only(const struct run *r, size_t n_files, struct policy_workload *ret)
{
	size_t found = 0;

	for (size_t i = 0; i < n_files; i++) {
		struct policy_workload w;
		size_t at = 0;

		while (policy_workload_next(r->documents[i], &at, &w)) {
			if (!is_meant(r->o, &w))
				continue;
			*ret = w;
			found++;
		}
	}
	if (found == 0)
		return err_new(ERR_NOT_FOUND, "no pod: a document with spec.containers");
	if (found > 1)
		return err_new(ERR_USAGE, "several pods: one at a time, or --format yaml");
	return OK;
}

static RESULT make_only(struct run *r, size_t n_files)
{
	AUTO(buf_done) struct buf manifest = BUF_INIT(POLICY_MANIFEST_MAX);
	struct policy_workload w = { 0 };

	TRY(find_only(r, n_files, &w));
	TRY(make_one(r, &w, &manifest));
	return carry(r->o, buf_bytes(&manifest), &r->out);
}

static RESULT make(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(run_done) struct run r = { .o = options, .out = BUF_INIT(POLICY_OUT_MAX) };

	(void)ret_exit;
	if (r.o->in_place && (r.o->output || !is_format(r.o, "yaml")))
		return err_new(
			ERR_USAGE, "--in-place goes with --format yaml and without --output");
	TRY(prepare(args, &r));
	TRY(is_format(r.o, "yaml") ? annotate_files(&r, args->n) : make_only(&r, args->n));
	if (r.o->in_place)
		return OK;
	if (r.o->output)
		return file_write_atomic(r.o->output, buf_bytes(&r.out), 0644);
	return fd_write_all(STDOUT_FILENO, buf_bytes(&r.out));
}

const struct cli_command cmd_policy_make = {
	.name = "make",
	.summary = "derive the pod manifest from Kubernetes YAML",
	.operands = "FILE...",
	.min_operands = 1,
	.max_operands = POLICY_FILES_MAX,
	.options = make_table,
	.options_size = sizeof(struct make_options),
	.run = make,
	.notes = "FILE is anything that kubectl takes; - is standard input.",
};
