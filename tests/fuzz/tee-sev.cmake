sealpod_fuzz(NAME snp LIBS tee PRIVATE tee)
