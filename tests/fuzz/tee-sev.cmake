sealpod_fuzz(NAME snp LIBS tee PRIVATE tee)
sealpod_fuzz(NAME sev LIBS tee PRIVATE tee)
