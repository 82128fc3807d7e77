"""`dbfleet diff`: which rows of two collections differ, row by row, between any two engines.

Rows are paired by key; without one, whole rows are a multiset. Values are the same where their canonical texts are,
after both have been cut to what the coarser side declares to keep (diff/compare.py). Each side is read in a process of
its own (diff/sides.py). Where both can give their rows as lines in the order of one key, these are merged as bytes
(diff/merge.py). Else each side is read once into a sum for each of a million buckets of keys, and once more for the
rows of the buckets that differ, which are compared exactly: memory is flat, order does not matter, and where nothing
differs nothing is read twice.

Schemas that differ are told first, and what can be compared still is. What makes B like A is diff/sync.py.
"""

from dbfleet.ops.diff.differences import Counted, Difference
from dbfleet.ops.diff.run import Watch, diff

__all__ = ["Counted", "Difference", "Watch", "diff"]
