"""`dbfleet drift`: do two targets still hold the same, and since when is that known?

    for found in drift(fleet, left, right, settled=Settled(60), confirm_s=10):
        found.state  # "ok", "drift" or "cannot tell"

It compares as `diff` does (ops/diff), by the way that costs least: lines in the order of one key, read once; else the
digests of both servers; else sums of hashes, and then only the rows in the ranges that differ. What differs is not
drift yet:

- *settled*: a row that either side has touched within the last seconds, by a column that says when, is not judged.
- *confirm*: what differs is read again some seconds later, by its key. It is drift if it differs still and at least
  one side is as it was. A row that has become equal is counted as healed. One that both sides have rewritten meanwhile
  is in motion: it is counted as unsettled, as a young one is.

*Verified through* is the moment at which reading began (on the side where it began earlier). Its meaning is exactly
this: whatever either side had been given by then is on both sides, the same, except for the rows counted as unsettled.

A collection that one side lacks, and a column that one side lacks or types otherwise, is drift. A server that does not
answer, a collection that neither side has or that cannot be read: nobody can tell, and the record says why.

Memory is flat however many rows differ: they are counted, and the first of them are kept.
"""

from dbfleet.ops.drift.records import Drifted, State
from dbfleet.ops.drift.run import drift
from dbfleet.ops.drift.settled import Settled

__all__ = ["Drifted", "Settled", "State", "drift"]
