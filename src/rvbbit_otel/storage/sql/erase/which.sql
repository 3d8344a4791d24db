SELECT
    arrayFilter(id -> sipHash64('caller', id) IN (SELECT hash FROM erased), {callers:Array(String)}) AS callers,
    arrayFilter(id -> sipHash64('session', id) IN (SELECT hash FROM erased), {sessions:Array(String)}) AS sessions
