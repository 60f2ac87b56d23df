#include "secure_mount.h"

#include <confidential_data_hub.pb-c.h>

#include <net/pb.h>

enum {
	PATH_LIMIT = 4096,
	NAME_LIMIT = 64,
	OPTIONS_MAX = 32
};

/* What is said of the volume, as text. */
struct words {
	const char *deviceId, *devicePath, *sourceType, *targetType, *encryptionType, *key,
		*filesystemType, *mkfsOpts, *dataIntegrity, *mapperName, *format;
};

#define WORD(name)                                                                                 \
	{                                                                                          \
#name, offsetof(struct words, name)                                                \
	}
static const struct {
	const char *name;
	size_t offset;
} known[] = {
	WORD(deviceId),
	WORD(devicePath),
	WORD(sourceType),
	WORD(targetType),
	WORD(encryptionType),
	WORD(key),
	WORD(filesystemType),
	WORD(mkfsOpts),
	WORD(dataIntegrity),
	WORD(mapperName),
	WORD(format),
};

static RESULT take_word(const Cdh__SecureMountRequest__OptionsEntry *entry, struct words *w)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		const char **to = (const char **)(void *)((char *)w + known[i].offset);

		if (!str_equal(known[i].name, entry->key))
			continue;
		if (*to)
			return err_new(ERR_FORMAT, "option %s: twice", known[i].name);
		if (strlen(entry->value) > PATH_LIMIT)
			return err_new(ERR_LIMIT, "option %s: too long", known[i].name);
		*to = entry->value;
		return OK;
	}
	return err_new(ERR_UNSUPPORTED, "option %.64s is not known", entry->key);
}

static RESULT take_words(const Cdh__SecureMountRequest *q, struct words *w)
{
	if (q->n_options > OPTIONS_MAX)
		return err_new(ERR_LIMIT, "options: more than %d", OPTIONS_MAX);
	for (size_t i = 0; i < q->n_options; i++)
		TRY(take_word(q->options[i], w));
	return OK;
}

/* One of two words, or absent. */
static RESULT choose(
	const char *name, const char *value, const char *const words[static 2], bool *ret_second)
{
	*ret_second = value && str_equal(value, words[1]);
	if (value && !*ret_second && !str_equal(value, words[0]))
		return err_new(ERR_UNSUPPORTED, "option %s: %.64s is neither %s nor %s", name,
			value, words[0], words[1]);
	return OK;
}

static RESULT only(const char *name, const char *value, const char *word)
{
	if (value && !str_equal(value, word))
		return err_new(ERR_UNSUPPORTED, "option %s: %.64s, not %s", name, value, word);
	return OK;
}

static RESULT copy(const char *value, char **to)
{
	return value ? str_dup(value, to) : OK;
}

/* ---- values ---- */

static bool plain_path(const char *path)
{
	return path[0] == '/' && path[1] != '\0' && strlen(path) < PATH_LIMIT &&
	       !str_ends(path, "/") && !strstr(path, "//") && !strstr(path, "/./") &&
	       !strstr(path, "/../") && !str_ends(path, "/.") && !str_ends(path, "/..");
}

static bool is_number(const char *text, size_t n)
{
	return n > 0 && n < 8 && strspn(text, "0123456789") >= n;
}

static RESULT check_device(const struct words *w)
{
	const char *colon = w->deviceId ? strchr(w->deviceId, ':') : NULL;

	if (w->deviceId) {
		if (!colon || !is_number(w->deviceId, (size_t)(colon - w->deviceId)) ||
			!is_number(colon + 1, strlen(colon + 1)))
			return err_new(
				ERR_FORMAT, "option deviceId: %.64s, not MAJ:MIN", w->deviceId);
		return OK;
	}
	if (!w->devicePath || !str_starts(w->devicePath, "/dev/") || !plain_path(w->devicePath))
		return err_new(ERR_FORMAT, "option devicePath: %.64s, not below /dev",
			w->devicePath ? w->devicePath : "(none)");
	return OK;
}

static RESULT check_name(const char *name)
{
	static const char *const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789._-";

	if (name && (name[0] == '\0' || name[0] == '.' || name[0] == '-' ||
			    strlen(name) > NAME_LIMIT || name[strspn(name, letters)] != '\0'))
		return err_new(ERR_FORMAT, "option mapperName: %.64s", name);
	return OK;
}

static RESULT check_key(const struct words *w)
{
	if (w->key && !str_starts(w->key, "kbs://") && !str_starts(w->key, "sealed."))
		return err_new(ERR_UNSUPPORTED,
			"option key: %.64s is neither kbs:// nor a sealed secret", w->key);
	return OK;
}

/* ---- the request ---- */

static RESULT take_kinds(const struct words *w, struct secure_mount *m)
{
	bool encrypted = false;

	if (!w->sourceType)
		return err_new(ERR_FORMAT, "option sourceType: empty or encrypted expected");
	TRY(choose("sourceType", w->sourceType, (const char *const[]){ "empty", "encrypted" },
		&encrypted));
	m->source = encrypted ? SECURE_ENCRYPTED : SECURE_EMPTY;
	TRY(choose("targetType", w->targetType, (const char *const[]){ "fileSystem", "device" },
		&m->link));
	TRY(choose("dataIntegrity", w->dataIntegrity, (const char *const[]){ "false", "true" },
		&m->authentic));
	TRY(only("encryptionType", w->encryptionType, "luks2"));
	TRY(only("filesystemType", w->filesystemType, "ext4"));
	TRY(only("format", w->format, "ifEmpty"));
	if (encrypted && !w->key)
		return err_new(ERR_FORMAT, "sourceType encrypted: option key is missing");
	if (w->format && !w->key)
		return err_new(ERR_FORMAT, "option format: only with a key");
	m->create = w->format || (!encrypted && w->key);
	return OK;
}

static RESULT take_values(
	const Cdh__SecureMountRequest *q, const struct words *w, struct secure_mount *m)
{
	TRY(check_device(w));
	TRY(check_name(w->mapperName));
	TRY(check_key(w));
	if (!plain_path(q->mount_point))
		return err_new(
			ERR_FORMAT, "mount_point: %.64s is no plain absolute path", q->mount_point);
	TRY(copy(w->deviceId, &m->device_id));
	if (!w->deviceId)
		TRY(copy(w->devicePath, &m->device));
	TRY(copy(w->key, &m->key));
	TRY(copy(w->mapperName, &m->mapper_name));
	TRY(copy(w->mkfsOpts, &m->mkfs_options));
	return copy(q->mount_point, &m->mount_point);
}

void secure_mount_done(struct secure_mount *m)
{
	free(m->device);
	free(m->device_id);
	free(m->key);
	free(m->mapper_name);
	free(m->mkfs_options);
	free(m->mount_point);
	*m = (struct secure_mount){ 0 };
}

RESULT secure_mount_parse(struct bytes payload, struct secure_mount *ret_mount)
{
	AUTO(pb_free_any) Cdh__SecureMountRequest *q = NULL;
	AUTO(secure_mount_done) struct secure_mount m = { 0 };
	struct words w = { 0 };

	TRY(PB_UNPACK(cdh__secure_mount_request, payload, &q));
	TRY(only("volume_type", q->volume_type, "block-device"));
	TRY(take_words(q, &w));
	TRY(take_kinds(&w, &m));
	TRY(take_values(q, &w, &m));
	*ret_mount = m;
	m = (struct secure_mount){ 0 };
	return OK;
}
