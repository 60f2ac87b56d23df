#include "tdx/tcb_info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/clock.h>
#include <base/encode.h>

static const char *const status_names[TCB_STATUS_N] = { "UpToDate", "SWHardeningNeeded",
	"ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded", "TDRelaunchAdvised",
	"TDRelaunchAdvisedConfigurationNeeded", "OutOfDate", "OutOfDateConfigurationNeeded",
	"Revoked", "NotSupported" };

const char *tcb_status_name(enum tcb_status s)
{
	return status_names[s];
}

RESULT tcb_status_parse(const char *name, enum tcb_status *ret_status)
{
	/* NotSupported is ours: no list of levels says it. */
	for (int s = TCB_UP_TO_DATE; s <= TCB_REVOKED; s++)
		if (str_equal(name, status_names[s])) {
			*ret_status = (enum tcb_status)s;
			return OK;
		}
	return err_new(ERR_FORMAT, "tcbStatus '%.64s'", name);
}

/* ---- members ---- */

static RESULT get_u64(const struct json *j, const char *name, uint64_t max, uint64_t *ret_v)
{
	uint64_t v;

	if (!json_u64(json_get(j, name), &v) || v > max)
		return err_new(
			ERR_FORMAT, "%s: no number of at most %llu", name, (unsigned long long)max);
	*ret_v = v;
	return OK;
}

static RESULT get_u16(const struct json *j, const char *name, uint16_t *ret_v)
{
	uint64_t v;

	TRY(get_u64(j, name, UINT16_MAX, &v));
	*ret_v = (uint16_t)v;
	return OK;
}

static RESULT get_hex(const struct json *j, const char *name, uint8_t *to, size_t n)
{
	const char *s;

	TRY(json_need_string(j, name, &s));
	return hex_decode_fixed(bytes_str(s), name, to, n);
}

static RESULT get_time(const struct json *j, const char *name, int64_t *ret_t)
{
	const char *s;

	TRY(json_need_string(j, name, &s));
	struct err e = clock_parse(s, ret_t);
	return failed(e) ? err_add(e, "%s", name) : OK;
}

static RESULT get_status(const struct json *j, enum tcb_status *ret_status)
{
	const char *s;

	TRY(json_need_string(j, "tcbStatus", &s));
	return tcb_status_parse(s, ret_status);
}

static RESULT get_advisories(const struct json *j, const struct json **ret_list)
{
	const struct json *list = json_get(j, "advisoryIDs");

	if (list && (json_type(list) != JSON_ARRAY || json_count(list) > TCB_ADVISORIES_MAX))
		return err_new(
			ERR_FORMAT, "advisoryIDs: no list of at most %d", TCB_ADVISORIES_MAX);
	for (size_t i = 0; i < json_count(list); i++)
		if (!json_string(json_at(list, i)))
			return err_new(ERR_FORMAT, "advisoryIDs: not text");
	*ret_list = list;
	return OK;
}

static RESULT get_id(const struct json *j, char to[static TCB_ID_SIZE])
{
	const char *s;

	TRY(json_need_string(j, "id", &s));
	if (strlen(s) >= TCB_ID_SIZE)
		return err_new(ERR_FORMAT, "id: longer than %d", TCB_ID_SIZE - 1);
	(void)snprintf(to, TCB_ID_SIZE, "%s", s);
	return OK;
}

static RESULT get_list(const struct json *j, const char *name, size_t max, const struct json **ret)
{
	const struct json *list = json_get(j, name);

	if (json_type(list) != JSON_ARRAY || json_count(list) > max)
		return err_new(ERR_FORMAT, "%s: no list of at most %zu", name, max);
	*ret = list;
	return OK;
}

/* ---- levels by one number ---- */

static int by_isvsvn(const void *a, const void *b)
{
	return ((const struct isv_level *)b)->isvsvn - ((const struct isv_level *)a)->isvsvn;
}

static RESULT get_isv_levels(const struct json *j, struct isv_levels *l)
{
	const struct json *list;

	TRY(get_list(j, "tcbLevels", TCB_LEVELS_MAX, &list));
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *e = json_at(list, i);
		struct isv_level *v = &l->v[i];
		TRY(get_u16(json_get(e, "tcb"), "isvsvn", &v->isvsvn));
		TRY(get_time(e, "tcbDate", &v->date));
		TRY(get_status(e, &v->status));
		TRY(get_advisories(e, &v->advisories));
		l->n++;
	}
	qsort(l->v, l->n, sizeof(l->v[0]), by_isvsvn);
	return OK;
}

const struct isv_level *isv_level_of(const struct isv_levels *l, uint16_t isvsvn)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].isvsvn <= isvsvn)
			return &l->v[i];
	return NULL;
}

/* ---- TCB info ---- */

void tcb_info_done(struct tcb_info *i)
{
	json_free(i->tree);
	free(i->modules);
	free(i->levels);
	*i = (struct tcb_info){ 0 };
}

static RESULT get_module_members(const struct json *j, struct tcb_module *m)
{
	TRY(get_hex(j, "mrsigner", m->mrsigner, sizeof(m->mrsigner)));
	TRY(get_hex(j, "attributes", m->attributes, sizeof(m->attributes)));
	return get_hex(j, "attributesMask", m->mask, sizeof(m->mask));
}

static RESULT get_modules(const struct json *j, struct tcb_info *i)
{
	const struct json *one = json_get(j, "tdxModule"), *list;

	if (one) {
		TRY(get_module_members(one, &i->module));
		i->has_module = true;
	}
	if (!json_get(j, "tdxModuleIdentities"))
		return OK;
	TRY(get_list(j, "tdxModuleIdentities", TCB_MODULES_MAX, &list));
	i->modules = calloc(json_count(list) + 1, sizeof(i->modules[0]));
	if (!i->modules)
		return err_new(ERR_NOMEM, "tdxModuleIdentities");
	for (size_t k = 0; k < json_count(list); k++) {
		struct tcb_module *m = &i->modules[i->n_modules++];
		TRY(get_id(json_at(list, k), m->id));
		TRY(get_module_members(json_at(list, k), m));
		TRY(get_isv_levels(json_at(list, k), &m->levels));
	}
	return OK;
}

static RESULT get_components(const struct json *tcb, const char *name, uint8_t *to)
{
	const struct json *list = json_get(tcb, name);
	uint64_t svn;

	if (json_type(list) != JSON_ARRAY || json_count(list) != TCB_COMPONENTS)
		return err_new(ERR_FORMAT, "%s: not %d components", name, TCB_COMPONENTS);
	for (size_t i = 0; i < TCB_COMPONENTS; i++) {
		TRY(get_u64(json_at(list, i), "svn", UINT8_MAX, &svn));
		to[i] = (uint8_t)svn;
	}
	return OK;
}

/* Version 2 has a member each. */
static RESULT get_components_v2(const struct json *tcb, uint8_t *to)
{
	char name[32];
	uint64_t svn;

	for (size_t i = 0; i < TCB_COMPONENTS; i++) {
		(void)snprintf(name, sizeof(name), "sgxtcbcomp%02zusvn", i + 1);
		TRY(get_u64(tcb, name, UINT8_MAX, &svn));
		to[i] = (uint8_t)svn;
	}
	return OK;
}

static RESULT get_level(const struct json *e, const struct tcb_info *i, struct tcb_level *l)
{
	const struct json *tcb = json_get(e, "tcb");

	if (i->version == 2)
		TRY(get_components_v2(tcb, l->sgx));
	else
		TRY(get_components(tcb, "sgxtcbcomponents", l->sgx));
	if (i->tdx)
		TRY(get_components(tcb, "tdxtcbcomponents", l->tdx));
	TRY(get_u16(tcb, "pcesvn", &l->pcesvn));
	TRY(get_time(e, "tcbDate", &l->date));
	TRY(get_status(e, &l->status));
	return get_advisories(e, &l->advisories);
}

/* Highest first, by SGX components, PCESVN and TDX components: the order of what is sent is not
 * relied on. */
static int by_components(const void *a, const void *b)
{
	const struct tcb_level *x = a, *y = b;
	int d = bytes_compare(BYTES_OF(y->sgx), BYTES_OF(x->sgx));

	if (d == 0)
		d = y->pcesvn - x->pcesvn;
	return d ? d : bytes_compare(BYTES_OF(y->tdx), BYTES_OF(x->tdx));
}

static RESULT get_levels(const struct json *j, struct tcb_info *i)
{
	const struct json *list;

	TRY(get_list(j, "tcbLevels", TCB_LEVELS_MAX, &list));
	i->levels = calloc(json_count(list) + 1, sizeof(i->levels[0]));
	if (!i->levels)
		return err_new(ERR_NOMEM, "tcbLevels");
	for (size_t k = 0; k < json_count(list); k++) {
		struct err e = get_level(json_at(list, k), i, &i->levels[k]);
		if (failed(e))
			return err_add(e, "tcbLevels[%zu]", k);
		i->n_levels++;
	}
	qsort(i->levels, i->n_levels, sizeof(i->levels[0]), by_components);
	return OK;
}

static RESULT get_info_kind(const struct json *j, struct tcb_info *i)
{
	enum {
		VERSION_FIRST = 2,
		VERSION_LAST = 3
	};
	const char *id = json_string(json_get(j, "id"));

	TRY(get_u64(j, "version", UINT32_MAX, &i->version));
	if (i->version < VERSION_FIRST || i->version > VERSION_LAST)
		return err_new(ERR_FORMAT, "version: %llu, known are %d and %d",
			(unsigned long long)i->version, VERSION_FIRST, VERSION_LAST);
	if (i->version == VERSION_LAST && !id)
		return err_new(ERR_FORMAT, "id: missing");
	if (id && !str_equal(id, "SGX") && !str_equal(id, "TDX"))
		return err_new(ERR_FORMAT, "id: '%.16s' is neither SGX nor TDX", id);
	i->tdx = id && str_equal(id, "TDX");
	if (i->tdx && i->version < VERSION_LAST)
		return err_new(ERR_FORMAT, "version: TDX needs %d", VERSION_LAST);
	return OK;
}

static RESULT get_info(const struct json *j, struct tcb_info *i)
{
	uint64_t type;

	TRY(get_info_kind(j, i));
	TRY(get_time(j, "issueDate", &i->issue_date));
	TRY(get_time(j, "nextUpdate", &i->next_update));
	TRY(get_hex(j, "fmspc", i->fmspc, sizeof(i->fmspc)));
	TRY(get_hex(j, "pceId", i->pce_id, sizeof(i->pce_id)));
	TRY(get_u64(j, "tcbEvaluationDataNumber", UINT32_MAX, &i->eval_num));
	/* How levels are compared: no other way than 0 is defined. */
	if (json_get(j, "tcbType"))
		TRY(get_u64(j, "tcbType", 0, &type));
	if (i->tdx)
		TRY(get_modules(j, i));
	return get_levels(j, i);
}

RESULT tcb_info_decode(const struct json *object, struct tcb_info *ret_info)
{
	AUTO(tcb_info_done) struct tcb_info i = { 0 };

	struct err e = get_info(object, &i);
	if (failed(e))
		return err_add(e, "TCB info");
	*ret_info = i;
	i = (struct tcb_info){ 0 };
	return OK;
}

RESULT tcb_info_parse(struct bytes text, struct tcb_info *ret_info)
{
	AUTO(json_freep) struct json *tree = NULL;

	TRY(json_parse(text, &tree));
	TRY(tcb_info_decode(tree, ret_info));
	ret_info->tree = TAKE(tree);
	return OK;
}

/* ---- QE identity ---- */

void qe_identity_done(struct qe_identity *q)
{
	json_free(q->tree);
	*q = (struct qe_identity){ 0 };
}

static RESULT get_be32(const struct json *j, const char *name, uint32_t *ret_v)
{
	uint8_t v[4];

	TRY(get_hex(j, name, v, sizeof(v)));
	*ret_v = (uint32_t)v[0] << 24 | (uint32_t)v[1] << 16 | (uint32_t)v[2] << 8 | v[3];
	return OK;
}

static RESULT get_identity(const struct json *j, struct qe_identity *q)
{
	enum {
		VERSION = 2
	};
	uint64_t version;

	TRY(get_id(j, q->id));
	TRY(get_u64(j, "version", UINT32_MAX, &version));
	if (version != VERSION)
		return err_new(ERR_FORMAT, "version: %llu, known is %d",
			(unsigned long long)version, VERSION);
	TRY(get_time(j, "issueDate", &q->issue_date));
	TRY(get_time(j, "nextUpdate", &q->next_update));
	TRY(get_u64(j, "tcbEvaluationDataNumber", UINT32_MAX, &q->eval_num));
	TRY(get_be32(j, "miscselect", &q->miscselect));
	TRY(get_be32(j, "miscselectMask", &q->miscselect_mask));
	TRY(get_hex(j, "attributes", q->attributes, sizeof(q->attributes)));
	TRY(get_hex(j, "attributesMask", q->attributes_mask, sizeof(q->attributes_mask)));
	TRY(get_hex(j, "mrsigner", q->mrsigner, sizeof(q->mrsigner)));
	TRY(get_u16(j, "isvprodid", &q->isvprodid));
	return get_isv_levels(j, &q->levels);
}

RESULT qe_identity_decode(const struct json *object, struct qe_identity *ret_identity)
{
	struct qe_identity q = { 0 };

	struct err e = get_identity(object, &q);
	if (failed(e))
		return err_add(e, "QE identity");
	*ret_identity = q;
	return OK;
}

RESULT qe_identity_parse(struct bytes text, struct qe_identity *ret_identity)
{
	AUTO(json_freep) struct json *tree = NULL;

	TRY(json_parse(text, &tree));
	TRY(qe_identity_decode(tree, ret_identity));
	ret_identity->tree = TAKE(tree);
	return OK;
}
