/* A throw-away CA, one certificate that it revoked and one that it did not, its list of
 * revocations, and a list with a critical extension. */
#pragma once

/* clang-format off */
static const char crl_ca[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBeTCCAR+gAwIBAgIUa8v3qSrhOGCL12cIs7cO7cpGFaEwCgYIKoZIzj0EAwIw\n"
	"ETEPMA0GA1UEAwwGQ1JMIENBMCAXDTI2MTEyMTA0NDMzNFoYDzIxMjYxMDI4MDQ0\n"
	"MzM0WjARMQ8wDQYDVQQDDAZDUkwgQ0EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"
	"AAQuJgWC5E9+o2QHbuRKx/VTnbgzn0hiFPcZckWrj2KcWWF06PG4DSryifRDSpH6\n"
	"p530+/tlsUEakV4KBsQhe52yo1MwUTAdBgNVHQ4EFgQUL2SXHwhMcFwb2G5Dse8V\n"
	"jsFeDDQwHwYDVR0jBBgwFoAUL2SXHwhMcFwb2G5Dse8VjsFeDDQwDwYDVR0TAQH/\n"
	"BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiAUNOfrp7yQk+rrWJ6xMua1IbCllgSG\n"
	"D0b/n1eWFnndHgIhAOx+FIrZfLYbuCs8xtjIVW4y32Qx7vMtCvXBDD9CyRQy\n"
	"-----END CERTIFICATE-----\n";

static const char crl_good[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBCDCBsAIBATAKBggqhkjOPQQDAjARMQ8wDQYDVQQDDAZDUkwgQ0EwIBcNMjYx\n"
	"MTIxMDQ0MzM0WhgPMjEyNjEwMjgwNDQzMzRaMA8xDTALBgNVBAMMBGdvb2QwWTAT\n"
	"BgcqhkjOPQIBBggqhkjOPQMBBwNCAAS0ZYUtDTamrwt9FFtcdKLNGGGR15oB5XgQ\n"
	"143tvsNwgdW6pIer8M4wS7P/2NevQBiam88OjjF8yL76wOfGXDIrMAoGCCqGSM49\n"
	"BAMCA0cAMEQCIAFAP6TAqSws2qY/cC59/nT7Q5zX45zGW+nl1d/wRmjdAiBFMrEg\n"
	"ll9HjJ3+Z1aDrGum8donXf9ty4CZzUQjuTx5nw==\n"
	"-----END CERTIFICATE-----\n";

static const char crl_revoked[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBBzCBrwIBAjAKBggqhkjOPQQDAjARMQ8wDQYDVQQDDAZDUkwgQ0EwIBcNMjYx\n"
	"MTIxMDQ0MzM0WhgPMjEyNjEwMjgwNDQzMzRaMA4xDDAKBgNVBAMMA2JhZDBZMBMG\n"
	"ByqGSM49AgEGCCqGSM49AwEHA0IABBZ5URp7BYH/um5jzJCvWmjgS7Jk47nX/sV3\n"
	"39fDp+Vu0fRq30Txc8xpD5n223SG8AeMu1ZM5MkqfShBlFMQEkIwCgYIKoZIzj0E\n"
	"AwIDRwAwRAIgZ2Tala4EPQR5hFFfS7GEkDy3qNcnNdY1rz/6lEj3ojsCID9A0uHU\n"
	"KR9eLxeTwouh2RjUpBvWq9dzMITB8b3JWm+Y\n"
	"-----END CERTIFICATE-----\n";

static const char crl_list[] =
	"-----BEGIN X509 CRL-----\n"
	"MIHBMGgCAQEwCgYIKoZIzj0EAwIwETEPMA0GA1UEAwwGQ1JMIENBFw0yNjExMjEw\n"
	"NDQzMzRaGA8yMTI2MTAyODA0NDMzNFowFDASAgECFw0yNjExMjEwNDQzMzRaoA4w\n"
	"DDAKBgNVHRQEAwIBATAKBggqhkjOPQQDAgNJADBGAiEA/xJuJs18Y/zgLphy7AzV\n"
	"Agy2AXFm7FNrKowTdYJlGCwCIQDzN9nUx381jQpwHWAupdV2+MhXeikiHf+VmAmv\n"
	"wq6gnw==\n"
	"-----END X509 CRL-----\n";

static const char crl_critical[] =
	"-----BEGIN X509 CRL-----\n"
	"MIHnMIGOAgEBMAoGCCqGSM49BAMCMBExDzANBgNVBAMMBkNSTCBDQRcNMjYxMTIx\n"
	"MDQ0MzM0WhgPMjEyNjEwMjgwNDQzMzRaMBQwEgIBAhcNMjYxMTIxMDQ0MzM0WqA0\n"
	"MDIwJAYDVR0cAQH/BBowGKAWoBSGEmh0dHA6Ly9leGFtcGxlL2NybDAKBgNVHRQE\n"
	"AwIBAjAKBggqhkjOPQQDAgNIADBFAiB+otbh3SwU9Q2e0xnbT732fRhxJMPro8/I\n"
	"mwAmCv4PTQIhAO1EcsD0eLHYkPgUXNpruVEKZx/h75lOSzBWc0tC+urA\n"
	"-----END X509 CRL-----\n";
