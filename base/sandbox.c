#include "sandbox_parts.h"

#include <sys/capability.h>

#include <base/auto.h>
#include <base/sandbox.h>
#include <sys/prctl.h>

static void caps_free(cap_t *c)
{
	if (*c)
		(void)cap_free(*c);
}

static bool is_kept(const int *keep, int cap)
{
	for (; keep && *keep >= 0; keep++)
		if (*keep == cap)
			return true;
	return false;
}

/* The bounding set can only be narrowed while CAP_SETPCAP is held; in a second, tighter sandbox it
 * is narrow already. */
static void drop_bounding(const int *keep)
{
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!is_kept(keep, cap))
			(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

/* Of the wanted ones, those that this process still has. */
static RESULT wanted_caps(const int *keep, cap_t now, cap_t wanted)
{
	for (; keep && *keep >= 0; keep++) {
		cap_value_t cap = *keep;
		cap_flag_value_t has = CAP_CLEAR;
		if (cap_get_flag(now, cap, CAP_PERMITTED, &has) != 0)
			return err_new(ERR_SYS, "capability %d", cap);
		if (has == CAP_SET &&
			(cap_set_flag(wanted, CAP_PERMITTED, 1, &cap, CAP_SET) != 0 ||
				cap_set_flag(wanted, CAP_EFFECTIVE, 1, &cap, CAP_SET) != 0))
			return err_new(ERR_SYS, "capability %d", cap);
	}
	return OK;
}

RESULT sandbox_drop_caps(const int *keep)
{
	AUTO(caps_free) cap_t now = cap_get_proc();
	AUTO(caps_free) cap_t wanted = cap_init();
	AUTO(caps_free) cap_t after = NULL;

	if (!now || !wanted)
		return err_new(ERR_SYS, "reading capabilities");
	TRY(wanted_caps(keep, now, wanted));
	drop_bounding(keep);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (cap_set_proc(wanted) != 0)
		return err_new(ERR_SYS, "dropping capabilities");
	after = cap_get_proc();
	if (!after || cap_compare(after, wanted) != 0)
		return err_new(ERR_STATE, "capabilities were not dropped");
	return OK;
}

RESULT sandbox_enter(const struct sandbox *s)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_new(ERR_SYS, "no_new_privs");
	TRY(sandbox_drop_caps(s->keep_caps));
	if (!s->mounts)
		TRY(sandbox_landlock(s));
	return sandbox_seccomp(s->syscalls);
}
