sealpod_fuzz(NAME initdata LIBS measured-boot)
