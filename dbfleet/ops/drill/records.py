"""The receipt of a drill, as plain data that survives JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from dbfleet.errors import DbfleetError
from dbfleet.values import Digest

FIELDS: Final = (
    "kind",
    "target",
    "source",
    "at",
    "same",
    "rows",
    "seconds",
    "engine",
    "product",
    "version",
    "restored",
    "collections",
    "dump_digest",
    "restored_digest",
    "moment",
    "left",
    "dump",
    "error",
)
"""The fields of a receipt, in their order."""


@dataclass(frozen=True, slots=True)
class Restored:
    """One collection: what the manifest says of it, and what the throw-away server held after the load; None where it
    did not come so far."""

    collection: str
    rows: int
    digest: str
    restored_rows: int | None = None
    restored_digest: str | None = None

    @property
    def same(self) -> bool:
        """Whether the server held what the manifest says."""
        return self.restored_digest is not None and self.restored_digest == self.digest


@dataclass(slots=True)
class Drilled:
    """A drill. `same` is True (green), False (red), or None where it could not be done.

    `source` is the dump's: target, engine, product, version. `product` and `version` are the source's, `restored` those
    of the throw-away server, with its runtime. `at` is when the drill began, `moment` says of which moment the dump is.
    `seconds` are those of each stage. The two digests are of all collections together. `left` is what the source has
    and the dump does not hold. `dump` is where the dump is, where it was kept or was there before. `error` is why the
    drill is red or could not be done, `cause` the error behind it.
    """

    target: str
    engine: str
    at: str
    same: bool | None = None
    source: dict[str, str | None] = field(default_factory=dict)
    restored: dict[str, str | None] = field(default_factory=dict)
    collections: list[Restored] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    moment: str | None = None
    left: list[str] = field(default_factory=list)
    dump: str | None = None
    error: str | None = None
    cause: DbfleetError | None = field(default=None, repr=False)
    kind: str = "drill"

    @property
    def product(self) -> str | None:
        """The source's server, by its own name."""
        return self.source.get("product")

    @property
    def version(self) -> str | None:
        """The version of the source's server."""
        return self.source.get("version")

    @property
    def rows(self) -> int:
        """How many rows the manifest tells of."""
        return sum(each.rows for each in self.collections)

    @property
    def dump_digest(self) -> str | None:
        """The digest of all rows that the manifest tells of; None where a part of it is none."""
        return _sum(each.digest for each in self.collections)

    @property
    def restored_digest(self) -> str | None:
        """The digest of all rows that the throw-away server held; None where it did not come so far."""
        return _sum(each.restored_digest for each in self.collections)

    def red(self, why: str, cause: DbfleetError | None = None) -> None:
        """The restored is not what the dump should be. The first reason is kept."""
        if self.same is not False:
            self.same, self.error, self.cause = False, why, cause

    def undone(self, cause: DbfleetError) -> None:
        """The drill could not be done."""
        self.same, self.error, self.cause = None, cause.message, cause

    def record(self) -> dict[str, Any]:
        """The receipt."""
        found: dict[str, Any] = {name: getattr(self, name) for name in FIELDS}
        found["collections"] = [{**asdict(each), "same": each.same} for each in self.collections]
        return found


def _sum(digests: Iterable[str | None]) -> str | None:
    total = Digest()
    for text in digests:
        rows, _, hashes = (text or "").partition(":")
        try:
            total += Digest(int(rows), int(hashes, 16))
        except ValueError:
            return None
    return str(total)
