"""What `drill` shows a person: on stderr its stages as they come, on stdout what it found: a line for each collection,
then what was restored where, and what the dump did not hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from dbfleet.cli import render
from dbfleet.cli.layout import Cell, grid, painted, wrapped
from dbfleet.cli.render import counted, harmless
from dbfleet.formats import Page
from dbfleet.ops.drill import Watch

if TYPE_CHECKING:
    from dbfleet.ops.drill import Drilled
    from dbfleet.ops.drill.run import Stage
    from dbfleet.runtimes import Event


_TIMED: Final = ("dump", "start", "load")
"""The stages whose seconds a person is told."""


class DrillView(ExitStack, Watch):
    """Shows a drill while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self._display: render.Progress | None = None
        self._bar: render.Bar | None = None

    def stage(self, stage: Stage, text: str) -> None:
        self._display = self._display or self.enter_context(render.progress(unit="rows", passing=True))
        self._bar = self._bar or self._display.bar("drill")
        self._bar.update(text)

    def progress(self, stage: Stage, collection: str, rows: int, total: int | None) -> None:
        if self._bar:
            self._bar.update(f"{stage} {collection}: {rows:,} rows", done=rows if total else None, total=total)

    def server(self, event: Event) -> None:
        if event.stage == "note":
            self.said(f"{event.target}: {event.text}")
        elif self._bar:
            self._bar.update(f"{event.target}: {event.stage} {event.text}".rstrip())

    def said(self, text: str) -> None:
        render.say(harmless(text))


def lines(found: Drilled, page: Page) -> Iterator[str]:
    """The lines of a receipt, for a person."""
    colours = {True: "green", False: "red", None: "yellow"}
    rows: list[Sequence[Cell]] = []
    for each in found.collections:
        mark, colour = ("✓", "green") if each.same else ("✗", "red")
        if each.restored_digest is None:
            mark, colour = "·", "dim"
        restored = "" if each.restored_rows is None else f"{each.restored_rows:,}"
        rows.append([(f"{mark} {harmless(each.collection)}", colour), f"{each.rows:,}", restored, each.digest])
    yield from grid(("  collection", "rows", "restored", "digest"), rows, page, right=("rows", "restored"))
    if rows:
        yield ""
    word = {True: "green", False: "red", None: "not done"}[found.same]
    yield from wrapped(painted(word, colours[found.same], page) + ": " + _what(found), page.width, rest="  ")
    stages = [f"{stage} {found.seconds[stage]:.1f} s" for stage in _TIMED if stage in found.seconds]
    stages.append(f"in all {found.seconds.get('total', 0.0):.1f} s")
    yield f"  {', '.join(stages)}"
    for text in found.left:
        yield from wrapped(harmless(f"not in the dump: {text.removesuffix(': does not come along')}"), page.width,
                           rest="  ")  # fmt: skip
    if found.dump:
        yield from wrapped(harmless(f"the dump is in {found.dump}"), page.width, rest="  ")


def _what(found: Drilled) -> str:
    parts = []
    if found.error:
        parts.append(harmless(found.error))
    if found.restored:
        count = len(found.collections)
        what = f"{count} collection{'' if count == 1 else 's'}, {counted(found.rows)}"
        servers = [f"{each.get('product')} {each.get('version')}" for each in (found.source, found.restored)]
        runtime = found.restored["runtime"]
        parts.append(harmless(f"{what}, of {servers[0]} into {servers[1]} ({runtime})"))
    return "; ".join(parts)
