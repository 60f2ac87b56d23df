sealpod_fuzz(NAME se LIBS tee PRIVATE tee)
