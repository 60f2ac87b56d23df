sealpod_fuzz(NAME initdata LIBS measured-boot)
sealpod_fuzz(NAME authenticode LIBS measured-boot)
sealpod_fuzz(NAME ovmf LIBS measured-boot PRIVATE measured-boot)
sealpod_fuzz(NAME elf LIBS guest-image PRIVATE measured-boot)
