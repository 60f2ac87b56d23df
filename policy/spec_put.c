/* Members of a config.json that both worlds write alike. */
#include <policy/spec.h>

void spec_put_strings(struct json_writer *w, const char *key, char *const *v, size_t n)
{
	jw_key(w, key);
	jw_array(w);
	for (size_t i = 0; i < n; i++)
		jw_str(w, v[i]);
	jw_array_end(w);
}

void spec_put_user(struct json_writer *w, const struct image_user *u)
{
	jw_key(w, "user");
	jw_object(w);
	jw_ku64(w, "uid", u->uid);
	jw_ku64(w, "gid", u->gid);
	jw_key(w, "additionalGids");
	jw_array(w);
	for (size_t i = 0; i < u->n_groups; i++)
		jw_u64(w, u->groups[i]);
	jw_array_end(w);
	jw_object_end(w);
}

void spec_put_rlimits(struct json_writer *w, const Oci__Process *p)
{
	jw_key(w, "rlimits");
	jw_array(w);
	for (size_t i = 0; i < p->n_rlimits; i++) {
		jw_object(w);
		jw_kstr(w, "type", p->rlimits[i]->type);
		jw_ku64(w, "hard", p->rlimits[i]->hard);
		jw_ku64(w, "soft", p->rlimits[i]->soft);
		jw_object_end(w);
	}
	jw_array_end(w);
}

void spec_put_namespace(struct json_writer *w, const char *type, const char *path)
{
	jw_object(w);
	jw_kstr(w, "type", type);
	if (path)
		jw_kstr(w, "path", path);
	jw_object_end(w);
}
