#include <base/encode.h>
#include <measured-boot/initdata.h>

enum {
	VALUE_MAX = 16 + 2 * DIGEST_MAX
};

/* "sha256:HEX" */
static void put_value(const struct digest_value *digest, char to[static VALUE_MAX])
{
	char hex[2 * DIGEST_MAX + 1];

	hex_to(digest_bytes(digest), hex);
	(void)snprintf(to, VALUE_MAX, "%s:%s", digest_name(digest->alg), hex);
}

RESULT initdata_append(const char *append, const struct digest_value *digest, char **ret_append)
{
	char value[VALUE_MAX];

	put_value(digest, value);
	return str_format(
		ret_append, "%s%s" INITDATA_PARAMETER "%s", append, append[0] ? " " : "", value);
}

/* Cuts the first word off. */
static struct bytes next_word(struct bytes *rest)
{
	size_t n = 0;

	while (rest->n > 0 && rest->p[0] <= ' ')
		*rest = bytes_of(rest->p + 1, rest->n - 1);
	while (n < rest->n && rest->p[n] > ' ')
		n++;
	struct bytes word = bytes_of(rest->p, n);
	*rest = bytes_of(rest->p + n, rest->n - n);
	return word;
}

static RESULT check_value(struct bytes value, const char *want)
{
	char found[VALUE_MAX];

	if (bytes_equal(value, bytes_str(want)))
		return OK;
	(void)snprintf(found, sizeof(found), "%.*s",
		(int)(value.n < VALUE_MAX ? value.n : VALUE_MAX), (const char *)value.p);
	return err_deny(ERR_DENIED, "initdata.mismatch", "sealpod.initdata", found, want);
}

RESULT initdata_check_append(
	struct bytes cmdline, const struct digest_value *digest, bool *ret_bound)
{
	struct bytes name = bytes_str(INITDATA_PARAMETER);
	char want[VALUE_MAX];
	bool bound = false;

	put_value(digest, want);
	while (cmdline.n > 0) {
		struct bytes word = next_word(&cmdline);

		if (word.n < name.n || !bytes_equal(bytes_of(word.p, name.n), name))
			continue;
		TRY(check_value(bytes_of(word.p + name.n, word.n - name.n), want));
		bound = true;
	}
	*ret_bound = bound;
	return OK;
}
