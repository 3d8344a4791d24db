-- Spans with what they say themselves, before a caller is sought for those that name none. Nothing is kept here.
CREATE TABLE IF NOT EXISTS spans_stated AS spans_in
ENGINE = Null
