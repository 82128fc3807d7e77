"""Keys that fall together: two rows whose keys are one to the sink, because it keeps fewer digits of a second or does
not count the blanks at the end of a text. The second one is refused by name, on every engine and in every mode: an
upsert would let it take the place of the first, and nobody would be told.

Which keys have come is remembered, so a collection of which this is to be feared is not copied in parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dbfleet.adapter import Rejected
from dbfleet.fidelity import coarsened
from dbfleet.spec import EngineSpec
from dbfleet.values import TEXT_OF, Batch, Row, Schema


class Apart:
    """The rows that are written into a collection of this engine, but those whose keys fall on another row's; these are
    in `rejected`."""

    def __init__(self, schema: Schema, spec: EngineSpec) -> None:
        self.rejected: list[Rejected] = []
        self._schema = schema
        self._places = schema.key_indexes
        self._cut = coarsened([schema.columns[place] for place in self._places], spec)
        self._seen: dict[Row, Row] = {}

    def __call__(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches without these rows; as they are, where there is none."""
        if self._cut is None:
            yield from batches
            return
        for batch in batches:
            fallen = [number for number, row in enumerate(batch) if self._falls(row)]
            if fallen:
                gone = set(fallen)
                batch = [row for number, row in enumerate(batch) if number not in gone]
            yield batch

    def _falls(self, row: Row) -> bool:
        assert self._cut is not None
        key = tuple([row[place] for place in self._places])
        first = self._seen.setdefault(self._cut(key), key)
        if first == key:
            return False
        reason = f"the key {self._told(key)} is {self._told(first)} to the sink, which exists already"
        self.rejected.append(Rejected(row, reason))
        return True

    def _told(self, key: Sequence[Any]) -> str:
        columns = [self._schema.columns[place] for place in self._places]
        texts = [
            "NULL" if value is None else TEXT_OF[column.type](value) for column, value in zip(columns, key, strict=True)
        ]
        return repr(texts[0]) if len(texts) == 1 else f"({', '.join(map(repr, texts))})"
