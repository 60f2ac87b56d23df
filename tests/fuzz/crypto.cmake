sealpod_fuzz(NAME jwe LIBS crypto)
sealpod_fuzz(NAME jwk LIBS crypto)
sealpod_fuzz(NAME jws LIBS crypto)
sealpod_fuzz(NAME x509 LIBS crypto)
