-- Spans whose caller is known as far as it can be, before it is seen which of several spans about one call counts (ADR 17). Nothing is kept here.
CREATE TABLE IF NOT EXISTS spans_owned AS spans_in
ENGINE = Null
