"""What a check for drift finds of one collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from dbfleet.errors import DbfleetError
from dbfleet.formats._values import AS_JSON
from dbfleet.ops.diff import Difference

State = Literal["ok", "drift", "cannot tell"]

FIELDS: Final = (
    "left",
    "right",
    "collection",
    "state",
    "rows",
    "added",
    "removed",
    "changed",
    "unsettled",
    "healed",
    "confirmed_at",
    "verified_through",
    "schema",
    "digest",
    "why",
    "differences",
)
"""The fields of a record, in their order."""


@dataclass(slots=True)
class Drifted:
    """One collection; of a target that does not answer, where nobody knows its collections, `collection` is None.

    `rows` is how many rows of the left were compared, None where that is not known. `added`, `removed` and `changed`
    are drift, seen from left to right; `schema` counts differences of the schemas. `unsettled` rows differ and were not
    judged; `healed` ones differed at first. `confirmed_at` is when what differed was read again; `verified_through` is
    set where the state is ok. `digest` is that of both sides, where their servers computed it. `differences` are those
    of the schemas and the first rows, as `diff` gives them. `why` is why nobody can tell, or not all of it where the
    state is drift; `error` is its cause.
    """

    left: str
    right: str
    collection: str | None
    state: State = "ok"
    rows: int | None = None
    added: int = 0
    removed: int = 0
    changed: int = 0
    unsettled: int = 0
    healed: int = 0
    confirmed_at: datetime | None = None
    verified_through: datetime | None = None
    schema: int = 0
    digest: str | None = None
    why: str | None = None
    differences: list[Difference] = field(default_factory=list)
    error: DbfleetError | None = field(default=None, repr=False)

    @property
    def drifted(self) -> int:
        """How many rows are drift."""
        return self.added + self.removed + self.changed

    def count(self, difference: Difference, limit: int) -> None:
        """One more row that is drift; it is kept as long as there are fewer than `limit`."""
        if difference.change == "added":
            self.added += 1
        elif difference.change == "removed":
            self.removed += 1
        else:
            self.changed += 1
        if self.drifted <= limit:
            self.differences.append(difference)

    def cannot_tell(self, error: DbfleetError) -> Drifted:
        """This record, of a collection of which nobody can tell more because of the error. What is drift stays so."""
        self.why, self.error = error.message, error
        if not self.drifted and not self.schema:
            self.state = "cannot tell"
        return self

    def record(self) -> dict[str, Any]:
        """The record's fields, with plain values of dbfleet."""
        found: dict[str, Any] = {name: getattr(self, name) for name in FIELDS}
        found["differences"] = [_plain(each) for each in self.differences]
        return found

    def to_json(self) -> str:
        """The record as one JSON object, values by the canonical encoding."""
        return AS_JSON[dict](self.record())


def _plain(difference: Difference) -> Mapping[str, Any]:
    found = asdict(difference)
    del found["collection"]
    return found
