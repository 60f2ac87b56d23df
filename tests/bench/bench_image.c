/*
 * A layer through the whole pipeline (digest, decryption, HMAC, gunzip, diff-id, untar onto tmpfs)
 * against its slowest stage alone: gunzip, or the cryptography. One line a figure:
 * name, value, unit, goal, ok or short. Needs root and /dev/shm.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>

#define ZLIB_CONST
#include "decompress.h"
#include "layer.h"

#include <zlib.h>

#include <base/file.h>
#include <base/random.h>
#include <crypto/digest.h>
#include <image-rs/manifest.h>
#include <image-rs/ocicrypt.h>

#define WORK "/dev/shm/sealpod-bench-image"

enum {
	TAR_SIZE = 96 * 1024 * 1024,
	FILE_SIZE = 256 * 1024,
	BLOCK = 512,
	ROUNDS = 3
};

struct bench {
	struct buf tar, packed, sealed;
	struct img_layer_key key;
	uint8_t hmac[DIGEST_SHA256_SIZE];
	char plain_digest[160], sealed_digest[160], diff_id[160];
	struct img_store *store;
};

/* Of the processor: other work on the machine must not count. */
static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void need(struct err e)
{
	if (!failed(e))
		return;
	(void)fprintf(stderr, "bench_image: %s\n", err_text());
	exit(1);
}

/* Text-like bytes: gzip makes about a third of them, as of programs and libraries. */
static void fill(uint8_t *p, size_t n, uint64_t *seed)
{
	for (size_t i = 0; i < n; i++) {
		*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
		p[i] = (uint8_t)((*seed >> 60) < 11 && i >= 64 ? p[i - 64] : *seed >> 33);
	}
}

static void add_file(struct buf *tar, unsigned number, uint64_t *seed)
{
	uint8_t *h = buf_grow(tar, BLOCK);
	unsigned sum = 0;

	memset(h, 0, BLOCK);
	(void)snprintf((char *)h, 100, "dir%u/file%u", number / 64, number);
	(void)snprintf((char *)h + 100, 8, "0000644");
	(void)snprintf((char *)h + 108, 8, "0000000");
	(void)snprintf((char *)h + 116, 8, "0000000");
	(void)snprintf((char *)h + 124, 12, "%011o", (unsigned)FILE_SIZE);
	(void)snprintf((char *)h + 136, 12, "00000000000");
	memset(h + 148, ' ', 8);
	h[156] = '0';
	for (size_t i = 0; i < BLOCK; i++)
		sum += h[i];
	(void)snprintf((char *)h + 148, 8, "%06o", sum);
	fill(buf_grow(tar, FILE_SIZE), FILE_SIZE, seed);
}

static void gzip_to(struct bytes in, struct buf *out)
{
	z_stream z = { .next_in = in.p, .avail_in = (uInt)in.n };
	size_t size = compressBound(in.n) + 64;

	z.next_out = buf_grow(out, size);
	z.avail_out = (uInt)size;
	if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
		deflate(&z, Z_FINISH) != Z_STREAM_END)
		exit(1);
	out->n -= z.avail_out;
	(void)deflateEnd(&z);
}

static void name_of(struct bytes b, char *to)
{
	struct digest_value d;

	need(digest(DIGEST_SHA256, b, &d));
	digest_print_oci(&d, to);
}

static void prepare(struct bench *b)
{
	struct img_cipher *c = NULL;
	uint64_t seed = 1;

	b->tar = b->packed = b->sealed = BUF_INIT(2 * TAR_SIZE);
	for (unsigned i = 0; i < TAR_SIZE / FILE_SIZE; i++)
		add_file(&b->tar, i, &seed);
	buf_zero(&b->tar, 2 * BLOCK);
	gzip_to(buf_bytes(&b->tar), &b->packed);
	need(secret_new(32, &b->key.symkey));
	need(random_fill(secret_data(b->key.symkey), 32));
	need(random_fill(b->key.nonce, sizeof(b->key.nonce)));
	buf_put(&b->sealed, buf_bytes(&b->packed));
	need(img_cipher_new(&b->key, true, &c));
	need(img_cipher_update(c, b->sealed.p, b->sealed.n));
	need(img_cipher_final(c, b->hmac));
	img_cipher_freep(&c);
	name_of(buf_bytes(&b->tar), b->diff_id);
	name_of(buf_bytes(&b->packed), b->plain_digest);
	name_of(buf_bytes(&b->sealed), b->sealed_digest);
	need(dir_remove_tree(WORK));
	need(img_layout_open(WORK "/layout", true, &b->store));
	need(img_store_put_blob(b->store, b->plain_digest, buf_bytes(&b->packed)));
	need(img_store_put_blob(b->store, b->sealed_digest, buf_bytes(&b->sealed)));
}

static double run_layer(struct bench *b, bool encrypted)
{
	struct untar_budget budget = { .max_bytes = 4ULL * TAR_SIZE, .max_entries = 1000000 };
	struct layer_job job = {
		.blob = { encrypted ? b->sealed_digest : b->plain_digest, b->packed.n },
		.compression = IMG_TAR_GZIP,
		.diff_id = b->diff_id,
		.key = encrypted ? &b->key : NULL,
		.hmac = b->hmac,
		.budget = &budget,
	};

	need(dir_remove_tree(WORK "/root"));
	need(dir_make(WORK "/root", 0755));
	double start = now();
	need(layer_unpack(b->store, &job, open(WORK "/root", O_RDONLY | O_DIRECTORY)));
	return now() - start;
}

static struct err drop(void *arg, struct bytes data)
{
	(void)arg;
	(void)data;
	return OK;
}

static double run_gunzip(struct bench *b)
{
	struct decompress *d = NULL;
	double start = now();

	need(decompress_new(COMPRESSION_GZIP, drop, NULL, &d));
	need(decompress_feed(d, buf_bytes(&b->packed)));
	need(decompress_end(d));
	decompress_freep(&d);
	return now() - start;
}

static double run_crypto(struct bench *b)
{
	struct img_cipher *c = NULL;
	struct digest_value d;
	uint8_t mac[DIGEST_SHA256_SIZE];
	double start = now();

	need(digest(DIGEST_SHA256, buf_bytes(&b->sealed), &d));
	need(img_cipher_new(&b->key, false, &c));
	need(img_cipher_update(c, b->sealed.p, b->sealed.n));
	need(img_cipher_final(c, mac));
	img_cipher_freep(&c);
	return now() - start;
}

static double best(double a, double b)
{
	return b < a ? b : a;
}

static void print_ratio(const char *name, double bound, double took)
{
	double ratio = bound / took;

	printf("%s\t%.2f\tx\t>=0.8\t%s\n", name, ratio, ratio >= 0.8 ? "ok" : "short");
}

int main(void)
{
	double plain = 1e9, sealed = 1e9, gunzip = 1e9, crypto = 1e9;
	struct bench b = { 0 };

	prepare(&b);
	for (int i = 0; i < ROUNDS; i++) {
		plain = best(plain, run_layer(&b, false));
		sealed = best(sealed, run_layer(&b, true));
		gunzip = best(gunzip, run_gunzip(&b));
		crypto = best(crypto, run_crypto(&b));
	}
	double bound = gunzip > crypto ? gunzip : crypto;
	print_ratio("image.unpack", gunzip, plain);
	print_ratio("image.unpack_encrypted", bound, sealed);
	printf("image.unpack_rate\t%.0f\tMB/s\t-\tok\n", (double)b.tar.n / 1e6 / plain);
	need(dir_remove_tree(WORK));
	return 0;
}
