/* Messages between the hub and sealpod-unpack, and between its processes. */
#include "failure.h"

#include <stdlib.h>

#include <image-rs/unpack_ipc.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is cut into messages by a length byte each. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unpack_request r;
	struct img_pull_request view;
	struct unpack_progress progress;
	struct buf part = BUF_INIT(4096);
	bool more;

	unpack_request_init(&r);
	for (size_t at = 0; at < size; at += (size_t)data[at] + 1) {
		size_t n = data[at] < size - at - 1 ? data[at] : size - at - 1;
		struct bytes body = bytes_of(data + at + 1, n);
		err_ignore(unpack_request_add(&r, body)); /* only crashes count */
		err_ignore(unpack_take_part(body, &part, &more));
		err_ignore(unpack_progress_read(body, &progress));
	}
	if (!failed(unpack_request_view(&r, &view)) && (!view.reference || view.bundle[0] != '/'))
		abort();
	if (!failed(failure_read(bytes_of(data, size))))
		abort();
	unpack_request_done(&r);
	buf_done(&part);
	return 0;
}
