"""What a person sees of the console's records: a line each, also on 80 columns. A machine gets the records whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from dbfleet.cli.layout import Cell, grid
from dbfleet.cli.render import harmless
from dbfleet.formats import Page

_RED: Final = ("failed", "red", "drift", "overdue", "cancelled")
_YELLOW: Final = ("cannot tell", "waiting", "paused", "new")


def jobs(found: Iterable[Mapping[str, Any]], page: Page, *, today: datetime) -> Iterator[str]:
    """Jobs, a line each, with what went wrong."""
    rows: list[Sequence[Cell]] = [
        [
            str(each["job"]),
            each["kind"],
            _state(each["verdict"] if each["state"] == "done" and each["verdict"] else each["state"]),
            f"{each['rows']:,}" if each["rows"] else "",
            _clock(each["begun"], today),
            ": ".join(harmless(text) for text in (_ends(each), each["error"]) if text),
        ]
        for each in found
    ]
    yield from grid(("job", "kind", "state", "rows", "begun UTC", "what"), rows, page, right=("job", "rows"))


def schedules(found: Iterable[Mapping[str, Any]], page: Page, *, today: datetime) -> Iterator[str]:
    """Schedules, a line each."""
    rows: list[Sequence[Cell]] = [
        [
            harmless(each["schedule"]),
            _state(each["state"]),
            each["when"],
            _clock(each["next"], today),
            _clock(each["verified_through"] or each["last"], today),
            "" if each["schedule"] == _named(each) else _named(each),
        ]
        for each in found
    ]
    # The same through, for what compares; else when it was done last.
    yield from grid(("schedule", "state", "when", "next UTC", "last UTC", "what"), rows, page)


def receipts(found: Iterable[Mapping[str, Any]], page: Page, *, today: datetime) -> Iterator[str]:
    """Receipts, a line each."""
    rows: list[Sequence[Cell]] = [
        [
            str(each["receipt"]),
            each["kind"],
            {True: ("same", "green"), False: ("not the same", "red")}.get(each["same"], ""),
            f"{each['rows']:,}" if each["rows"] else "",
            _clock(each["at"], today),
            each["hash"][:12],
            harmless(_ends(each)),
        ]
        for each in found
    ]
    yield from grid(
        ("receipt", "kind", "proven", "rows", "at UTC", "hash", "what"), rows, page, right=("receipt", "rows")
    )


def found_by(job: Mapping[str, Any], page: Page, *, today: datetime) -> Iterator[str]:
    """What a drift check found, as `drift` shows it; nothing for other jobs."""
    result = job["result"] or {}
    if job["kind"] != "drift" or "collections" not in result:
        return
    from dbfleet.cli import _drift_view
    from dbfleet.ops.drift import Drifted
    from dbfleet.ops.drift.records import FIELDS

    def drifted(record: Mapping[str, Any]) -> Drifted:
        from dbfleet.ops.diff.differences import Difference

        through = record["verified_through"]
        facts = {name: record[name] for name in FIELDS if name in record and name != "differences"}
        return Drifted(
            **{**facts, "confirmed_at": None, "verified_through": datetime.fromisoformat(through) if through else None},
            differences=[Difference(record["collection"], **each) for each in record["differences"]],
        )

    yield from _drift_view.table([drifted(each) for each in result["collections"]], page, today=today)


def today() -> datetime:
    """The day whose moments are shown without it."""
    return datetime.now(UTC)


def _ends(each: Mapping[str, Any]) -> str:
    return " → ".join(name for name in (each["source"], each["target"]) if name)


def _named(each: Mapping[str, Any]) -> str:
    return harmless(f"{each['kind']} {each['target']}".strip())


def _state(word: str) -> Cell:
    return word, "red" if word in _RED else "yellow" if word in _YELLOW else None


def _clock(text: str | None, today: datetime) -> str:
    if not text:
        return ""
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return f"{moment:%H:%M:%S}" if moment.date() == today.date() else f"{moment:%Y-%m-%d %H:%M}"
