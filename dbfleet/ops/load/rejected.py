"""Rows that a server refused, in a file: a JSON object a line, with the collection, the reason and the row.

An engine that stores what it can is given the rows some thousands at a time, so that memory does not hold the refused
ones. One that refuses a write as a whole is given them apart (`write_apart`): what is refused is halved until the bad
rows are found, so a bad row costs some twenty small writes and the good ones go in bulk.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Final, Self

from dbfleet.adapter import Adapter, Rejected, ResultColumn, WriteMode
from dbfleet.errors import NoRoom, RuntimeFailure, StatementError
from dbfleet.formats import Page, Plain, get
from dbfleet.values import Batch, Schema

_AT_ONCE: Final = 50
"""Batches a write."""
_SHOWN: Final = 100


class RejectedFile:
    """The file of refused rows, made at the first one. `asked`: the user has named it."""

    def __init__(self, path: Path, *, asked: bool) -> None:
        self.path = path
        self.asked = asked
        self.count = 0
        self.first = ""
        self.some: list[Rejected] = []
        self._file: BinaryIO | None = None
        self._schema: Schema | None = None
        self._before = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if self._file:
            file, self._file = self._file, None
            try:
                file.close()
            except OSError as error:
                if kind is None:  # else there is worse to tell
                    raise self._failed(error) from error

    def begin(self, schema: Schema) -> None:
        """The rows that follow are of this collection."""
        self._schema = schema
        self._before = self.count

    def ended(self) -> int:
        """How many rows of the collection were refused; the file has them all."""
        if self._file:
            try:
                self._file.flush()
            except OSError as error:
                raise self._failed(error) from error
        return self.count - self._before

    def add(self, refused: Iterable[Rejected]) -> None:
        """List these rows. RuntimeFailure where the file cannot be written."""
        assert self._schema is not None
        for each in refused:
            self.first = self.first or each.reason
            if len(self.some) < _SHOWN:
                self.some.append(each)
            self.count += 1
            self._put(each)

    def _put(self, refused: Rejected) -> None:
        assert self._schema is not None
        columns = [ResultColumn(column.name, column.type) for column in self._schema.columns]
        row = b"".join(get("jsonl").encode([Plain(columns, [[refused.row]])], Page())).strip()
        head = json.dumps({"collection": self._schema.name, "reason": refused.reason}, ensure_ascii=False)
        try:
            if self._file is None:
                self._file = open(self.path, "wb")  # noqa: SIM115 - closed by __exit__
            self._file.write(head[:-1].encode("utf-8", "backslashreplace") + b', "row": ' + row + b"}\n")
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> RuntimeFailure:
        return RuntimeFailure(f"cannot write {self.path}: {error.strerror or error}")

    def through(
        self, adapter: Adapter, schema: Schema, batches: Iterator[Batch], mode: WriteMode, *, alone: bool
    ) -> int:
        """Write all batches to an engine that keeps what it can; how many rows are stored. `alone` as `write` has
        it."""
        stored = 0
        for batch in batches:
            written = adapter.write(schema, chain([batch], islice(batches, _AT_ONCE - 1)), mode=mode, alone=alone)
            stored += written.rows
            self.add(written.rejected)
        return stored


def write_apart(
    adapter: Adapter, schema: Schema, batches: Iterator[Batch], mode: WriteMode, refused: RejectedFile
) -> int:
    """Write all batches to an engine that refuses a write as a whole; how many rows are stored."""
    return sum(_halved(adapter, schema, batch, mode, refused) for batch in batches)


def _halved(adapter: Adapter, schema: Schema, batch: Batch, mode: WriteMode, refused: RejectedFile) -> int:
    try:
        return adapter.write(schema, [batch], mode=mode).rows
    except NoRoom:
        raise  # no row's fault
    except StatementError as error:
        if len(batch) == 1:
            refused.add([Rejected(batch[0], error.message)])
            return 0
    middle = len(batch) // 2
    return sum(_halved(adapter, schema, half, mode, refused) for half in (batch[:middle], batch[middle:]))
