sealpod_fuzz(NAME json LIBS base)
sealpod_fuzz(NAME toml LIBS base)
sealpod_fuzz(NAME base64 LIBS base)
