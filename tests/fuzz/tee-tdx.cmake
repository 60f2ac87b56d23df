sealpod_fuzz(NAME tdx LIBS tee PRIVATE tee)
