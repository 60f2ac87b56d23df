#include <policy/agent_limits.h>
#include <policy/spec.h>

/*
 * A profile may only take calls away. One that lets a call "succeed" without being made (errno 0)
 * would let the host have setuid() skipped in silence, so that is refused.
 */
static RESULT check_action(const char *action, bool has_errno, uint32_t errno_ret)
{
	static const char *const plain[] = { "SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_KILL",
		"SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD" };

	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (str_equal(action, plain[i]))
			return OK;
	if (str_equal(action, "SCMP_ACT_ERRNO") &&
		(!has_errno || (errno_ret > 0 && errno_ret < 4096)))
		return OK;
	return err_deny(ERR_DENIED, "manifest.seccomp", "Linux.Seccomp",
		"an action that allows, fails or kills", action);
}

static RESULT check_op(const char *op)
{
	if (!str_starts(op, "SCMP_CMP_"))
		return err_new(ERR_FORMAT, "seccomp: comparison %s", op);
	return OK;
}

RESULT spec_check_seccomp(const Oci__LinuxSeccomp *s)
{
	if (!s)
		return OK;
	if (s->n_syscalls > AGENT_SECCOMP_MAX || s->n_flags > 0)
		return err_new(
			ERR_LIMIT, "seccomp: flags or more than %d rules", AGENT_SECCOMP_MAX);
	TRY(check_action(s->defaultaction, false, 0));
	for (size_t i = 0; i < s->n_syscalls; i++) {
		const Oci__LinuxSyscall *c = s->syscalls[i];
		bool has_errno = c->errno_set_case != OCI__LINUX_SYSCALL__ERRNO_SET__NOT_SET;

		TRY(check_action(c->action, has_errno, has_errno ? c->errnoret : 0));
		for (size_t k = 0; k < c->n_args; k++)
			TRY(check_op(c->args[k]->op));
	}
	return OK;
}

static void put_rule(struct json_writer *w, const Oci__LinuxSyscall *c)
{
	jw_object(w);
	jw_key(w, "names");
	jw_array(w);
	for (size_t i = 0; i < c->n_names; i++)
		jw_str(w, c->names[i]);
	jw_array_end(w);
	jw_kstr(w, "action", c->action);
	if (c->errno_set_case != OCI__LINUX_SYSCALL__ERRNO_SET__NOT_SET)
		jw_ku64(w, "errnoRet", c->errnoret);
	jw_key(w, "args");
	jw_array(w);
	for (size_t i = 0; i < c->n_args; i++) {
		jw_object(w);
		jw_ku64(w, "index", c->args[i]->index);
		jw_ku64(w, "value", c->args[i]->value);
		jw_ku64(w, "valueTwo", c->args[i]->valuetwo);
		jw_kstr(w, "op", c->args[i]->op);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_object_end(w);
}

void spec_put_seccomp(struct json_writer *w, const Oci__LinuxSeccomp *s)
{
	if (!s || s->defaultaction[0] == '\0')
		return;
	jw_key(w, "seccomp");
	jw_object(w);
	jw_kstr(w, "defaultAction", s->defaultaction);
	jw_key(w, "architectures");
	jw_array(w);
	for (size_t i = 0; i < s->n_architectures; i++)
		jw_str(w, s->architectures[i]);
	jw_array_end(w);
	if (s->n_flags > 0) { /* open world only */
		jw_key(w, "flags");
		jw_array(w);
		for (size_t i = 0; i < s->n_flags; i++)
			jw_str(w, s->flags[i]);
		jw_array_end(w);
	}
	jw_key(w, "syscalls");
	jw_array(w);
	for (size_t i = 0; i < s->n_syscalls; i++)
		put_rule(w, s->syscalls[i]);
	jw_array_end(w);
	jw_object_end(w);
}
