closed UInt8 MATERIALIZED throwIf(rand() >= 0, 'the schema is not whole yet, so nothing is taken: send this again, or run rvbbit-otel migrate')
