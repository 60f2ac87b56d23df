sealpod_fuzz(NAME pb_agent LIBS net)
sealpod_fuzz(NAME url LIBS net)
sealpod_fuzz(NAME ttrpc_client LIBS net)
sealpod_fuzz(NAME ttrpc_server LIBS net)
