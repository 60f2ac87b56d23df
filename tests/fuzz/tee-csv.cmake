sealpod_fuzz(NAME csv LIBS tee PRIVATE tee)
