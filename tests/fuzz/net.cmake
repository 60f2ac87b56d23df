sealpod_fuzz(NAME pb_agent LIBS net)
