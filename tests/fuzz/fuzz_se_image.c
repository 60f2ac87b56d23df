/*
 * Secure Execution images: whole ones as they come, and short inputs as a header (its length in
 * two bytes first) and the parameter block that follows, put where metadata says. What is taken has
 * its components inside the file and can be opened with any key.
 */
#include <stdlib.h>

#include <base/reader.h>
#include <measured-boot/se_image.h>

enum {
	HEADER_AT = 0xd000,
	IPIB_AT = 0x10000,
	FILE_MAX = 0x20000
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_all(const struct se_layout *l, const struct se_header *h)
{
	static const uint8_t key[SE_IMAGE_KEY] = { 1 };
	AUTO(se_area_done) struct se_area area = { 0 };

	for (size_t i = 0; i < l->n_components; i++) {
		AUTO(buf_done) struct buf plain = BUF_INIT(4 * FILE_MAX);
		struct se_stage3b_args args;
		if (failed(se_component_open(
			    &l->components[i], h->control_flags, BYTES_OF(key), &plain)))
			continue;
		err_ignore(se_stage3b_args_find(buf_bytes(&plain), l, &args)); /* no crash */
	}
	if (!failed(se_area_open(h, bytes_of(key, SE_KEY_SIZE), &area)))
		abort();
}

static void look(struct bytes file)
{
	struct se_image_measurement m;
	struct se_layout l;
	struct se_header h;

	bool measured = !failed(se_image_measure(file, &m));
	if (failed(se_layout_parse(file, &l)))
		return;
	for (size_t i = 0; i < l.n_components; i++)
		if (l.components[i].address > file.n ||
			l.components[i].content.n > file.n - l.components[i].address)
			abort();
	if (failed(se_header_parse(l.header, &h)))
		return;
	if (!failed(se_image_verify(&h, &l)) != measured && l.header_address > 0)
		abort();
	open_all(&l, &h);
}

static void put_at(struct buf *image, size_t at, struct bytes b)
{
	if (b.n > 0)
		memcpy(image->p + at, b.p, b.n);
}

static void look_built(struct bytes in)
{
	AUTO(buf_done) struct buf image = BUF_INIT(FILE_MAX), meta = BUF_INIT(28);
	struct reader r = rd_of(in);

	size_t n = rd_be16(&r);
	struct bytes header = rd_take(&r, n);
	struct bytes ipib = rd_rest(&r);
	if (header.n > IPIB_AT - HEADER_AT || ipib.n > SE_PAGE)
		return;
	buf_zero(&image, FILE_MAX);
	buf_puts(&meta, "SeImgLnx");
	buf_be64(&meta, HEADER_AT);
	buf_be32(&meta, 1);
	buf_be64(&meta, IPIB_AT);
	if (failed(buf_end(&image, "image")) || failed(buf_end(&meta, "metadata")))
		return;
	put_at(&image, SE_METADATA_OFFSET, buf_bytes(&meta));
	put_at(&image, HEADER_AT, header);
	put_at(&image, IPIB_AT, ipib);
	look(buf_bytes(&image));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	look(bytes_of(data, size));
	look_built(bytes_of(data, size));
	return 0;
}
