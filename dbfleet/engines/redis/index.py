"""The index of a collection, read by key and never by rank: so each key comes once, whatever is added and removed.

A page begins where the last one ended: behind the last score, or behind the last key where all scores are 0. Integers
above 2**53 may share a score, so a page asks for the last score again and leaves out the keys that were given already.
"""

from __future__ import annotations

from typing import Any

from dbfleet.adapter import WHOLE, Part
from dbfleet.engines.redis.values import index_of, scored
from dbfleet.engines.redis.wire import Pending, ReplyError, Wire
from dbfleet.values import Schema


class Pages:
    """Keys in order, in pages of at most `size`. The next page may be asked for ahead of time."""

    def __init__(self, wire: Wire, schema: Schema, part: Part, size: int) -> None:
        self._wire = wire
        self._index = index_of(schema.name)
        self._size = size
        self._by_score = scored(schema)
        if self._by_score:
            self._low, self._high = str(part.get("from", "-inf")), "(" + part["before"] if "before" in part else "+inf"
        else:
            self._low = "[" + part["from"] if "from" in part else "-"
            self._high = "(" + part["before"] if "before" in part else "+"
        self._given: set[bytes] = set()  # at the score `_low`
        self._coming: Pending | None = None

    def ask(self) -> None:
        """Have the next page sent."""
        words: list[Any] = [self._index, self._low, self._high]
        if self._by_score:
            words = ["ZRANGEBYSCORE", *words, "WITHSCORES", "LIMIT", 0, self._size + len(self._given)]
        else:
            words = ["ZRANGEBYLEX", *words, "LIMIT", 0, self._size]
        self._coming = self._wire.send(self._wire.packed(words))

    def next(self) -> list[bytes]:
        """The next page; [] behind the last."""
        if self._coming is None:
            self.ask()
        assert self._coming
        (reply,) = self._wire.take(self._coming)
        self._coming = None
        if isinstance(reply, ReplyError):
            raise reply
        if not self._by_score:
            if reply:
                self._low = "(" + reply[-1].decode("utf-8", "surrogateescape")
            return list(reply)
        fresh = [(key, score) for key, score in with_scores(reply) if key not in self._given][: self._size]
        if fresh:
            last = fresh[-1][1]
            given = {key for key, score in fresh if score == last}
            self._given = self._given | given if repr(last) == self._low else given
            self._low = repr(last)
        return [key for key, _ in fresh]

    def close(self) -> None:
        """Drop a page that is on its way."""
        if self._coming:
            self._coming.drop()
            self._coming = None


def with_scores(reply: list[Any]) -> list[tuple[bytes, float]]:
    """Members and their scores: RESP3 gives pairs, RESP2 a flat list of texts."""
    if reply and isinstance(reply[0], list):
        return [(member, float(score)) for member, score in reply]
    return [(member, float(score)) for member, score in zip(reply[::2], reply[1::2], strict=True)]


def parts(wire: Wire, schema: Schema, size: int, count: int) -> list[Part]:
    """Equal parts of an index of this size. Their bounds, `from` and `before`, are scores, or keys where all scores are
    0."""
    ranks = sorted({size * number // count for number in range(1, count)} - {0})
    packed = [wire.packed(["ZRANGE", index_of(schema.name), rank, rank, "WITHSCORES"]) for rank in ranks]
    bounds: list[str] = []
    for reply in wire.take(wire.send(b"".join(packed), len(packed))):
        if isinstance(reply, ReplyError):
            raise reply
        for member, score in with_scores(reply):
            bound = repr(score) if scored(schema) else member.decode()
            if bound not in bounds:
                bounds.append(bound)
    if not bounds:
        return [WHOLE]
    return [
        {word: bound for word, bound in (("from", low), ("before", high)) if bound is not None}
        for low, high in zip([None, *bounds], [*bounds, None], strict=True)
    ]
