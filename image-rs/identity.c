#include <stdlib.h>

#include <base/auto.h>
#include <base/buf.h>
#include <image-rs/policy.h>

static bool same_repository(const struct img_reference *a, const struct img_reference *b)
{
	return str_equal(a->registry, b->registry) && str_equal(a->repository, b->repository);
}

static bool same_tag(const struct img_reference *a, const struct img_reference *b)
{
	return same_repository(a, b) && a->tag && b->tag && str_equal(a->tag, b->tag);
}

static bool match_repo_digest_or_exact(
	const struct img_reference *image, const struct img_reference *is_signed)
{
	return image->digest ? same_repository(image, is_signed) : same_tag(image, is_signed);
}

/* containers-policy.json(5): the prefix ends at the end of the name or before '/', ':' or '@'. */
static RESULT remap(const struct img_identity *identity, const struct img_reference *image,
	struct img_reference *ret)
{
	AUTO(auto_free) char *text = NULL;
	AUTO(auto_free) char *mapped = NULL;
	size_t n = strlen(identity->a);

	TRY(img_reference_print(image, &text));
	if (!str_starts(text, identity->a) || !strchr("/:@", text[n]))
		return img_reference_copy(image, ret);
	TRY(str_format(&mapped, "%s%s", identity->b, text + n));
	return img_reference_parse(mapped, ret);
}

/* What the signature should name; for the denial's text too. */
static RESULT expected_reference(const struct img_identity *identity,
	const struct img_reference *image, struct img_reference *ret)
{
	switch (identity->type) {
	case IMG_EXACT_REFERENCE:
	case IMG_EXACT_REPOSITORY:
		return img_reference_parse(identity->a, ret);
	case IMG_REMAP_IDENTITY:
		return remap(identity, image, ret);
	case IMG_MATCH_EXACT:
	case IMG_MATCH_REPO_DIGEST_OR_EXACT:
	case IMG_MATCH_REPOSITORY:
		break;
	}
	return img_reference_copy(image, ret);
}

static bool matches(enum img_identity_type type, const struct img_reference *expected,
	const struct img_reference *is_signed)
{
	switch (type) {
	case IMG_MATCH_REPOSITORY:
	case IMG_EXACT_REPOSITORY:
		return same_repository(expected, is_signed);
	case IMG_MATCH_EXACT:
		return !expected->digest && same_tag(expected, is_signed);
	case IMG_EXACT_REFERENCE:
		return same_tag(expected, is_signed) ||
		       (expected->digest && is_signed->digest &&
			       same_repository(expected, is_signed) &&
			       str_equal(expected->digest, is_signed->digest));
	case IMG_MATCH_REPO_DIGEST_OR_EXACT:
	case IMG_REMAP_IDENTITY:
		break;
	}
	return match_repo_digest_or_exact(expected, is_signed);
}

RESULT img_identity_check(const struct img_identity *identity, const struct img_reference *image,
	const char *signed_reference)
{
	AUTO(img_reference_done) struct img_reference expected = { 0 }, is_signed = { 0 };
	AUTO(auto_free) char *text = NULL;

	TRY(expected_reference(identity, image, &expected));
	struct err e = img_reference_parse(signed_reference, &is_signed);
	if (!failed(e) && matches(identity->type, &expected, &is_signed))
		return OK;
	TRY(img_reference_print(&expected, &text));
	return err_deny(ERR_UNVERIFIED, "image.signature-identity", "docker-reference", text,
		signed_reference);
}
