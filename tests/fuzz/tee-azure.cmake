sealpod_fuzz(NAME azure LIBS tee PRIVATE tee)
sealpod_fuzz(NAME vtpm_files LIBS tee PRIVATE tee)
