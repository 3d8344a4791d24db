-- First, since what comes in is looked up here. Whose data was erased, and stays out when it is sent again: sipHash64('caller', its id) or sipHash64('session', its id), and nothing else of it (ADR 54).
CREATE TABLE IF NOT EXISTS erased
(
    hash UInt64,
    since DateTime('UTC') DEFAULT now('UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY hash
SETTINGS index_granularity = 256
