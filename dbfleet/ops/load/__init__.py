"""`dbfleet load`: a dump, or one CSV or JSON Lines file of anybody's, into a target.

    for record in load(fleet, target, Path("shop.dump")):
        ...

Nothing is written before everything has been looked at: a dump's manifest, sizes and checksums; a foreign file to its
end, so that its types hold for every value; the target's collections. Then `show` is told the plan. What is missing is
created; what is there keeps its schema, or is refused with the difference.

What is replaced stands until the rows that replace it are all there, and proven where that was asked for: they wait
under another name (ops/_staging.py). An engine that cannot exchange names has it dropped first, which is said before.

A load that fails drops again what it has made, so that the same command can simply be given again; one that was
interrupted, or has lost its server, keeps the collections of a dump that are whole: the same command skips them then.
Refused rows go to a file, each with its reason: load/rejected.py.
"""

from dbfleet.ops.load.plan import Planned
from dbfleet.ops.load.run import Earlier, Loaded, load

__all__ = ["Earlier", "Loaded", "Planned", "load"]
