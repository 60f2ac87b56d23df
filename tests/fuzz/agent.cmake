sealpod_fuzz(NAME manifest LIBS agent PRIVATE agent)
