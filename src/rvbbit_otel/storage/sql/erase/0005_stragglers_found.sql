-- What the last repair worked by names callers. A change of it that was cut off goes on, and finds nothing more.
TRUNCATE TABLE IF EXISTS stragglers_found
