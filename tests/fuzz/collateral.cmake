sealpod_fuzz(NAME collateral_bundle LIBS collateral)
sealpod_fuzz(NAME collateral_index LIBS collateral PRIVATE collateral)
