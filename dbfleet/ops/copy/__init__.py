"""`dbfleet copy`: collections from one target into another, of any two engines.

A part of a collection is `sink.write(schema, source.scan(schema, part))`: the sink pulls, memory holds a batch. Workers
in processes of their own (ops/_workers.py) take parts in turns, a collection after those that it refers to. Before
anything is written every column's way is planned (ops/_plan.py) and shown; what cannot be kept is refused by name.

What replaces something is written under another name and takes its place when all of it is whole, and proven where
that was asked for (ops/_staging.py): whatever happens, the old rows are there or the new ones. An engine that cannot
exchange names has its old rows dropped first, which the plan says.

A journal (copy/journal.py) knows which parts are done. `resume` does the others: those that had begun by upsert, as the
sink may hold some of their rows, so nothing is lost or doubled. A collection without a key cannot be upserted: it is
made anew where this copy has made it, and refused where its rows might be another's. What becomes of a copy that ends
before its end: copy/end.py. A collection goes as lines from server to server where both speak them, else as
rows: copy/lines.py.
"""

from dbfleet.ops.copy.messages import Copied, Crew, Plan, Watch
from dbfleet.ops.copy.run import copy, receipt

__all__ = ["Copied", "Crew", "Plan", "Watch", "copy", "receipt"]
