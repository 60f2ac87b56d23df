#include "netlink_address.h"

#include <stdio.h>

#include <arpa/inet.h>
#include <base/encode.h>

RESULT ip_parse(const char *text, struct ip_address *ret)
{
	struct ip_address a = { 0 };

	if (inet_pton(AF_INET, text, a.bytes) == 1) {
		a.family = AF_INET;
		a.n = 4;
	} else if (inet_pton(AF_INET6, text, a.bytes) == 1) {
		a.family = AF_INET6;
		a.n = 16;
	} else {
		return err_new(ERR_FORMAT, "\"%.60s\" is no IP address", text);
	}
	a.prefix = (uint8_t)(a.n * 8);
	*ret = a;
	return OK;
}

RESULT cidr_parse(const char *text, struct ip_address *ret)
{
	const char *slash = strchr(text, '/');
	struct ip_address a = { 0 };
	char address[64];
	unsigned prefix = 0;

	if (!slash || (size_t)(slash - text) >= sizeof(address) || slash[1] == '\0')
		return err_new(ERR_FORMAT, "\"%.60s\" is no ADDRESS/PREFIX", text);
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	TRY(ip_parse(address, &a));
	for (const char *p = slash + 1; *p; p++) {
		if (*p < '0' || *p > '9' || prefix > a.prefix)
			return err_new(ERR_FORMAT, "\"%.60s\": bad prefix", text);
		prefix = prefix * 10 + (unsigned)(*p - '0');
	}
	if (prefix > a.prefix)
		return err_new(ERR_FORMAT, "\"%.60s\": bad prefix", text);
	a.prefix = (uint8_t)prefix;
	*ret = a;
	return OK;
}

void ip_format(int family, struct bytes address, char *to, size_t size)
{
	if (address.n != (family == AF_INET ? 4 : 16) ||
		!inet_ntop(family, address.p, to, (socklen_t)size))
		to[0] = '\0';
}

RESULT mac_parse(const char *text, uint8_t ret[static 6])
{
	char hex[12];

	if (strlen(text) != 17)
		return err_new(ERR_FORMAT, "\"%.40s\" is no MAC address", text);
	for (size_t i = 0; i < 6; i++) {
		if (i < 5 && text[3 * i + 2] != ':')
			return err_new(ERR_FORMAT, "\"%.40s\" is no MAC address", text);
		memcpy(hex + 2 * i, text + 3 * i, 2);
	}
	return hex_decode_fixed(bytes_of(hex, sizeof(hex)), "MAC address", ret, 6);
}

void mac_format(const uint8_t mac[static 6], char to[static 18])
{
	(void)snprintf(to, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		mac[4], mac[5]);
}
