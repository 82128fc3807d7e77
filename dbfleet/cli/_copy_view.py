"""What `copy` shows on stderr: the plan before anything is written, then how far it is."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from dbfleet.cli import render
from dbfleet.ops.copy import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbfleet.ops._plan import PlannedColumn
    from dbfleet.ops.copy import Plan

_COLOURS = {"exact": "green", "as text": "yellow", "rounded": "yellow", "refused": "red"}


class CopyView(ExitStack, Watch):
    """`agree` is asked before what is there is dropped."""

    def __init__(self, agree: Callable[[str], None]) -> None:
        super().__init__()
        self.plan: Plan | None = None
        self._agree = agree
        self._display: render.Progress | None = None
        self._bars: dict[str, render.Bar] = {}

    def planned(self, plan: Plan) -> None:
        self.plan = plan
        for each in plan.collections:
            name = each.source.name if each.source.name == each.sink.name else f"{each.source.name} → {each.sink.name}"
            render.say(render.paint(render.harmless(f"{name}: {each.action}"), "bold"))
            width = max((len(line.column) for line in each.columns), default=0)
            for line in each.columns:
                text = render.harmless(_told(line, width))
                if line.fidelity in ("exact", "refused"):
                    render.say(text)
                else:
                    render.say(render.paint(text, _COLOURS[line.fidelity]))
            for extra in each.extras:
                render.say(render.harmless(f"  {extra}: comes along"))
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
        self._bars[collection].update(done=done, total=max(total, done) or None)

    def finished(self, collection: str, rows: int, seconds: float) -> None:
        if bar := self._bars.pop(collection, None):
            bar.finish(f"{rows:,} rows in {seconds:.1f} s")

    def said(self, text: str) -> None:
        render.warn(text)

    def __exit__(self, *exc: object) -> bool | None:
        for bar in self._bars.values():
            bar.finish("stopped", ok=False)
        return super().__exit__(*exc)  # type: ignore[arg-type]


def _told(line: PlannedColumn, width: int) -> str:
    way = line.source if line.source == line.sink else f"{line.source} → {line.sink}"
    note = f" ({line.note})" if line.note else ""
    return f"  {line.column:<{width}}  {way}: {line.fidelity}{note}"
