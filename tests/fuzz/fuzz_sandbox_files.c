/* What the runtime reads of the host (mountinfo, mountInfo.json) and of QEMU (QMP). */
#include <direct_volume.h>
#include <fcntl.h>
#include <pod_mounts.h>
#include <qmp.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_answer(void *arg, struct err e, const struct json *value)
{
	unsigned *answers = arg;

	(void)e;
	(void)value;
	(*answers)++;
}

static void talk(struct bytes in)
{
	const struct qmp_command c = { .name = "device_add", .fd = -1 };
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	unsigned answers = 0, asked = 0;
	struct qmp q;

	qmp_init(&q, fd);
	for (unsigned i = 0; i < 2; i++)
		asked += !failed(qmp_execute(&q, &c, on_answer, &answers));
	qmp_feed(&q, bytes_str("{\"QMP\":{}}\n"));
	qmp_feed(&q, in);
	qmp_done(&q);
	if (answers != asked)
		abort();
	(void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(direct_volume_done) struct direct_volume volume = { 0 };
	AUTO(strv_done) struct strv points = { 0 };

	err_ignore(direct_volume_parse(bytes_of(data, size), &volume));
	err_ignore(pod_mounts_parse(bytes_of(data, size), "/run", &points));
	talk(bytes_of(data, size));
	return 0;
}
