sealpod_fuzz(NAME hub_config LIBS hub PRIVATE hub)
sealpod_fuzz(NAME secure_mount LIBS hub PRIVATE hub)
