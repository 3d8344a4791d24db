-- Blocks in which it has to be seen which span counts, or what a call costs, whole. Nothing is kept here.
CREATE TABLE IF NOT EXISTS spans_telling AS spans_in
ENGINE = Null
