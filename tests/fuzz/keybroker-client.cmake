sealpod_fuzz(NAME rcar LIBS keybroker-client PRIVATE keybroker-client)
