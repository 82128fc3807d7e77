"""`dbfleet seed`: fill targets with a dataset, all of them at once.

A process for each target makes the rows and feeds them to its engine (seed/worker.py). So each batch is made once a
target, not once for all: making a row costs less than half of what handing it to another process would (pickle, both
ways), and a tenth of what the engine's driver and server then spend on it. In one process the engines would take turns
at one core. An engine pulls, so memory holds a batch a process, and a slow engine holds up no other. A thread that
makes batches ahead was 1.4 times slower with MongoDB: it takes the driver's turns. A target that is seeded alone may
have a second process for the second half of what is large.

Nothing is written anywhere before every target has been looked at: rows that are there already are refused, unless
`reset` drops them. A target that fails does not stop the others.
"""

from dbfleet.ops.seed.run import Planned, Seeded, everything, plan, seed

__all__ = ["Planned", "Seeded", "everything", "plan", "seed"]
