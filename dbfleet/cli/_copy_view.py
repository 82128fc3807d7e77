"""What `copy` shows on stderr: the plan before anything is written, then its progress."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from dbfleet.cli import render
from dbfleet.cli.chosen import chosen
from dbfleet.ops.copy import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dbfleet.ops._plan import PlannedColumn
    from dbfleet.ops.copy import Plan

_COLOURS = {"exact": "green", "as text": "yellow", "rounded": "yellow", "refused": "red"}
_WHOLE = ("exact", "exact or refused")
"""No value is changed."""


class CopyView(ExitStack, Watch):
    """Shows a copy while it runs. `agree` asks the user before existing data is dropped."""

    def __init__(self, agree: Callable[[str], None]) -> None:
        super().__init__()
        self.plan: Plan | None = None
        self._agree = agree
        self._display: render.Progress | None = None
        self._bars: dict[str, render.Bar] = {}
        self._far: dict[str, tuple[int, int]] = {}

    def planned(self, plan: Plan) -> None:
        self.plan = plan
        for each in plan.collections:
            name = each.source.name if each.source.name == each.sink.name else f"{each.source.name} → {each.sink.name}"
            title = render.paint(render.harmless(f"{name}: {each.action}"), "bold")
            # Of a collection that was there, its server knows at the first line whether its columns take them.
            unsure = each.way == "lines" and each.action not in ("create", "replace")
            way = "lines if its columns take them" if unsure else each.way
            how = "native" if each.sink.native else _summed(each.columns)
            render.say(f"{title}, {how}, by {way}", rest="  ")
            # A column that is kept exactly gets a line only with --verbose.
            shown = [line for line in each.columns if chosen.verbose or line.fidelity not in _WHOLE]
            width = max((len(line.column) for line in shown), default=0)
            for line in shown:
                text = render.harmless(_told(line, width))
                colour = None if line.fidelity in _WHOLE else _COLOURS[line.fidelity]
                render.say(render.paint(text, colour) if colour else text, rest=" " * (width + 4))
            for text in () if chosen.verbose else _refused(each.columns):
                render.say(render.harmless(text), rest="    ")
            if each.extras:
                along = ", ".join(map(str, each.extras)) if chosen.verbose else _counted_extras(each.extras)
                render.say(render.harmless(f"  with {along}"), rest="  ")
        if plan.views:
            render.say(render.harmless(f"view{'s' if plan.views[1:] else ''}: {', '.join(plan.views)}"), rest="  ")
        for text in plan.left:
            render.warn(text)
        if plan.resumed:
            render.say(f"{plan.resumed} part{'s are' if plan.resumed > 1 else ' is'} done already")

    def agree(self, plan: Plan) -> None:
        if plan.question:
            self._agree(f"{plan.question}. Go on?")

    def progress(self, collection: str, done: int, total: int) -> None:
        # From the first row on: the workers have forked by then, and a display has a thread.
        self._display = self._display or self.enter_context(render.progress(unit="rows"))
        if collection not in self._bars:
            self._bars[collection] = self._display.bar(collection, "", total=total or None)
        self._far[collection] = (done, max(total, done))
        self._bars[collection].update(done=done, total=max(total, done) or None)

    def finished(self, collection: str, rows: int, seconds: float) -> None:
        self._far.pop(collection, None)
        if bar := self._bars.pop(collection, None):
            bar.finish(f"{render.counted(rows)} in {seconds:.1f} s")

    def said(self, text: str) -> None:
        render.warn(text)

    def __exit__(self, *exc: object) -> bool | None:
        for collection, bar in self._bars.items():
            done, total = self._far[collection]
            bar.finish(f"stopped at {done:,} of {total:,} rows", ok=False)
        return super().__exit__(*exc)  # type: ignore[arg-type]


def _summed(columns: Sequence[PlannedColumn]) -> str:
    """53 columns: 50 exact, 2 as text, 1 rounded."""
    counts: dict[str, int] = {}
    for line in columns:
        counts[line.fidelity] = counts.get(line.fidelity, 0) + 1
    exact = counts.pop("exact", 0)
    told = ["all exact" if exact == len(columns) else f"{exact} exact", *(f"{n} {word}" for word, n in counts.items())]
    return f"{len(columns)} column{'' if len(columns) == 1 else 's'}: {', '.join(told)}"


def _refused(columns: Sequence[PlannedColumn]) -> list[str]:
    """A line for each reason for which values of columns are refused: `no U+0000: name, email, note and 9 more`."""
    names: dict[str, list[str]] = {}
    for line in columns:
        if line.fidelity == "exact or refused":
            names.setdefault(line.note or "", []).append(line.column)
    return [
        f"  {', '.join(found[:3])}{f' and {len(found) - 3} more' if found[3:] else ''}: exact or refused ({note})"
        for note, found in names.items()
    ]


def _counted_extras(extras: Sequence[object]) -> str:
    counts: dict[str, int] = {}
    for extra in extras:
        word = getattr(extra, "kind", type(extra).__name__.lower())
        counts[word] = counts.get(word, 0) + 1
    return ", ".join(f"{n} {word}{_plural(word) if n > 1 else ''}" for word, n in counts.items())


def _plural(word: str) -> str:
    return "es" if word.endswith("x") else "s"


def _told(line: PlannedColumn, width: int) -> str:
    way = line.source if line.source == line.sink else f"{line.source} → {line.sink}"
    note = f" ({line.note})" if line.note else ""
    return f"  {line.column:<{width}}  {way}: {line.fidelity}{note}"


def proven(receipt: Mapping[str, Any]) -> str:
    """A receipt in one sentence."""
    ends = [
        f"{receipt[end]['target']} ({receipt[end]['product']} {receipt[end]['version']})" for end in ("source", "sink")
    ]
    count = len(receipt["collections"])
    what = f"{count} collection{'' if count == 1 else 's'}, {render.counted(receipt['rows'])}"
    word = "proven" if receipt["same"] else "NOT the same"
    return render.harmless(f"{word}: {what}, from {ends[0]} to {ends[1]}; 2> FILE keeps the receipt as JSON")
