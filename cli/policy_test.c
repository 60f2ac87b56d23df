/* sealpod policy test: requests against a manifest, judged by what judges in the guest. */
#include "image_commands.h"
#include "policy.h"

#include <fcntl.h>

#include <base/file.h>
#include <runtime/pod_requests.h>
#include <runtime/policy_explain.h>
#include <runtime/policy_test.h>

enum {
	EXIT_DENIED = 1
};

struct test_options {
	struct image_place_options place;
	const char *pod, *image_pull, *arch, *rootfs, *running, *run_dir;
	struct strv images;
};

#define OPTION(member, k) .kind = (k), .offset = offsetof(struct test_options, member)

static const struct cli_option test_table[] = {
	{ .name = "pod",
		OPTION(pod, CLI_STRING),
		.value = "NAME",
		.help = "which pod, if MANIFEST is YAML with several" },
	{ .name = "running",
		OPTION(running, CLI_STRING),
		.value = "POD",
		.help = "ask what this pod of this host was asked, on whatever platform it runs" },
	{ .name = "run-dir",
		OPTION(run_dir, CLI_STRING),
		.value = "DIR",
		.help = "running pods (" POD_RUN_DIR ")" },
	{ .name = "rootfs",
		OPTION(rootfs, CLI_STRING),
		.value = "DIR",
		.help = "unpacked image whose /etc/passwd and /etc/group name users" },
	POLICY_IMAGE_OPTIONS(struct test_options,
		"configurations of images come from; none: taken as asked (none)"),
	{ 0 },
};

struct run {
	struct manifest m;
	struct policy_tester *tester;
	struct policy_images images;
	int rootfs_fd;
	bool json;
	struct json_writer w;
	struct buf out;
	size_t wrong, passed_over;
	const char *running;
};

static void run_done(struct run *r)
{
	policy_tester_freep(&r->tester);
	manifest_done(&r->m);
	auto_close(&r->rootfs_fd);
	buf_done(&r->out);
}

/* ---- answers ---- */

struct answer {
	const char *path;
	const struct json *request;
	size_t number;
	struct err e;
	bool wrong; /* not what the request says it should be */
};

static void put_denial(const struct run *r, const struct answer *a, struct buf *out)
{
	const struct denial *d = err_denial();
	const struct policy_hint *h = d ? policy_hint_find(d->code) : NULL;

	(void)r;
	(void)a;
	if (!d) {
		buf_printf(out, "  %s\n", err_text());
		return;
	}
	buf_printf(out, "  rule      %s: %s\n  expected  %s\n  actual    %s\n", d->code, d->field,
		d->expected[0] ? d->expected : "-", d->actual[0] ? d->actual : "-");
	if (h)
		buf_printf(out, "  means     %s\n  do        %s\n", h->meaning, h->advice);
}

static void put_text(struct run *r, const struct answer *a)
{
	const char *container = policy_request_container(a->request);
	const char *description = json_string(json_get(a->request, "description"));

	buf_printf(&r->out, "%s[%zu]: %s%s%s: %s%s%s%s\n", a->path, a->number,
		policy_request_kind(a->request), *container ? " " : "", container,
		failed(a->e) ? "denied" : "allowed", a->wrong ? " (WRONG)" : "",
		description ? ": " : "", description ? description : "");
	if (failed(a->e))
		put_denial(r, a, &r->out);
}

static void put_json(struct run *r, const struct answer *a)
{
	const struct denial *d = failed(a->e) ? err_denial() : NULL;

	jw_object(&r->w);
	jw_kstr(&r->w, "file", a->path);
	jw_ku64(&r->w, "number", a->number);
	jw_kstr(&r->w, "kind", policy_request_kind(a->request));
	jw_kstr(&r->w, "container", policy_request_container(a->request));
	jw_kbool(&r->w, "allowed", !failed(a->e));
	jw_kbool(&r->w, "as_expected", !a->wrong);
	if (d) {
		jw_kstr(&r->w, "code", d->code);
		jw_kstr(&r->w, "field", d->field);
		jw_kstr(&r->w, "expected", d->expected);
		jw_kstr(&r->w, "actual", d->actual);
	} else if (failed(a->e)) {
		jw_kstr(&r->w, "error", err_text());
	}
	jw_object_end(&r->w);
}

/* What is malformed is refused by the guest, too. Only our own failures end the run. */
static bool is_ours(struct err e)
{
	return e.code == ERR_NOMEM || e.code == ERR_SYS || e.code == ERR_PEER ||
	       e.code == ERR_UNSUPPORTED;
}

static RESULT ask(struct run *r, const char *path, const struct json *request, size_t number)
{
	struct answer a = { .path = path, .request = request, .number = number };
	bool allowed = true;

	a.e = policy_tester_ask(r->tester, request);
	if (r->running && a.e.code == ERR_NOT_FOUND &&
		!str_equal(policy_request_kind(request), "CreateContainer")) {
		r->passed_over++;
		return OK;
	}
	if (failed(a.e) && is_ours(a.e))
		return err_add(a.e, "%s[%zu]", path, number);
	(void)json_bool(json_get(request, "allowed"), &allowed);
	a.wrong = allowed == failed(a.e);
	r->wrong += a.wrong;
	if (r->json)
		put_json(r, &a);
	else
		put_text(r, &a);
	return OK;
}

static RESULT ask_file(struct run *r, const char *path)
{
	AUTO(buf_done) struct buf text = BUF_INIT(JSON_SIZE_MAX);
	AUTO(json_freep) struct json *j = NULL;
	struct err e = file_read(path, &text);

	if (!failed(e))
		e = json_parse(buf_bytes(&text), &j);
	if (failed(e))
		return err_add(e, "%s", path);
	if (json_type(j) != JSON_ARRAY)
		return ask(r, path, j, 0);
	for (size_t i = 0; i < json_count(j); i++)
		TRY(ask(r, path, json_at(j, i), i));
	return OK;
}

/* ---- a running pod ---- */

static RESULT ask_recorded(void *arg, const struct json *request, size_t number)
{
	struct run *r = arg;

	return ask(r, r->running, request, number);
}

static RESULT ask_running(struct run *r, const struct test_options *o)
{
	AUTO(pod_done) struct pod p = { 0 };

	if (!o->running)
		return OK;
	TRY(pod_load(o->run_dir ? o->run_dir : POD_RUN_DIR, o->running, &p));
	r->running = o->running;
	struct err e = pod_requests_read(p.dir, ask_recorded, r);
	if (failed(e))
		return err_add(e, "pod %s", o->running);
	if (r->passed_over > 0 && !r->json)
		buf_printf(&r->out, "%zu further requests about containers that were denied\n",
			r->passed_over);
	return OK;
}

/* ---- run ---- */

/* No accounts: users that are numbers are all that can be judged. */
static RESULT open_empty(int *ret_fd)
{
	char dir[] = "/tmp/sealpod-policy-XXXXXX";

	if (!mkdtemp(dir))
		return err_new(ERR_SYS, "temporary directory");
	*ret_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)rmdir(dir);
	return *ret_fd < 0 ? err_new(ERR_SYS, "%s", dir) : OK;
}

static RESULT open_rootfs(const char *dir, int *ret_fd)
{
	if (!dir)
		return open_empty(ret_fd);
	*ret_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? err_new(ERR_SYS, "--rootfs %s", dir) : OK;
}

static RESULT prepare(const struct test_options *o, const char *manifest, struct run *r)
{
	AUTO(buf_done) struct buf text = BUF_INIT(POLICY_MANIFEST_MAX);
	bool look = o->images.n > 0 || (o->image_pull && str_equal(o->image_pull, "registry"));

	TRY(policy_load_manifest(manifest, o->pod, &text, &r->m));
	TRY(open_rootfs(o->rootfs, &r->rootfs_fd));
	r->images = (struct policy_images){
		.place = o->place,
		.instead = &o->images,
		.architecture = o->arch ? o->arch : "amd64",
	};
	const struct policy_test_options options = { .image = look ? policy_images_find : NULL,
		.image_arg = &r->images,
		.rootfs_fd = r->rootfs_fd,
		.live = o->running != NULL };
	return policy_tester_new(&r->m, &options, &r->tester);
}

static RESULT test(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct test_options *o = options;
	AUTO(run_done)
	struct run r = { .rootfs_fd = -1, .json = args->json, .out = BUF_INIT(POLICY_OUT_MAX) };

	r.w = jw_of(&r.out);
	if (args->n < 2 && !o->running)
		return err_new(ERR_USAGE, "a REQUEST or --running");
	TRY(prepare(o, args->v[0], &r));
	if (r.json)
		jw_array(&r.w);
	TRY(ask_running(&r, o));
	for (size_t i = 1; i < args->n; i++)
		TRY(ask_file(&r, args->v[i]));
	if (r.json) {
		jw_array_end(&r.w);
		buf_puts(&r.out, "\n");
	}
	*ret_exit = r.wrong > 0 ? EXIT_DENIED : 0;
	TRY(buf_end(&r.out, "output"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(&r.out));
}

const struct cli_command cmd_policy_test = {
	.name = "test",
	.summary = "ask a manifest about requests, as the guest does",
	.operands = "MANIFEST [REQUEST...]",
	.min_operands = 1,
	.max_operands = POLICY_FILES_MAX,
	.options = test_table,
	.options_size = sizeof(struct test_options),
	.run = test,
	.notes = "MANIFEST is a manifest, initdata in any form, or YAML with the annotation. "
		 "REQUEST "
		 "is an OCI\nconfig.json, {\"kind\": \"ExecProcessRequest\", \"request\": {...}} "
		 "with the "
		 "members of the agent API, or a list\nof these, asked one after another; "
		 "\"allowed\": false says that a refusal is meant.\n\n"
		 "Exit status: 0 all as meant, 1 not, 2 usage or system error, 3 malformed.",
};
