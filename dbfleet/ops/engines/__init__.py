"""`dbfleet engines`: what each engine can do and how exactly it keeps each type, read from the specs; nothing runs.

`engines` gives what each declares. `matrix` gives what becomes of the types of any engine in any other, in one cell a
pair, and `cell` a line for each type of one pair. What a cell says is computed from the same declarations as the plan
of a copy (dbfleet/fidelity.py). What a run has proven of it, and on which servers, stands on record (proofs.py).
"""

from dbfleet.ops.engines.cells import Cell, Line, cell, matrix
from dbfleet.ops.engines.declared import Engine, engines, unusable

__all__ = ["Cell", "Engine", "Line", "cell", "engines", "matrix", "unusable"]
