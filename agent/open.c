#include "open.h"

#include "boot.h"
#include "sealed.h"

#include <base/file.h>
#include <measured-boot/cmdline.h>

#define LOG_MODULE "agent"
#include <base/log.h>

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

bool open_word_in(struct bytes cmdline, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i < cmdline.n;) {
		size_t end = i;

		while (end < cmdline.n && !is_space(cmdline.p[end]))
			end++;
		if (n > 0 && bytes_equal(bytes_of(cmdline.p + i, end - i), bytes_of(word, n)))
			return true;
		i = end + 1;
	}
	return false;
}

static const char *why_closed(const struct agent *a, const char *platform)
{
	if (!str_equal(platform, "none"))
		return "a TEE protects this guest";
	if (a->has_manifest || !str_equal(a->manifest_error.denial.code, "manifest.missing"))
		return "a manifest was given";
	return NULL;
}

void open_decide(struct agent *a, struct bytes cmdline, const char *platform)
{
	const char *why = why_closed(a, platform);

	if (!open_word_in(cmdline, LINUX_CMDLINE_OPEN_WORD))
		return;
	a->open_world = why == NULL;
	if (why)
		log_warn("open-world", "obeyed=no platform=%s reason=%s", platform, log_quote(why));
	else
		log_info("open-world", "obeyed=yes platform=%s", platform);
}

/* ---- admission ---- */

static RESULT find_image(const Agent__CreateContainerRequest *q, const char **ret_image)
{
	const char *image = NULL;

	for (size_t i = 0; i < q->n_storages; i++) {
		if (!str_equal(q->storages[i]->driver, "image_guest_pull"))
			continue;
		if (image || q->storages[i]->source[0] == '\0' ||
			strlen(q->storages[i]->source) > 1024)
			return err_new(ERR_FORMAT, "storages: not one image");
		image = q->storages[i]->source;
	}
	*ret_image = image;
	return OK;
}

static RESULT check_linux(const Oci__Linux *l)
{
	if (l->n_uidmappings > 0 || l->n_gidmappings > 0)
		return err_new(ERR_UNSUPPORTED, "Linux.UIDMappings: user namespaces");
	for (size_t i = 0; i < l->n_namespaces; i++) {
		const Oci__LinuxNamespace *n = l->namespaces[i];

		if (str_equal(n->type, "user"))
			return err_new(ERR_UNSUPPORTED, "Linux.Namespaces: user");
		if (str_equal(n->type, "cgroup") && n->path[0] != '\0')
			return err_new(ERR_UNSUPPORTED, "Linux.Namespaces: cgroup by path");
	}
	if (l->n_maskedpaths > AGENT_PATHS_MAX || l->n_readonlypaths > AGENT_PATHS_MAX)
		return err_new(ERR_LIMIT, "more than %d masked paths", AGENT_PATHS_MAX);
	return spec_open_check_device_rules(l->resources);
}

/* What Docker and others in a container do with overlays needs the module from the first moment. */
static bool may_mount(const Oci__Process *p)
{
	const Oci__LinuxCapabilities *c = p ? p->capabilities : NULL;

	for (size_t i = 0; c && i < c->n_bounding; i++)
		if (str_equal(c->bounding[i], "CAP_SYS_ADMIN"))
			return true;
	return false;
}

RESULT open_admit(struct agent *a, const Agent__CreateContainerRequest *q, const char **ret_image)
{
	const Oci__Spec *spec = q->oci;

	if (q->stdin_port || q->stdout_port || q->stderr_port)
		return err_new(ERR_UNSUPPORTED, "ports for standard streams");
	if (spec->solaris || spec->windows)
		return err_new(ERR_UNSUPPORTED, "a specification for another system");
	if (q->n_shared_mounts > 0)
		return err_new(ERR_UNSUPPORTED, "shared_mounts");
	if (spec->linux_)
		TRY(check_linux(spec->linux_));
	TRY(find_image(q, ret_image));
	if (!*ret_image && (!spec->root || spec->root->path[0] != '/'))
		return err_new(ERR_FORMAT, "Root.Path: neither a directory nor an image to pull");
	if (may_mount(spec->process))
		err_ignore(boot_overlay(a)); /* it may not want any */
	return OK;
}

RESULT open_rootfs(struct container *c)
{
	const char *path = c->request->oci->root->path;
	AUTO(auto_free) char *shared = NULL;
	char *copy;

	if (strstr(path, "/../") || str_ends(path, "/.."))
		return err_new(ERR_FORMAT, "Root.Path: a step upwards");
	TRY(str_format(&shared, "%s/kata-containers/", c->agent->set.run_dir));
	if (c->agent->set.init && !str_starts(path, shared))
		return err_deny(ERR_DENIED, "container.rootfs", "Root.Path", shared, path);
	TRY(str_dup(path, &copy));
	free(c->rootfs);
	c->rootfs = copy;
	return OK;
}

/* ---- processes ---- */

RESULT open_plan(struct container *c)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(IMAGE_CONFIG_MAX);
	AUTO(image_config_done) struct image_config image = { 0 };
	const struct plan_open_sources s = {
		.process = c->request->oci->process,
		.string_user = c->request->string_user,
		.image = c->pulled ? &image : NULL,
		.rootfs_fd = c->rootfs_fd,
	};

	if (c->pulled) {
		TRY(path_join(c->bundle, "image.json", &path));
		TRY(file_read(path, &text));
		TRY(image_config_parse(buf_bytes(&text), &image));
	}
	return plan_open(&s, &c->plan);
}

RESULT open_write_exec(
	const struct container *c, const Agent__ExecProcessRequest *q, const char *file)
{
	AUTO(plan_done) struct plan plan = { 0 };
	AUTO(buf_done) struct buf json = BUF_INIT(AGENT_CONFIG_MAX);
	const struct plan_open_sources s = {
		.process = q->process,
		.string_user = q->string_user,
		.container = &c->plan,
		.rootfs_fd = c->rootfs_fd,
	};

	TRY(plan_open(&s, &plan));
	TRY(sealed_apply(c, &plan.env));
	spec_open_write_process(&plan, q->process, &json);
	TRY(buf_end(&json, "process"));
	return file_write_atomic(file, buf_bytes(&json), 0600);
}

/* ---- the container ---- */

RESULT open_sysctls(struct agent *a, const Oci__Spec *spec)
{
	const Oci__Linux *l = spec->linux_;

	if (l && l->n_sysctl > AGENT_SYSCTLS_MAX)
		return err_new(ERR_LIMIT, "more than %d sysctls", AGENT_SYSCTLS_MAX);
	for (size_t i = 0; l && i < l->n_sysctl; i++)
		TRY(a->effects->sysctl_set(a, l->sysctl[i]->key, l->sysctl[i]->value));
	return OK;
}

RESULT open_write(const struct spec_inputs *in, struct container *c, struct buf *json)
{
	const struct agent *a = c->agent;

	TRY(open_sysctls(c->agent, in->spec));
	spec_open_write(
		&(struct spec_open){
			.agent = a,
			.in = in,
			.limits = !str_equal(a->set.cgroup_manager, "disabled"),
		},
		json);
	return buf_end(json, "config.json");
}
