#include "tdx/qgs.h"

#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <base/reader.h>
#include <net/transport.h>
#include <sys/socket.h>

enum {
	VERSION_MAJOR = 1,
	GET_QUOTE_REQ = 0,
	GET_QUOTE_RESP = 1,
	HEADER_SIZE = 16,
	LENGTH_SIZE = 4,
	CONNECT_MS = 3000,
	ANSWER_S = 30, /* quoting enclaves start on demand */
};

RESULT qgs_request_write(struct bytes tdreport, struct buf *out)
{
	const size_t size = HEADER_SIZE + 4 + 4 + tdreport.n;

	buf_be32(out, size);
	buf_le16(out, VERSION_MAJOR);
	buf_le16(out, 0);
	buf_le32(out, GET_QUOTE_REQ);
	buf_le32(out, size);
	buf_le32(out, 0); /* error */
	buf_le32(out, tdreport.n);
	buf_le32(out, 0); /* list of quoting enclaves: any will do */
	buf_put(out, tdreport);
	return buf_end(out, "GET_QUOTE_REQ");
}

static RESULT read_header(struct reader *r, size_t size)
{
	uint16_t major = rd_le16(r);
	uint16_t minor = rd_le16(r);
	uint32_t type = rd_le32(r);
	uint32_t said = rd_le32(r);
	uint32_t error = rd_le32(r);

	if (!rd_ok(r))
		return rd_end(r, "GET_QUOTE_RESP");
	if (major != VERSION_MAJOR || type != GET_QUOTE_RESP)
		return err_new(ERR_FORMAT, "GET_QUOTE_RESP: version %u.%u, type %u", major, minor,
			(unsigned)type);
	if (said != size)
		return err_new(
			ERR_FORMAT, "GET_QUOTE_RESP: says %u bytes, has %zu", (unsigned)said, size);
	if (error != 0)
		return err_new(ERR_PEER,
			"the quote generation service refused: error 0x%x (sealpod explain 0x%x)",
			(unsigned)error, (unsigned)error);
	return OK;
}

RESULT qgs_response_parse(struct bytes message, struct bytes *ret_quote)
{
	struct reader r = rd_of(message);

	TRY(read_header(&r, message.n));
	size_t id_size = rd_le32(&r);
	size_t quote_size = rd_le32(&r);
	rd_skip(&r, id_size);
	struct bytes quote = rd_take(&r, quote_size);
	TRY(rd_end(&r, "GET_QUOTE_RESP"));
	if (quote.n == 0)
		return err_new(ERR_FORMAT, "GET_QUOTE_RESP: without a quote");
	*ret_quote = quote;
	return OK;
}

/* From here on calls wait, but not for ever. */
static RESULT make_waiting(int fd)
{
	const struct timeval limit = { .tv_sec = ANSWER_S };
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0)
		return err_new(ERR_SYS, "quote generation service");
	return OK;
}

static RESULT receive(int fd, size_t n, struct buf *out)
{
	uint8_t *to = buf_grow(out, n);

	if (!to)
		return buf_end(out, "GET_QUOTE_RESP");
	ssize_t got = TEMP_FAILURE_RETRY(recv(fd, to, n, MSG_WAITALL));
	if (got < 0 && errno == EAGAIN)
		return err_new(ERR_TIMEOUT, "no answer within %d s", ANSWER_S);
	if (got < 0)
		return err_new(ERR_SYS, "receiving");
	if ((size_t)got != n)
		return err_new(ERR_PEER, "the connection ended after %zd of %zu bytes", got, n);
	return OK;
}

static RESULT exchange(int fd, struct bytes tdreport, struct buf *answer)
{
	AUTO(buf_done) struct buf request = BUF_INIT(QGS_MESSAGE_MAX);

	TRY(make_waiting(fd));
	TRY(qgs_request_write(tdreport, &request));
	TRY(fd_write_all(fd, buf_bytes(&request)));
	TRY(receive(fd, LENGTH_SIZE, answer));
	struct reader r = rd_of(buf_bytes(answer));
	size_t size = rd_be32(&r);
	if (size < HEADER_SIZE || size > QGS_MESSAGE_MAX)
		return err_new(ERR_FORMAT, "GET_QUOTE_RESP: of %zu bytes, accepted are %d to %d",
			size, HEADER_SIZE, QGS_MESSAGE_MAX);
	buf_clear(answer);
	return receive(fd, size, answer);
}

RESULT qgs_quote(const char *address, struct bytes tdreport, struct buf *ret_quote)
{
	AUTO(buf_done) struct buf answer = BUF_INIT(QGS_MESSAGE_MAX);
	AUTO(auto_close) int fd = -1;
	struct bytes quote;

	struct err e = transport_connect(address, CONNECT_MS, &fd);
	if (failed(e))
		return err_add(e,
			"quote generation service at %s: is qgsd running on the host and reachable "
			"by vsock?",
			address);
	e = exchange(fd, tdreport, &answer);
	if (failed(e))
		return err_add(e, "quote generation service at %s", address);
	TRY(qgs_response_parse(buf_bytes(&answer), &quote));
	buf_put(ret_quote, quote);
	return buf_end(ret_quote, "quote");
}
