sealpod_fuzz(NAME guest_log LIBS runtime)
sealpod_fuzz(NAME pod_files LIBS runtime)
