#include "oci_spec.h"

#include "agent_internal.h"

static RESULT fill_list(char **to, char *const *from, size_t n, const char *what)
{
	if (n > SPEC_ARGS_MAX)
		return err_new(ERR_LIMIT, "%s: more than %d", what, SPEC_ARGS_MAX);
	for (size_t i = 0; i < n; i++)
		to[i] = from[i];
	return OK;
}

RESULT oci_process_fill(const struct agent_process *from, struct oci_process *to)
{
	const struct strv none = { 0 };
	const struct strv *env = from->env ? from->env : &none;

	TRY(fill_list(to->args, from->argv, from->n_argv, "arguments"));
	TRY(fill_list(to->env, env->v, env->n, "environment"));
	oci__process__init(&to->process);
	to->process.terminal = from->terminal;
	to->process.args = to->args;
	to->process.n_args = from->n_argv;
	to->process.env = to->env;
	to->process.n_env = env->n;
	to->process.cwd = pb_text(from->cwd ? from->cwd : "");
	return OK;
}

/* Those that CRI engines set. Without a name the guest finds the manifest's entry by the image. */
static void fill_annotations(const struct agent_container *from, struct oci_spec *to)
{
	const struct {
		const char *key, *value;
	} list[SPEC_ANNOTATIONS] = {
		{ "io.kubernetes.cri.container-type", "container" },
		{ "io.kubernetes.cri.image-name", from->image },
		{ "io.kubernetes.cri.container-name", from->name },
	};

	for (size_t i = 0; i < SPEC_ANNOTATIONS && list[i].value; i++) {
		oci__spec__annotations_entry__init(&to->annotations[i]);
		to->annotations[i].key = pb_text(list[i].key);
		to->annotations[i].value = pb_text(list[i].value);
		to->annotation_list[i] = &to->annotations[i];
		to->spec.n_annotations++;
	}
	to->spec.annotations = to->annotation_list;
}

RESULT oci_spec_fill(const struct agent_container *from, const char *root, struct oci_spec *to)
{
	oci__spec__init(&to->spec);
	TRY(oci_process_fill(&from->process, &to->process));
	oci__root__init(&to->root);
	to->root.path = pb_text(root);
	to->spec.version = pb_text("1.1.0");
	to->spec.process = &to->process.process;
	to->spec.root = &to->root;
	to->spec.hostname = pb_text(from->hostname);
	fill_annotations(from, to);
	return OK;
}
