sealpod_fuzz(NAME tdx LIBS tee PRIVATE tee)
sealpod_fuzz(NAME tcb_info LIBS tee PRIVATE tee)
