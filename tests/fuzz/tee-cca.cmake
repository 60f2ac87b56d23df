sealpod_fuzz(NAME cca LIBS tee PRIVATE tee)
