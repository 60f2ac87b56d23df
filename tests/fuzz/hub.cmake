sealpod_fuzz(NAME hub_config LIBS hub PRIVATE hub)
