#include "transport_address.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#include <base/buf.h>
#include <base/file.h>

static const char *after(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

static RESULT parse_unix(const char *path, struct transport_address *a)
{
	size_t n = strlen(path);

	if (n < 2 || (path[0] != '/' && path[0] != '@'))
		return err_new(ERR_FORMAT, "unix address: neither absolute path nor @name");
	if (n >= sizeof(a->socket.un.sun_path))
		return err_new(ERR_FORMAT, "unix address: longer than %zu characters",
			sizeof(a->socket.un.sun_path) - 1);
	a->kind = TRANSPORT_UNIX;
	a->socket.un.sun_family = AF_UNIX;
	memcpy(a->socket.un.sun_path, path, n);
	a->n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	/* An abstract name begins with NUL and has no other end than the length; unix(7). */
	if (path[0] == '@')
		a->socket.un.sun_path[0] = '\0';
	else
		a->n++;
	return OK;
}

static RESULT parse_number(const char *s, const char *end, uint32_t *ret)
{
	uint64_t v = 0;

	if (s == end || end - s > 10)
		return err_new(ERR_FORMAT, "vsock address: not CID:PORT");
	for (; s < end; s++) {
		if (*s < '0' || *s > '9')
			return err_new(ERR_FORMAT, "vsock address: not CID:PORT");
		v = v * 10 + (unsigned)(*s - '0');
	}
	if (v > UINT32_MAX)
		return err_new(ERR_FORMAT, "vsock address: number too large");
	*ret = (uint32_t)v;
	return OK;
}

static RESULT parse_vsock(const char *s, struct transport_address *a)
{
	const char *colon = strchr(s, ':');
	uint32_t cid = VMADDR_CID_ANY, port = 0;

	if (!colon)
		return err_new(ERR_FORMAT, "vsock address: not CID:PORT");
	if (strncmp(s, "-1:", 3) != 0)
		TRY(parse_number(s, colon, &cid));
	TRY(parse_number(colon + 1, s + strlen(s), &port));
	a->kind = TRANSPORT_VSOCK;
	a->socket.vm.svm_family = AF_VSOCK;
	a->socket.vm.svm_cid = cid;
	a->socket.vm.svm_port = port;
	a->n = sizeof(a->socket.vm);
	return OK;
}

static RESULT parse_port(const char *s, struct transport_address *a)
{
	size_t n = strlen(s);

	if (n == 0 || n >= sizeof(a->port_name) || strchr(s, '/'))
		return err_new(ERR_FORMAT, "virtio-port address: no port name");
	a->kind = TRANSPORT_VIRTIO_PORT;
	memcpy(a->port_name, s, n + 1);
	return OK;
}

RESULT transport_address_parse(const char *text, struct transport_address *ret)
{
	struct transport_address a = { 0 };
	const char *rest;
	struct err e;

	if ((rest = after(text, "unix://")))
		e = parse_unix(rest, &a);
	else if ((rest = after(text, "vsock://")))
		e = parse_vsock(rest, &a);
	else if ((rest = after(text, "virtio-port://")))
		e = parse_port(rest, &a);
	else
		e = err_new(ERR_FORMAT, "not unix://, vsock:// or virtio-port://");
	if (failed(e))
		return err_add(e, "address \"%.100s\"", text);
	*ret = a;
	return OK;
}

/* "NAME\n" in the file `name` of the port's directory */
static bool port_is_called(const char *directory, const char *device, const char *name)
{
	AUTO(buf_done) struct buf text = BUF_INIT(PORT_NAME_MAX + 1);
	char path[512];
	int n = snprintf(path, sizeof(path), "%s/%s/name", directory, device);

	if (n < 0 || (size_t)n >= sizeof(path) || failed(file_read(path, &text)))
		return false;
	while (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	return text.n == strlen(name) && strncmp((const char *)text.p, name, text.n) == 0;
}

RESULT virtio_port_find(const char *directory, const char *name, char **ret_device)
{
	AUTO(auto_closedir) DIR *dir = opendir(directory);
	const struct dirent *entry;

	/* The directory appears with the first port. */
	if (!dir && errno == ENOENT)
		return err_new(ERR_NOT_FOUND, "no virtio-serial port \"%s\"", name);
	if (!dir)
		return err_new(ERR_SYS, "%s", directory);
	/* One thread uses this directory stream. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.' && port_is_called(directory, entry->d_name, name))
			return str_dup(entry->d_name, ret_device);
	}
	return err_new(ERR_NOT_FOUND, "no virtio-serial port \"%s\"", name);
}
