sealpod_fuzz(NAME reference LIBS attestation)
