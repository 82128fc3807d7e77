"""How large keys are, before they are read: replies pile up in the server until we take them.

MEMORY USAGE takes 3 µs a row, and reading the row takes 12. Where this user may not ask it, few keys are read at a
time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from dbfleet.adapter import BATCH_BYTES
from dbfleet.engines.redis.wire import Pending, ReplyError, Wire

_UNKNOWN: Final = 25
"""Keys that are read at a time where their sizes are not known."""


def ask(wire: Wire, keys: Sequence[bytes]) -> Pending:
    """Ask for the sizes of the keys. SAMPLES 0: all fields of a hash are counted, not five."""
    packed = [wire.packed(["MEMORY", "USAGE", key, "SAMPLES", 0]) for key in keys]
    return wire.send(b"".join(packed), len(packed))


def cut(wire: Wire, pending: Pending, keys: Sequence[bytes]) -> Iterator[list[bytes]]:
    """The keys in pieces of at most BATCH_BYTES, or of one key that has more. `pending` has their sizes."""
    piece: list[bytes] = []
    total = 0
    sizes = wire.take(pending)
    if any(isinstance(size, ReplyError) for size in sizes):
        yield from (list(keys[start : start + _UNKNOWN]) for start in range(0, len(keys), _UNKNOWN))
        return
    for key, size in zip(keys, sizes, strict=True):
        if piece and total + (size or 0) > BATCH_BYTES:
            yield piece
            piece, total = [], 0
        piece.append(key)
        total += size or 0
    if piece:
        yield piece
