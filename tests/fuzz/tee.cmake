sealpod_fuzz(NAME eventlog LIBS tee)
sealpod_fuzz(NAME event_details LIBS tee PRIVATE tee)
sealpod_fuzz(NAME tpm2 LIBS tee PRIVATE tee)
sealpod_fuzz(NAME vtpm_evidence LIBS tee PRIVATE tee)
