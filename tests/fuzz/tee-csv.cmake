sealpod_fuzz(NAME csv LIBS tee PRIVATE tee)
sealpod_fuzz(NAME nvgpu LIBS tee PRIVATE tee)
