"""What copy and load have in common about the end that they write into: what stands in the way of a replace, what is at
stake, and what becomes of a command that ends before its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dbfleet.abilities import Adopts, CountsOn, Swaps, TellsLosses, able
from dbfleet.adapter import Adapter
from dbfleet.errors import NoRoom, RuntimeFailure, StatementError, Unavailable, UsageError
from dbfleet.fleet import Fleet
from dbfleet.spec import Capability, EngineSpec
from dbfleet.target import Target
from dbfleet.values import Schema


class FreshFile:
    """The file of an embedded target. Where the command has made it and nothing came of it, `remove` removes it."""

    def __init__(self, fleet: Fleet, target: Target) -> None:
        path = Path(target.database) if fleet.spec(target).embedded and target.database else None
        self._path = path if path is not None and not path.exists() else None

    def remove(self, *, only_empty: bool = False) -> None:
        """Remove the file if it was made. Call it after the last connection is closed. `only_empty`: keep a file that
        holds something."""
        if self._path is not None and self._path.is_file() and not (only_empty and self._path.stat().st_size):
            for ending in ("-wal", "-shm", "-journal", ""):
                self._path.with_name(self._path.name + ending).unlink(missing_ok=True)


def goes_on(error: BaseException) -> bool:
    """Whether the same command may succeed later with what it has done."""
    return isinstance(error, Unavailable | NoRoom | RuntimeFailure) or not isinstance(error, Exception)


def counted(sink: Adapter, name: str) -> int | None:
    """How many rows the collection has; None where it cannot be read, as a broken view."""
    try:
        return sink.count(name)
    except StatementError:
        return None


def count_on(sink: Adapter, name: str) -> list[str]:
    """Let the counters of a collection that was there go on behind the written values. What could not be set, in
    words."""
    counting = able(sink, CountsOn)
    return list(counting.count_on(name)) if counting else []


def is_bare(sink: Adapter, name: str) -> bool:
    """Whether a collection that is there is empty, and nobody has said what its rows are: it takes any."""
    adopting = able(sink, Adopts)
    return adopting.bare(name) if adopting else False


def adopt(sink: Adapter, schema: Schema) -> None:
    """Give the bare collection this schema."""
    adopting = able(sink, Adopts)
    if adopting:
        adopting.adopt(schema)


def lost(sink: Adapter, names: Sequence[str]) -> list[str]:
    """What is lost with the collections that are replaced, in words. ConstraintViolated for what cannot be lost."""
    telling = able(sink, TellsLosses)
    return list(telling.lost(names)) if telling and names else []


def question(
    going: Sequence[tuple[str, int | None]],
    sink: str,
    spec: EngineSpec,
    lost: Sequence[str] = (),
    in_place: Sequence[str] = (),
) -> str:
    """What is agreed to: which collections are replaced, with their rows, and how. Empty where none is. Those that are
    replaced `in_place` cannot change their names, so they are dropped first."""
    if not going:
        return ""
    named = [name if rows is None else f"{name} ({rows:,} row{'' if rows == 1 else 's'})" for name, rows in going]
    told = ", ".join(named[:5]) + (f" and {len(named) - 5} more" if named[5:] else "")
    more = f" and {len(lost) - 5} more" if lost[5:] else ""
    goes = f"; lost with it: {'; '.join(lost[:5])}{more}" if lost else ""
    return f"{told} of {sink} will be {_how(len(going), spec)}{goes}"


def _how(collections: int, spec: EngineSpec) -> str:
    if Swaps not in spec.abilities:
        return "dropped first: this engine cannot exchange collections"
    how = "replaced once the new rows are whole"
    if spec.swap_collections is not None and collections > spec.swap_collections:
        at_once = "one" if spec.swap_collections == 1 else f"{spec.swap_collections}"
        how += f", {at_once} at a time: until the last, readers see old ones beside new ones"
    if spec.swap_rows is not None:
        how += (
            f"; where that is more than about {spec.swap_rows:,} rows, in steps: until the last, readers see some rows"
        )
    return how


def refuse_what_is_referred_to(sink: Adapter, dropped: Sequence[str]) -> None:
    """UsageError where a collection that stays refers to one that goes. Half of them dropped and the other half refused
    would be the worst of both."""
    if Capability.REFERENCES not in sink.spec.capabilities or not dropped:
        return
    for other in sorted(set(sink.collections()) - set(dropped)):
        try:
            references = sink.describe(other).references
        except StatementError:  # a broken view refers to nothing that is checked
            continue
        for reference in references:
            if reference.collection in dropped:
                raise UsageError(
                    f"{other} refers to {reference.collection}, which therefore cannot be dropped. Nothing was written",
                    target=sink.target.name,
                    hint=f"replace {other} together with {reference.collection}, or use --mode upsert",
                )
