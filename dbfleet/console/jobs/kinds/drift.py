"""`drift`: two targets that should hold the same, compared; what differs is read again before anybody is woken."""

from __future__ import annotations

import json
import time
from datetime import UTC
from typing import Any, Final

from dbfleet.console.jobs import kinds
from dbfleet.console.jobs.kinds import Arguments, Kind, Outcome, Work
from dbfleet.fleet import Fleet

_CONFIRM_S: Final = 10.0


def _check(fleet: Fleet, arguments: Arguments) -> dict[str, Any]:
    left = kinds.target(fleet, arguments.get("left"), "the first target")
    right = kinds.target(fleet, arguments.get("right"), "the second target")
    if left == right:
        kinds.refuse(f"{left} is both sides", "name two targets, or two collections of one")
    return {
        "left": left,
        "right": right,
        "collections": kinds.names(arguments.get("collections"), "collections"),
        "columns": kinds.names(arguments.get("columns"), "columns"),
        "ignore": kinds.names(arguments.get("ignore"), "ignore"),
        "where": kinds.text(arguments.get("where"), "where"),
        "settled_s": kinds.number(arguments.get("settled_s"), "settled", most=7 * 86400),
        "settled_by": kinds.text(arguments.get("settled_by"), "settled_by"),
        "confirm_s": kinds.number(arguments.get("confirm_s"), "confirm", most=3600),
    }


def _run(fleet: Fleet, arguments: Arguments, work: Work) -> Outcome:
    from dbfleet.ops import drift as op

    (left, one), (right, other) = fleet.locate(arguments["left"]), fleet.locate(arguments["right"])
    left, left_open = kinds.reader(fleet, left)
    right, right_open = kinds.reader(fleet, right)
    names: list[Any] = list(arguments["collections"])
    if one or other:
        names = [(one or other, other or one)]
    settled_s, confirm_s = arguments["settled_s"], arguments["confirm_s"]
    watch = _watch(work)
    found = list(
        op.drift(
            fleet, left, right, names, columns=arguments["columns"], ignore=arguments["ignore"],
            where=arguments["where"] or None,
            settled=op.Settled(settled_s, arguments["settled_by"] or None) if settled_s else None,
            confirm_s=_CONFIRM_S if confirm_s is None else confirm_s, sleep=lambda seconds: _sleep(work, seconds),
            timeouts_s=(work.timeouts_s.get(left.name), work.timeouts_s.get(right.name)), watch=watch,
        )
    )  # fmt: skip
    records = [json.loads(each.to_json()) for each in found]
    states = {each.state for each in found}
    verdict = "drift" if "drift" in states else "cannot tell" if "cannot tell" in states or not found else "ok"
    proven = [each.verified_through for each in found if each.verified_through is not None]
    through = min(proven).astimezone(UTC).isoformat() if verdict == "ok" and len(proven) == len(found) else None
    why = next((each.why for each in found if each.why), None)
    body = {
        "left": left.name,
        "right": right.name,
        "state": verdict,
        "verified_through": through,
        "collections": records,
        "said": [*watch.texts, *(text for text in (left_open, right_open) if text)],
    }
    return Outcome(
        rows=sum(each.rows or 0 for each in found),
        verdict=verdict,
        result=body,
        receipt={**body, "collections": [_without_rows(each) for each in records]},
        same={"ok": True, "drift": False}.get(verdict),
        verified_through=through,
        error=(why or "there is nothing to compare") if verdict == "cannot tell" else "",
    )


def _without_rows(record: dict[str, Any]) -> dict[str, Any]:
    """A receipt says how much differs and which keys; the rows themselves are for the job's record, which ends."""
    kept = [{"change": each.get("change"), "key": each.get("key")} for each in record["differences"]]
    return {**record, "differences": kept}


def _sleep(work: Work, seconds: float) -> None:
    """Wait, and notice within half a second that the job was cancelled."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        work.tell(0, f"reads again in {left:.0f} s")
        time.sleep(min(left, 0.5))


def _watch(work: Work) -> Any:
    from dbfleet.ops.diff import Watch

    class Telling(Watch):
        """Tells the job how far the comparing is."""

        def __init__(self) -> None:
            self.texts: list[str] = []
            self._rows: dict[tuple[str, str], int] = {}

        def progress(self, side: str, collection: str, rows: int) -> None:
            self._rows[side, collection] = rows
            work.tell(sum(self._rows.values()), collection)

        def said(self, text: str) -> None:
            if text not in self.texts:
                self.texts.append(text)

    return Telling()


KIND = Kind(
    name="drift",
    words="two targets that should hold the same",
    takes={
        "left": "one target, or one collection of it",
        "right": "the other",
        "collections": "which; all if none is named",
        "columns": "compare these only",
        "ignore": "do not compare these",
        "where": "which rows",
        "settled_s": "rows younger than so many seconds are not judged",
        "settled_by": "the column that says how old a row is",
        "confirm_s": "after so many seconds what differs is read again",
    },
    check=_check,
    run=_run,
    ends=lambda arguments: (str(arguments.get("left", "")), str(arguments.get("right", ""))),
)
