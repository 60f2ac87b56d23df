#include "verify_internal.h"

#include <dirent.h>

#include <base/file.h>
#include <collateral/store.h>
#include <measured-boot/initdata.h>
#include <sys/stat.h>

typedef struct err add_fn(struct sealpod_verify *v, struct bytes data, const char *origin);

static RESULT add_evidence(struct sealpod_verify *v, struct bytes data, const char *origin)
{
	(void)origin;
	if (v->evidence.n > 0)
		return err_new(ERR_USAGE, "evidence is given twice");
	if (data.n == 0)
		return err_new(ERR_FORMAT, "evidence: empty");
	buf_put(&v->evidence, data);
	return buf_end(&v->evidence, "evidence");
}

static RESULT add_collateral(struct sealpod_verify *v, struct bytes data, const char *origin)
{
	return collateral_add(v->collateral, data, origin);
}

/* Certificates, or a root of a vendor's own form. */
static RESULT add_root(struct sealpod_verify *v, struct bytes data, const char *origin)
{
	(void)origin;
	if (!failed(x509_list_parse(data, &v->anchors.vendor)))
		return x509_list_parse(data, &v->anchors.hardware);
	if (v->anchors.n_vendor_other == TEE_PARTS_MAX)
		return err_new(ERR_LIMIT, "more than %d roots", TEE_PARTS_MAX);
	struct buf *own = &v->other_roots[v->anchors.n_vendor_other];
	*own = BUF_INIT(PART_MAX);
	buf_put(own, data);
	TRY(buf_end(own, "root"));
	v->anchors.vendor_other[v->anchors.n_vendor_other++] = buf_bytes(own);
	return OK;
}

static RESULT add_simulated_root(struct sealpod_verify *v, struct bytes data, const char *origin)
{
	(void)origin;
	return x509_list_parse(data, &v->anchors.software);
}

static RESULT add_initdata(struct sealpod_verify *v, struct bytes data, const char *origin)
{
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);
	struct digest_value d;

	(void)origin;
	if (v->initdata_digest.n > 0)
		return err_new(ERR_USAGE, "init-data is given twice");
	TRY(initdata_any_parse(data, &toml));
	TRY(initdata_digest(buf_bytes(&toml), &d));
	buf_put(&v->initdata_digest, digest_bytes(&d));
	return buf_end(&v->initdata_digest, "init-data");
}

static RESULT add_reference(struct sealpod_verify *v, struct bytes data, const char *origin)
{
	(void)origin;
	if (!v->refs)
		TRY(reference_new(&v->refs));
	return reference_import(v->refs, data);
}

static RESULT add_policy(struct sealpod_verify *v, struct bytes data, const char *origin)
{
	(void)origin;
	return policy_file_parse(data, v);
}

static RESULT add_part(struct sealpod_verify *v, const char *role, struct bytes data)
{
	for (size_t i = 0; i < v->n_parts; i++)
		if (str_equal(v->parts[i].name, role))
			return err_new(ERR_USAGE, "%s is given twice", role);
	if (v->n_parts == TEE_PARTS_MAX)
		return err_new(ERR_LIMIT, "more than %d files beside the evidence", TEE_PARTS_MAX);
	struct verify_part *p = &v->parts[v->n_parts];
	p->v = BUF_INIT(PART_MAX);
	TRY(str_dup(role, &p->name));
	v->n_parts++;
	buf_put(&p->v, data);
	return buf_end(&p->v, role);
}

static const struct {
	const char *role;
	add_fn *add;
} roles[] = {
	{ "evidence", add_evidence },
	{ "collateral", add_collateral },
	{ "certs", add_collateral },
	{ "root", add_root },
	{ "simulated-root", add_simulated_root },
	{ "init-data", add_initdata },
	{ "reference", add_reference },
	{ "policy", add_policy },
};

static const char *const parts[] = { "event-log", "signature", "pcrs", "ak", "ak-cert", "ek-cert",
	"quote", "td-quote", "vcek", "se-header", "request-key", "se-key", "tik", "certificates" };

RESULT verify_add_bytes(
	struct sealpod_verify *v, const char *role, struct bytes data, const char *origin)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (str_equal(roles[i].role, role)) {
			struct err e = roles[i].add(v, data, origin);
			return failed(e) ? err_add(e, "%s", origin) : OK;
		}
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (str_equal(parts[i], role))
			return add_part(v, role, data);
	return err_new(ERR_USAGE, "role '%.32s' is not known", role);
}

static RESULT add_file(struct sealpod_verify *v, const char *role, const char *path)
{
	AUTO(buf_done) struct buf file = BUF_INIT(PART_MAX);

	TRY(file_read(path, &file));
	return verify_add_bytes(v, role, buf_bytes(&file), path);
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void dir_closep(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

/* Files that are no collateral stand in directories beside it (evidence, notes): passed over. What
 * is missing then is said by the check that needs it. */
static RESULT add_directory(struct sealpod_verify *v, const char *role, const char *path)
{
	AUTO(dir_closep) DIR *d = opendir(path);
	const struct dirent *entry;

	if (!d)
		return err_new(ERR_SYS, "%s", path);
	while ((entry = readdir(d))) {
		AUTO(auto_free) char *name = NULL;
		TRY(path_join(path, entry->d_name, &name));
		if (entry->d_name[0] == '.' || is_directory(name))
			continue;
		struct err e = add_file(v, role, name);
		if (failed(e) && e.code != ERR_FORMAT && e.code != ERR_LIMIT)
			return e;
	}
	return OK;
}

/* What the store's index names, and nothing else that lies there. */
static RESULT add_store(struct sealpod_verify *v, const char *path)
{
	AUTO(cstore_freep) struct cstore *s = NULL;

	TRY(cstore_open(path, false, &s));
	return cstore_load(s, v->collateral, NULL);
}

RESULT verify_add_path(struct sealpod_verify *v, const char *role, const char *path)
{
	bool many = str_equal(role, "collateral") || str_equal(role, "certs");

	if (many && cstore_is_one(path))
		return add_store(v, path);
	return many && is_directory(path) ? add_directory(v, role, path) : add_file(v, role, path);
}
