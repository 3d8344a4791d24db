-- The words of a text that are an id of one: (text) -> Array(String).
text -> arrayFilter(
    word -> sipHash64('caller', word) IN (SELECT hash FROM erased) OR sipHash64('session', word) IN (SELECT hash FROM erased),
    extractAll(text, '[A-Za-z0-9_]+(?:[.:-]+[A-Za-z0-9_]+)*')
)
