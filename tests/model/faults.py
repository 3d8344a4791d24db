"""Faults of the product that the model has found and that are not mended yet: while one of these is true, what shows it is left out.

Each has a page of its own in README.md, with the smallest program. Take the flag out with the mend.
"""

from typing import Final

# A generator that `called_by` decorates, or a hooked stream, in a circle that the garbage collector finds: the inner one is closed first, outside of
# the block that is in the outer one.
COLLECTED: Final = True
# Export takes the session id of a nobody's run for one that was set late, and gives the row to a later run of the same id.
REPAIRED: Final = True
# A row that names a session which is known, and of which no caller is known, takes the caller around, who need not be that session's.
UNCLAIMED: Final = True
# A session that is nobody's, and runs, becomes the caller's from whose work it is only looked up; its own rows with it.
LEARNED: Final = True
