sealpod_fuzz(NAME manifest LIBS agent PRIVATE agent)
sealpod_fuzz(NAME agent_request LIBS agent PRIVATE agent)
