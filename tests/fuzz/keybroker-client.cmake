sealpod_fuzz(NAME rcar LIBS keybroker-client PRIVATE keybroker-client)
sealpod_fuzz(NAME sealed_secret LIBS keybroker-client)
