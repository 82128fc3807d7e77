"""What `drift` shows a person: a line for each collection, the worst first; then what differs, and what stood in the
way. Progress is that of `diff`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from dbfleet.cli._diff_view import lines
from dbfleet.cli.layout import Cell, grid, painted, wrapped
from dbfleet.cli.render import counted, harmless
from dbfleet.formats import Page

if TYPE_CHECKING:
    from dbfleet.ops.drift import Drifted

MARKS: Final = {"drift": ("✗", "red"), "cannot tell": ("?", "yellow"), "ok": ("✓", "green")}
"""The states, the worst first."""
_SHOWN: Final = 20
"""Differences of a collection; a machine gets all that were kept."""


def table(found: Sequence[Drifted], page: Page, *, today: datetime) -> Iterator[str]:
    """The lines; moments of `today` are shown without their day."""
    order = list(MARKS)
    worst_first = sorted(found, key=lambda each: order.index(each.state))
    rows: list[Sequence[Cell]] = []
    for each in worst_first:
        if each.collection is None:  # nobody knows which there are
            continue
        mark, colour = MARKS[each.state]
        counts = [each.drifted + each.schema, each.unsettled, each.healed]
        rows.append(
            [
                (f"{mark} {harmless(each.collection)}", colour),
                (each.state, colour),
                "" if each.rows is None else f"{each.rows:,}",
                *(f"{count:,}" if count else "" for count in counts),
                _clock(each.verified_through, today),
            ]
        )
    numbers = ("rows", "differ", "unsettled", "healed")
    yield from grid(("  collection", "state", *numbers, "same through"), rows, page, right=numbers)
    first = True
    for each in worst_first:
        if each.differences:
            if first:
                yield ""
                for mark, colour, name in (("---", "red", each.left), ("+++", "green", each.right)):
                    yield painted(f"{mark} {harmless(name)}", colour, page)
            first = False
            yield painted(harmless(str(each.collection)), "bold", page)
            for difference in each.differences[:_SHOWN]:
                yield from lines(difference, page)
            if more := each.drifted + each.schema - len(each.differences[:_SHOWN]):
                yield f"  and {counted(more)} more"
    troubled = [each for each in worst_first if each.why]
    for number, each in enumerate(troubled):
        if not number and rows:
            yield ""
        mark, colour = MARKS["cannot tell"]
        target = (each.error.target if each.error else None) or ""
        name, why = each.collection or target, str(each.why)
        if each.collection and target and target not in why:
            why = f"{target}: {why}"
        front = painted(mark + (f" {harmless(name)}" if name else ""), colour, page)
        yield from wrapped(f"{front}: {harmless(why)}", page.width, rest="    ")
        if each.error and each.error.hint:
            yield from wrapped(harmless(each.error.hint), page.width, first="    → ", rest="      ")


def summary(found: Sequence[Drifted]) -> str:
    """All of it in one sentence."""
    if any(each.collection is None for each in found):
        return "nobody can tell"
    counts = {state: sum(each.state == state for each in found) for state in MARKS}
    words = {"drift": "drifted", "cannot tell": "of which nobody can tell", "ok": "the same"}
    told = [f"{count} {words[state]}" for state, count in counts.items() if count]
    return f"{len(found)} collection{'' if len(found) == 1 else 's'}: {', '.join(told) or 'nothing was compared'}"


def _clock(moment: datetime | None, today: datetime) -> str:
    if moment is None:
        return ""
    moment = moment.astimezone(UTC)
    return f"{moment:%H:%M:%S} UTC" if moment.date() == today.date() else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
