sealpod_fuzz(NAME luks2 LIBS volume PRIVATE volume)
