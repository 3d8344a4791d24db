SELECT toUnixTimestamp64Milli(now64(3)) / 1000
