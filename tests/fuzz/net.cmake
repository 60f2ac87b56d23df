sealpod_fuzz(NAME pb_agent LIBS net)
sealpod_fuzz(NAME url LIBS net)
