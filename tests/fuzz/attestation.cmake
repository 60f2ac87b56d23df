sealpod_fuzz(NAME reference LIBS attestation)
sealpod_fuzz(NAME event_details LIBS attestation PRIVATE attestation)
