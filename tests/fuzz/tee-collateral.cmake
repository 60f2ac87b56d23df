sealpod_fuzz(NAME collateral LIBS tee PRIVATE tee)
