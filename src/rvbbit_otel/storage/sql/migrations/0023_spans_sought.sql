-- Blocks with stragglers, whole. Nothing is kept here.
CREATE TABLE IF NOT EXISTS spans_sought AS spans_in
ENGINE = Null
