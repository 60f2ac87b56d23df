#include "store.h"

#include <stdlib.h>

#include <sqlite3.h>

#include <base/random.h>
#include <base/reader.h>
#include <crypto/cipher.h>

struct store {
	sqlite3 *db;
	struct secret *key;
};

/* The value proves on opening that the key is the database's. */
#define CHECK_KIND "meta"
#define CHECK_NAME "key-check"
#define CHECK_TEXT "sealpod-kbs store 1"

enum {
	STORE_BUSY_MS = 5000,
	AAD_MAX = 4096
};

static struct err sql_failed(struct store *s, const char *what)
{
	return err_new(ERR_PEER, "store: %s: %s", what, sqlite3_errmsg(s->db));
}

static void finalize(sqlite3_stmt **st)
{
	(void)sqlite3_finalize(*st);
}

static RESULT prepare(
	struct store *s, const char *sql, const char *kind, const char *name, sqlite3_stmt **ret_st)
{
	AUTO(finalize) sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK ||
		sqlite3_bind_text(st, 1, kind, -1, SQLITE_TRANSIENT) != SQLITE_OK)
		return sql_failed(s, "preparing");
	if (name && sqlite3_bind_text(st, 2, name, -1, SQLITE_TRANSIENT) != SQLITE_OK)
		return sql_failed(s, "preparing");
	*ret_st = TAKE(st);
	return OK;
}

static RESULT run(struct store *s, const char *sql)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return sql_failed(s, sql);
	return OK;
}

/* Length before each part: no two pairs give the same bytes. */
static RESULT additional_data(const char *kind, const char *name, struct buf *out)
{
	struct bytes k = bytes_str(kind), n = bytes_str(name);

	buf_be32(out, k.n);
	buf_put(out, k);
	buf_be32(out, n.n);
	buf_put(out, n);
	return buf_end(out, "store name");
}

/* iv || tag || ciphertext */
static RESULT seal(struct store *s, struct bytes aad, struct bytes value, struct buf *out)
{
	AUTO(buf_done) struct buf cipher = BUF_INIT(STORE_VALUE_MAX);
	uint8_t iv[GCM_IV], tag[GCM_TAG];

	TRY(random_fill(iv, sizeof(iv)));
	TRY(aes_gcm_seal(secret_bytes(s->key), BYTES_OF(iv), aad, value, &cipher, tag));
	buf_put(out, BYTES_OF(iv));
	buf_put(out, BYTES_OF(tag));
	buf_put(out, buf_bytes(&cipher));
	return buf_end(out, "store value");
}

RESULT store_put(struct store *s, const char *kind, const char *name, struct bytes value)
{
	AUTO(buf_done) struct buf aad = BUF_INIT(AAD_MAX);
	AUTO(buf_done) struct buf sealed = BUF_INIT(STORE_VALUE_MAX + GCM_IV + GCM_TAG);
	AUTO(finalize) sqlite3_stmt *st = NULL;

	if (value.n > STORE_VALUE_MAX)
		return err_new(ERR_LIMIT, "%s %s: %zu bytes, at most %d", kind, name, value.n,
			STORE_VALUE_MAX);
	TRY(additional_data(kind, name, &aad));
	TRY(seal(s, buf_bytes(&aad), value, &sealed));
	TRY(prepare(s, "INSERT OR REPLACE INTO sealed(kind, name, value) VALUES(?, ?, ?)", kind,
		name, &st));
	if (sqlite3_bind_blob(st, 3, sealed.p, (int)sealed.n, SQLITE_TRANSIENT) != SQLITE_OK ||
		sqlite3_step(st) != SQLITE_DONE)
		return sql_failed(s, "writing");
	return OK;
}

static RESULT open_value(
	struct store *s, struct bytes aad, struct bytes sealed, struct secret **ret_value)
{
	struct reader r = rd_of(sealed);
	struct bytes iv = rd_take(&r, GCM_IV);
	struct bytes tag = rd_take(&r, GCM_TAG);
	struct bytes cipher = rd_rest(&r);

	TRY(rd_end(&r, "store value"));
	return aes_gcm_open(secret_bytes(s->key), iv, aad, cipher, tag, ret_value);
}

RESULT store_get(struct store *s, const char *kind, const char *name, struct secret **ret_value)
{
	AUTO(buf_done) struct buf aad = BUF_INIT(AAD_MAX);
	AUTO(finalize) sqlite3_stmt *st = NULL;
	int n;

	TRY(additional_data(kind, name, &aad));
	TRY(prepare(s, "SELECT value FROM sealed WHERE kind = ? AND name = ?", kind, name, &st));
	switch (sqlite3_step(st)) {
	case SQLITE_DONE:
		return err_new(ERR_NOT_FOUND, "there is no %s %s", kind, name);
	case SQLITE_ROW:
		break;
	default:
		return sql_failed(s, "reading");
	}
	n = sqlite3_column_bytes(st, 0);
	struct bytes sealed = bytes_of(sqlite3_column_blob(st, 0), n < 0 ? 0 : (size_t)n);
	struct err e = open_value(s, buf_bytes(&aad), sealed, ret_value);
	return failed(e) ? err_add(e, "%s %s: other key or damaged", kind, name) : OK;
}

RESULT store_delete(struct store *s, const char *kind, const char *name)
{
	AUTO(finalize) sqlite3_stmt *st = NULL;

	TRY(prepare(s, "DELETE FROM sealed WHERE kind = ? AND name = ?", kind, name, &st));
	if (sqlite3_step(st) != SQLITE_DONE)
		return sql_failed(s, "deleting");
	if (sqlite3_changes(s->db) == 0)
		return err_new(ERR_NOT_FOUND, "there is no %s %s", kind, name);
	return OK;
}

RESULT store_list(struct store *s, const char *kind, struct strv *ret_names)
{
	AUTO(finalize) sqlite3_stmt *st = NULL;
	AUTO(strv_done) struct strv names = { 0 };
	int step;

	TRY(prepare(s, "SELECT name FROM sealed WHERE kind = ? ORDER BY name", kind, NULL, &st));
	while ((step = sqlite3_step(st)) == SQLITE_ROW)
		TRY(strv_add(&names, (const char *)sqlite3_column_text(st, 0)));
	if (step != SQLITE_DONE)
		return sql_failed(s, "listing");
	*ret_names = names;
	names = (struct strv){ 0 };
	return OK;
}

static RESULT check_key(struct store *s)
{
	AUTO(secret_freep) struct secret *value = NULL;
	struct err e = store_get(s, CHECK_KIND, CHECK_NAME, &value);

	if (e.code == ERR_NOT_FOUND)
		return store_put(s, CHECK_KIND, CHECK_NAME, bytes_str(CHECK_TEXT));
	return e;
}

RESULT store_open(const char *path, struct bytes key, struct store **ret_store)
{
	AUTO(store_freep) struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return err_new(ERR_NOMEM, "store");
	if (key.n != STORE_KEY_SIZE)
		return err_new(
			ERR_FORMAT, "store key has %zu bytes, not %d", key.n, STORE_KEY_SIZE);
	TRY(secret_of(key, &s->key));
	if (sqlite3_open_v2(path, &s->db,
		    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
		    NULL) != SQLITE_OK)
		return err_new(ERR_PEER, "store %s: %s", path, sqlite3_errmsg(s->db));
	(void)sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
	TRY(run(s, "PRAGMA journal_mode = WAL"));
	TRY(run(s, "PRAGMA synchronous = FULL"));
	TRY(run(s, "CREATE TABLE IF NOT EXISTS sealed(kind TEXT NOT NULL, name TEXT NOT NULL, "
		   "value BLOB NOT NULL, PRIMARY KEY(kind, name)) WITHOUT ROWID"));
	TRY(check_key(s));
	*ret_store = TAKE(s);
	return OK;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	(void)sqlite3_close(s->db);
	secret_free(s->key);
	free(s);
}

void store_freep(struct store **s)
{
	store_free(*s);
}
