/* Throw-away keys written by the openssl command, in every form that we must read or refuse. */
#pragma once

/* clang-format off */
static const char ec_pkcs8[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgO1xndoNtGE47ONU3\n"
	"3oZzt67ehxTLmrIOaahFcHqj9tChRANCAAQTd0AUrTjuZ9cqKwJG/OV4D54CsQk8\n"
	"U+Ce6iZTLM6JpFWL2dWpRRhaiQMkUJ6utMW+mshMAl7zbIzxMkTkz3c1\n"
	"-----END PRIVATE KEY-----\n";

static const char ec_sec1[] =
	"-----BEGIN EC PRIVATE KEY-----\n"
	"MHcCAQEEIDtcZ3aDbRhOOzjVN96Gc7eu3ocUy5qyDmmoRXB6o/bQoAoGCCqGSM49\n"
	"AwEHoUQDQgAEE3dAFK047mfXKisCRvzleA+eArEJPFPgnuomUyzOiaRVi9nVqUUY\n"
	"WokDJFCerrTFvprITAJe82yM8TJE5M93NQ==\n"
	"-----END EC PRIVATE KEY-----\n";

static const char ec_with_parameters[] =
	"-----BEGIN EC PARAMETERS-----\n"
	"BggqhkjOPQMBBw==\n"
	"-----END EC PARAMETERS-----\n"
	"-----BEGIN EC PRIVATE KEY-----\n"
	"MHcCAQEEIIF3AOG3kXCbG499carp84nN7e5Gz/ADxR7y0Ua+Y+GmoAoGCCqGSM49\n"
	"AwEHoUQDQgAERk6lSSidsM+RXxmWe0orW5vNDqNRKHDbsb4bZaNpqac9tlFaiTh2\n"
	"TPwqgKOMWKEXf3uipub18x6/6U768A0thA==\n"
	"-----END EC PRIVATE KEY-----\n";

static const char ec_encrypted_pkcs8[] =
	"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
	"MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgxRFVZn7cqDgICCAAw\n"
	"DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEPffn685lrMBUm6kZ/vvC+QEgZA/\n"
	"E8s5Eh99uCbEq9eyhndH/auwqfGQ7zlrMP3KeDqEUj8iM0pb7g4YG6cRZBunX/Om\n"
	"e0NrHJU7euvHmupxQxNQCTCmPLZA4ceZO+wfPa+4LJZuGLKwkGkxyCECFmso+kce\n"
	"C/oExlHK42lGeAJHOLjGnoXG0ePKmo0dMUCdXAm1YlV0rk7Vic61ZKFgSIb4t/o=\n"
	"-----END ENCRYPTED PRIVATE KEY-----\n";

static const char ec_encrypted_sec1[] =
	"-----BEGIN EC PRIVATE KEY-----\n"
	"Proc-Type: 4,ENCRYPTED\n"
	"DEK-Info: AES-128-CBC,EF535F1A78CE940836D8944D3351BB4E\n"
	"\n"
	"XMEQ9y6XermlprAIuLOWlgE3FwZIcIhH/mYdMspxGI+3oEH6oz9Fjr4/QTivURVr\n"
	"MTtOnMXcB15Q/SWctaIjNXprCi4V9lUsyQGKp5DNdllrYnsYr1yGB5q+OIb4WhwT\n"
	"f0XQhmR2FAwveqZn5eBpA+Y5MMVSxNUJcPXdrJgY7Nw=\n"
	"-----END EC PRIVATE KEY-----\n";

static const char ec_spki[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEE3dAFK047mfXKisCRvzleA+eArEJ\n"
	"PFPgnuomUyzOiaRVi9nVqUUYWokDJFCerrTFvprITAJe82yM8TJE5M93NQ==\n"
	"-----END PUBLIC KEY-----\n";

static const char ec_certificate[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBbTCCAROgAwIBAgIUepejPzW+VtTHel+/eA1oNb7uTkYwCgYIKoZIzj0EAwIw\n"
	"DDEKMAgGA1UEAwwBeDAeFw0yNjExMjEwMzU4MzJaFw0yNjExMjIwMzU4MzJaMAwx\n"
	"CjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQTd0AUrTjuZ9cq\n"
	"KwJG/OV4D54CsQk8U+Ce6iZTLM6JpFWL2dWpRRhaiQMkUJ6utMW+mshMAl7zbIzx\n"
	"MkTkz3c1o1MwUTAdBgNVHQ4EFgQULl9xO+1ixHoYc7Tc6o+grvEBKCowHwYDVR0j\n"
	"BBgwFoAULl9xO+1ixHoYc7Tc6o+grvEBKCowDwYDVR0TAQH/BAUwAwEB/zAKBggq\n"
	"hkjOPQQDAgNIADBFAiB049nsV2ZiYbK9XoFpCTL/WjZvTTyGptbF/TbsvVmuxgIh\n"
	"APBt8hB870KSe2SETAAyFicbSfBmVUCXqceD1dXy+b1O\n"
	"-----END CERTIFICATE-----\n";

static const char secp256k1_sec1[] =
	"-----BEGIN EC PRIVATE KEY-----\n"
	"MHQCAQEEIO7JHWb2+sWwIBnvC2lZdUqiSXmMhx43N4anIFbRq53GoAcGBSuBBAAK\n"
	"oUQDQgAE2eYhWFOPoP/S40pMbi8K679qlm64iVjWB6ejU5pt1cL9de2NYd6Xdv+m\n"
	"mcY6R7nmVw56ZzNlno1EBsVOKoITMQ==\n"
	"-----END EC PRIVATE KEY-----\n";

static const char secp256k1_spki[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAE2eYhWFOPoP/S40pMbi8K679qlm64iVjW\n"
	"B6ejU5pt1cL9de2NYd6Xdv+mmcY6R7nmVw56ZzNlno1EBsVOKoITMQ==\n"
	"-----END PUBLIC KEY-----\n";

static const char ec_explicit_sec1[] =
	"-----BEGIN EC PRIVATE KEY-----\n"
	"MIIBaAIBAQQgWE0AflUX7oS5u3L3uqnsem1CYCqI6WFHkQ9/eLzSUkSggfowgfcC\n"
	"AQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAAAAAAAAAAAAAA////////////////\n"
	"MFsEIP////8AAAABAAAAAAAAAAAAAAAA///////////////8BCBaxjXYqjqT57Pr\n"
	"vVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSdNgiG5wSTamZ44ROdJreBn36QBEEE\n"
	"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W\n"
	"K84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA//////////+85vqtpxeehPO5ysL8\n"
	"YyVRAgEBoUQDQgAEWM1T0R49uZ3yaP62nt3KLCczdEYsRcrhMPcgmR+R2iyck2pa\n"
	"4G4uBG3xIXVTiJi9YX5rlIWLd435BxWffDnW1w==\n"
	"-----END EC PRIVATE KEY-----\n";

static const char ec_explicit_spki[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA\n"
	"AAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////\n"
	"///////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd\n"
	"NgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5\n"
	"RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA\n"
	"//////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABFjNU9EePbmd8mj+tp7dyiwn\n"
	"M3RGLEXK4TD3IJkfkdosnJNqWuBuLgRt8SF1U4iYvWF+a5SFi3eN+QcVn3w51tc=\n"
	"-----END PUBLIC KEY-----\n";

static const char rsa_pkcs8[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDo86Xh6Thq4j95\n"
	"jVQMEGh5YH+XO5HH2IWMFWTFp8kqN7Sspawr0I/GIo404rlDmTlBhzWsoeNdkOgE\n"
	"lA2+50wcecKJkO2/p/bxYCpPxb64BZxeg+ZcSspW9xRL8GGGPZRkjXyB8tvGdfxX\n"
	"jV1g1M+yp6XoMcQJIG3vFB34VrmxDZiJZz7YNaY2jFyTNzDfqMwD/oOnnhYPBeQf\n"
	"8ZGK6IRgchYIbCb2VxnjtunP18fEozktlS4qbRj7/Kt0ouwf1S/0ZWorJr75eVaF\n"
	"6hRZZFCKaNYnNUt+Scltll30XrizvXGRlAcjV7vj5TQlKnwXgIPKCEv8FKtCcYuj\n"
	"2TJQ9XN/AgMBAAECggEAbJEtNNncTNgP7CcFTjAReMwT+tgs635KU0yfMA0wEGhw\n"
	"4GvAD5V+hEGTlCs8W7hb+mG5DrFORUulDokv1NJ4YucOVs3AOCvgR4NhhNcsuRgI\n"
	"VfZUFJxYq+owP+oSkZ0+fRSBvBCDA/318pn0NI5KFEHU7R/QdM5z3dI624QTu+Mt\n"
	"9HlWJeViWqp/NiZpXr5cprQ2qh53v5v43v3MNhhcAEyzOxn1EeZ1pgn4EiRCS/S1\n"
	"B/GwuP8NAGe80X0QoW9LyFVV/R2OZ01XIyq1b6cdL+3LCUT54IxXWCIv4AXw5eZ5\n"
	"LM+xX+ldn6tyh+bqfbx9vc7WxDTjzGMXhVsiiJwlFQKBgQD9hOV4KXIH6U2vsQKB\n"
	"yOs8I4YJvCpZObYx5vtaZmdibpohfplukuC4NdkTBYgBVEthtfhlMsXtDB4DeDBC\n"
	"wLChGAsiuRPc0TdF6m0bW5ApGURy2KnVhF66x5wxgMbTu5ioMPsUleX4lMHQBKTq\n"
	"Aco1tNqROUxw0mQkHisaGc+qPQKBgQDrOzosCb6zVax1A/yBwIbLR7PNMPRZNuQV\n"
	"DIe0Knz7osIjUS8C99xSLXg0RKHrH3DW7fcwyHvgh3N/Oq+EwuVNFxKG0pg4XcJe\n"
	"hHcr+RwKDDdzsBruBAZBjKGgmKQccHgsZeZcjWVyLzVXs+b9VUPReP48NmuUSgSh\n"
	"NmCWc388awKBgQC0NtNUHsojm5IQ0ViB38xwXKQ8qVjFQoQkZxjIQ0E8tHi2VKNG\n"
	"+fvqlsSvg+ARadWIKO3hKj2Oa22uc7KC0Sz95vSLg1r+Pm73MVTL/MO2o3KH3UKl\n"
	"OEqKpbh/bBZqjtFOxjrFgGUQ1tYLRDHi8tDGasBwOXYAQV7UWemzzSNU1QKBgQCf\n"
	"0gLJDunpUGk2q7mwso0iqhnIbN1ni/rVLkk5KLD4CvIaKrtlKeAgWVJVONhGNntl\n"
	"HBMZqu03dPAM3mOIMR64DNgCkCzqBxHbQ+bwEnVxgjFewaTaWBOkD5d01KCTzfpo\n"
	"N+eWtF7bgKWea9WiA39rX+hkIplfDBcvLRHcxqYI9wKBgB8eqGPmCK0qcI8NXcpP\n"
	"B2/1lwf2FQczN9xV2+4X7UZ0hXr3WpQV2My1hqV2b6ql6LGc8VZZOl55rUlRDEfn\n"
	"LBXjRkVjj/4m6mT/6QITZI9xDF0yYc92yWJ8B9+Nwu1OyCkpD3PqAajhoJiXMDj9\n"
	"sQeFUHEtz76lS1QIFPeRlGEo\n"
	"-----END PRIVATE KEY-----\n";

static const char rsa_pkcs1[] =
	"-----BEGIN RSA PRIVATE KEY-----\n"
	"MIIEpAIBAAKCAQEA6POl4ek4auI/eY1UDBBoeWB/lzuRx9iFjBVkxafJKje0rKWs\n"
	"K9CPxiKONOK5Q5k5QYc1rKHjXZDoBJQNvudMHHnCiZDtv6f28WAqT8W+uAWcXoPm\n"
	"XErKVvcUS/Bhhj2UZI18gfLbxnX8V41dYNTPsqel6DHECSBt7xQd+Fa5sQ2YiWc+\n"
	"2DWmNoxckzcw36jMA/6Dp54WDwXkH/GRiuiEYHIWCGwm9lcZ47bpz9fHxKM5LZUu\n"
	"Km0Y+/yrdKLsH9Uv9GVqKya++XlWheoUWWRQimjWJzVLfknJbZZd9F64s71xkZQH\n"
	"I1e74+U0JSp8F4CDyghL/BSrQnGLo9kyUPVzfwIDAQABAoIBAGyRLTTZ3EzYD+wn\n"
	"BU4wEXjME/rYLOt+SlNMnzANMBBocOBrwA+VfoRBk5QrPFu4W/phuQ6xTkVLpQ6J\n"
	"L9TSeGLnDlbNwDgr4EeDYYTXLLkYCFX2VBScWKvqMD/qEpGdPn0UgbwQgwP99fKZ\n"
	"9DSOShRB1O0f0HTOc93SOtuEE7vjLfR5ViXlYlqqfzYmaV6+XKa0Nqoed7+b+N79\n"
	"zDYYXABMszsZ9RHmdaYJ+BIkQkv0tQfxsLj/DQBnvNF9EKFvS8hVVf0djmdNVyMq\n"
	"tW+nHS/tywlE+eCMV1giL+AF8OXmeSzPsV/pXZ+rcofm6n28fb3O1sQ048xjF4Vb\n"
	"IoicJRUCgYEA/YTleClyB+lNr7ECgcjrPCOGCbwqWTm2Meb7WmZnYm6aIX6ZbpLg\n"
	"uDXZEwWIAVRLYbX4ZTLF7QweA3gwQsCwoRgLIrkT3NE3ReptG1uQKRlEctip1YRe\n"
	"usecMYDG07uYqDD7FJXl+JTB0ASk6gHKNbTakTlMcNJkJB4rGhnPqj0CgYEA6zs6\n"
	"LAm+s1WsdQP8gcCGy0ezzTD0WTbkFQyHtCp8+6LCI1EvAvfcUi14NESh6x9w1u33\n"
	"MMh74IdzfzqvhMLlTRcShtKYOF3CXoR3K/kcCgw3c7Aa7gQGQYyhoJikHHB4LGXm\n"
	"XI1lci81V7Pm/VVD0Xj+PDZrlEoEoTZglnN/PGsCgYEAtDbTVB7KI5uSENFYgd/M\n"
	"cFykPKlYxUKEJGcYyENBPLR4tlSjRvn76pbEr4PgEWnViCjt4So9jmttrnOygtEs\n"
	"/eb0i4Na/j5u9zFUy/zDtqNyh91CpThKiqW4f2wWao7RTsY6xYBlENbWC0Qx4vLQ\n"
	"xmrAcDl2AEFe1Fnps80jVNUCgYEAn9ICyQ7p6VBpNqu5sLKNIqoZyGzdZ4v61S5J\n"
	"OSiw+AryGiq7ZSngIFlSVTjYRjZ7ZRwTGartN3TwDN5jiDEeuAzYApAs6gcR20Pm\n"
	"8BJ1cYIxXsGk2lgTpA+XdNSgk836aDfnlrRe24ClnmvVogN/a1/oZCKZXwwXLy0R\n"
	"3MamCPcCgYAfHqhj5gitKnCPDV3KTwdv9ZcH9hUHMzfcVdvuF+1GdIV691qUFdjM\n"
	"tYaldm+qpeixnPFWWTpeea1JUQxH5ywV40ZFY4/+Jupk/+kCE2SPcQxdMmHPdsli\n"
	"fAffjcLtTsgpKQ9z6gGo4aCYlzA4/bEHhVBxLc++pUtUCBT3kZRhKA==\n"
	"-----END RSA PRIVATE KEY-----\n";

static const char rsa_spki[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA6POl4ek4auI/eY1UDBBo\n"
	"eWB/lzuRx9iFjBVkxafJKje0rKWsK9CPxiKONOK5Q5k5QYc1rKHjXZDoBJQNvudM\n"
	"HHnCiZDtv6f28WAqT8W+uAWcXoPmXErKVvcUS/Bhhj2UZI18gfLbxnX8V41dYNTP\n"
	"sqel6DHECSBt7xQd+Fa5sQ2YiWc+2DWmNoxckzcw36jMA/6Dp54WDwXkH/GRiuiE\n"
	"YHIWCGwm9lcZ47bpz9fHxKM5LZUuKm0Y+/yrdKLsH9Uv9GVqKya++XlWheoUWWRQ\n"
	"imjWJzVLfknJbZZd9F64s71xkZQHI1e74+U0JSp8F4CDyghL/BSrQnGLo9kyUPVz\n"
	"fwIDAQAB\n"
	"-----END PUBLIC KEY-----\n";

static const char rsa_pkcs1_public[] =
	"-----BEGIN RSA PUBLIC KEY-----\n"
	"MIIBCgKCAQEA6POl4ek4auI/eY1UDBBoeWB/lzuRx9iFjBVkxafJKje0rKWsK9CP\n"
	"xiKONOK5Q5k5QYc1rKHjXZDoBJQNvudMHHnCiZDtv6f28WAqT8W+uAWcXoPmXErK\n"
	"VvcUS/Bhhj2UZI18gfLbxnX8V41dYNTPsqel6DHECSBt7xQd+Fa5sQ2YiWc+2DWm\n"
	"Noxckzcw36jMA/6Dp54WDwXkH/GRiuiEYHIWCGwm9lcZ47bpz9fHxKM5LZUuKm0Y\n"
	"+/yrdKLsH9Uv9GVqKya++XlWheoUWWRQimjWJzVLfknJbZZd9F64s71xkZQHI1e7\n"
	"4+U0JSp8F4CDyghL/BSrQnGLo9kyUPVzfwIDAQAB\n"
	"-----END RSA PUBLIC KEY-----\n";

static const char rsa_1024_spki[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC+WIlFNqaY5mS46GR8Mt44wQpm\n"
	"1paBych+6PHE96tKLGaDY/5uNDjWP0g14Anf/c0tahU9YNlR/yEWOxOrrTBVF8Do\n"
	"fWs9MWXDyKyVcFAdSl/zFouI8OzcdA5oNS2yrHEYGVCTb71RepGxtYXOsgr8NLAS\n"
	"907QFtCO0mb0lTtAFQIDAQAB\n"
	"-----END PUBLIC KEY-----\n";

static const char ed25519_pkcs8[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEIPs8uxhAIssNOzPZ9WAnXDe/992nWsAlsUK37/hZbioi\n"
	"-----END PRIVATE KEY-----\n";
