sealpod_fuzz(NAME tar LIBS image-rs PRIVATE image-rs)
