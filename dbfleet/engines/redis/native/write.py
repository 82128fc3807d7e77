"""Keys written natively: by RESTORE of what DUMP gave, else by the commands that make them (`native.make`).

Out of another Redis each key goes as its bytes, and no row is made of it; the DUMPs of the next batch are asked for
while this one is restored. By commands goes a key whose bytes the sink's version does not take, all of them where a
user may not DUMP or RESTORE, and what comes out of a dump.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dbfleet.adapter import Rejected, Written
from dbfleet.engines.redis.keys import belongs, shown, waiting_as
from dbfleet.engines.redis.large import no_room
from dbfleet.engines.redis.native.make import TYPES, commands_of
from dbfleet.engines.redis.native.read import Keys
from dbfleet.engines.redis.native.values import key_of_text, places, whole_row
from dbfleet.engines.redis.wire import Pending, ReplyError, Wire
from dbfleet.errors import Unsupported
from dbfleet.values import Batch, Row, Schema

_IN_FLIGHT: Final = 2
"""Batches that are sent to one side and not yet answered."""
_CHUNK_BYTES: Final = 1 << 20
_LARGE: Final = 4 << 20
_TAKES_NONE: Final = ("MISCONF ", "READONLY ", "NOREPLICAS ", "LOADING ", "MASTERDOWN ")
"""How the error of a server begins that takes no writes at all: no key is to blame."""


@dataclass(slots=True)
class _Coming:
    """A batch whose bytes are on their way from the source."""

    batch: Keys
    keys: list[bytes]
    dumps: Pending


@dataclass(slots=True)
class _Going:
    """Keys on their way into the sink."""

    batch: Keys
    keys: list[bytes]
    replies: Pending


class Writer:
    """One write: `written` adds up."""

    def __init__(self, wire: Wire, schema: Schema, *, upsert: bool) -> None:
        self.written = Written()
        self._wire, self._schema, self._upsert = wire, schema, upsert
        self._before = waiting_as(schema.name)
        self._coming: deque[_Coming] = deque()
        self._going: deque[_Going] = deque()
        self._restores = True

    def write(self, batches: Iterable[Batch]) -> Written:
        """Store the keys. Unsupported for a key that has no place in this collection."""
        try:
            for batch in batches:
                asked = batch.ask_dumps() if isinstance(batch, Keys) and self._restores else None
                if asked and isinstance(batch, Keys):
                    self._coming.append(_Coming(batch, *asked))
                    if len(self._coming) >= _IN_FLIGHT:
                        self._restore()
                else:
                    self._make(list(batch))
            while self._coming:
                self._restore()
            while self._going:
                self._land()
        finally:
            for coming in self._coming:
                coming.dumps.drop()
            for going in self._going:
                going.replies.drop()
        return self.written

    # --- by their bytes -----------------------------------------------------------------------------------------------

    def _restore(self) -> None:
        """Send the oldest batch that has come."""
        coming = self._coming.popleft()
        batch = coming.batch
        dumps = batch.take_dumps(coming.dumps)
        if dumps is None or not self._restores:
            self._make(list(batch.rows_of().values()), whole=True)
            return
        self._check(coming.keys)
        before, last = self._before, b"$7\r\nREPLACE\r\n" if self._upsert else b""
        words = 6 if self._upsert else 5
        packed, keys = [], []
        for key, (value, end) in zip(coming.keys, dumps, strict=True):
            if value is not None:
                name, when = before + key, b"%d" % end
                packed.append(
                    b"*%d\r\n$7\r\nRESTORE\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n%b$6\r\nABSTTL\r\n"
                    % (words, len(name), name, len(when), when, len(value), value, last)
                )
                keys.append(key)
        if keys:
            self._going.append(_Going(batch, keys, self._wire.send(b"".join(packed), len(keys))))
        while len(self._going) > _IN_FLIGHT:
            self._land()

    def _land(self) -> None:
        """Count what the oldest batch stored; what the server did not take as bytes is made by commands."""
        going = self._going.popleft()
        refused: dict[bytes, str] = {}
        for key, reply in zip(going.keys, self._wire.take(going.replies), strict=True):
            if isinstance(reply, ReplyError):
                refused[key] = str(reply)
        self.written.rows += len(going.keys) - len(refused)
        if not refused:
            return
        rows = going.batch.rows_of()
        again: list[Row] = []
        for key, why in refused.items():
            if why.startswith(_TAKES_NONE):
                raise ReplyError(why)
            if key not in rows:
                continue  # it has ended meanwhile
            if why.startswith(("BUSYKEY ", "OOM ")):
                self.written.rejected.append(Rejected(self._seen(rows[key]), _why(key, why)))
                continue
            if "version or checksum" in why or why.startswith("NOPERM "):
                self._restores = False
            again.append(rows[key])
        self._make(again, whole=True)

    # --- by commands --------------------------------------------------------------------------------------------------

    def _make(self, rows: Batch, *, whole: bool = False) -> None:
        """Store rows by commands, each key in a transaction of its own. `whole` rows have all columns of a key."""
        waiting: list[tuple[Row, bytes, list[list[Any]]]] = []
        size = 0
        for row in rows:
            full = row if whole else whole_row(self._schema, row)
            key = key_of_text(full[0])
            self._check([key])
            try:
                commands = commands_of(self._before + key, full)
            except (ValueError, TypeError, KeyError, AttributeError, IndexError) as exc:
                self.written.rejected.append(Rejected(self._seen(full), f"{shown(key)[:80]}: {exc}"))
                continue
            needs = sum(len(word) for words in commands for word in words if isinstance(word, bytes))
            if needs > _LARGE and (why := no_room(self._wire, f"the key {shown(key)[:80]}", needs)):
                self.written.rejected.append(Rejected(self._seen(full), why))
                continue
            waiting.append((full, key, commands))
            size += needs
            if size > _CHUNK_BYTES:
                self._store(waiting)
                waiting, size = [], 0
        self._store(waiting)

    def _store(self, waiting: Sequence[tuple[Row, bytes, list[list[Any]]]]) -> None:
        if not waiting:
            return
        if not self._upsert:
            there = self._wire.ask_all([["EXISTS", self._before + key] for _, key, _ in waiting])
            for (row, key, _), exists in zip(waiting, there, strict=True):
                if exists:
                    self.written.rejected.append(Rejected(self._seen(row), _why(key, "it is there already")))
            waiting = [one for one, exists in zip(waiting, there, strict=True) if not exists]
        sent: list[list[list[Any]]] = [
            [["MULTI"], ["DEL", self._before + key], *commands, ["EXEC"]] for _, key, commands in waiting
        ]
        packed = [self._wire.packed(words) for commands in sent for words in commands]
        replies = iter(self._wire.take(self._wire.send(b"".join(packed), len(packed))))
        for (row, key, _), commands in zip(waiting, sent, strict=True):
            answers = [next(replies) for _ in commands]
            done = answers[-1] if isinstance(answers[-1], list) else []
            why = next((str(each) for each in (*answers, *done) if isinstance(each, ReplyError)), None)
            if why is None:
                self.written.rows += 1
            elif why.startswith((*_TAKES_NONE, "NOPERM ")):
                raise ReplyError(why)
            else:
                if done:  # a part of it is there: a key is stored whole or not at all
                    self._wire.ask_all([["UNLINK", self._before + key]], keep=True)
                if row[1] not in TYPES and not why.startswith("OOM "):
                    why = f"this server does not take the type {row[1]} as the source's DUMP has it: {why}"
                self.written.rejected.append(Rejected(self._seen(row), _why(key, why)))

    def _check(self, keys: Iterable[bytes]) -> None:
        if self._before:
            return
        for key in keys:
            if not belongs(self._schema.name, key):
                raise Unsupported(
                    f"keys keep their names, and {shown(key)} has no place in {self._schema.name}",
                    hint="the collection of a key is what stands before its first colon",
                )

    def _seen(self, row: Row) -> Row:
        return tuple(row[place] for place in places(self._schema))


def _why(key: bytes, why: str) -> str:
    return f"{shown(key)[:80]}: {why}"
