/* sealpod-unpack: one image pull for sealpod-hub, asked over descriptor 3, then gone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <base/log.h>
#include <base/secret.h>
#include <image-rs/unpack_ipc.h>
#include <sys/socket.h>

#define LOG_MODULE "unpack"

static RESULT check_socket(void)
{
	int type = 0;
	socklen_t n = sizeof(type);

	if (getsockopt(UNPACK_FD, SOL_SOCKET, SO_TYPE, &type, &n) < 0 || type != SOCK_SEQPACKET)
		return err_new(ERR_USAGE, "sealpod-unpack is started by sealpod-hub only");
	if (fcntl(UNPACK_FD, F_SETFD, FD_CLOEXEC) < 0)
		return err_new(ERR_SYS, "descriptor %d", UNPACK_FD);
	return OK;
}

int main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	log_init("sealpod-unpack", LOG_INFO, LOG_JSON, STDERR_FILENO);
	struct err e = check_socket();
	if (!failed(e))
		e = secret_harden_process();
	if (failed(e))
		log_failure(LOG_MODULE, "failure", e);
	else
		e = unpack_serve(UNPACK_FD); /* the hub logs what it is told */
	_exit(err_exit_status(e.code)); /* what exit handlers do is not allowed here any more */
}
