sealpod_fuzz(NAME policy LIBS keybroker PRIVATE keybroker)
