sealpod_fuzz(NAME guest_log LIBS runtime)
sealpod_fuzz(NAME pod_files LIBS runtime)
sealpod_fuzz(NAME host_text LIBS runtime)
sealpod_fuzz(NAME id_block LIBS runtime)
