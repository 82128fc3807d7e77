"""What `diff` shows: differences on stdout as they are found; on stderr progress, and how values are compared.

For a person, a difference is a line with its mark (+ only in B, - only in A, ~ in both, ! the schema), with the changed
columns below it. Text is quoted once, and json keeps its braces. In long values, the part that changed is marked: by »
and «, or by its colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from dbfleet.adapter import ResultColumn
from dbfleet.cli import render
from dbfleet.cli.layout import painted, width, wrapped
from dbfleet.formats import Page, Plain
from dbfleet.ops.diff import Counted, Difference, Watch

if TYPE_CHECKING:
    from dbfleet.values import Batch

_FIELDS: Final = ("collection", "key", "change", "before", "after")
_NUMBERS: Final = ("collection", "same", "added", "removed", "changed", "schema")
_AT_ONCE: Final = 200
_MARKS: Final = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow"), "schema": ("!", "cyan")}
_LONG: Final = 16
"""The characters from which a value is long: of a shorter one, the whole value is shown as changed."""


class DiffView(ExitStack, Watch):
    """Shows a comparison while it runs. `differs` is the answer when everything was shown; `names` are those of the two
    sides."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.differs = False
        self._names = names
        self._display: render.Progress | None = None
        self._bars: dict[str, render.Bar] = {}
        self._counts = dict.fromkeys(_MARKS, 0)

    def progress(self, side: str, collection: str, rows: int) -> None:
        # From the first row on: the workers have forked by then, and a display has a thread.
        self._display = self._display or self.enter_context(render.progress(unit="rows", passing=True))
        if side not in self._bars:
            self._bars[side] = self._display.bar(side)
        self._bars[side].update(f"{collection}: {rows:,} rows")

    def said(self, text: str) -> None:
        render.say(render.harmless(text))

    def calm(self) -> None:
        """End the display of progress."""
        self.close()
        self._display, self._bars = None, {}

    def show(self, found: Iterable[Difference | Counted], *, stats: bool, format: str | None) -> None:
        """Write the differences, or with `stats` their counts, to stdout as they are found."""
        word = render.format_of(format)
        if word == "table" and not stats:
            render.lines(self._told(found, render.page()))
            self.calm()
            render.say(self._summary())
            return
        fields = _NUMBERS if stats else _FIELDS
        batches: Iterable[Batch] = self._batches(found, fields)
        if word == "table":  # widths need all rows
            batches = list(batches)
            self.calm()
        render.rows([Plain([ResultColumn(field) for field in fields], batches)], format=word)

    def _batches(self, found: Iterable[Difference | Counted], fields: tuple[str, ...]) -> Iterator[Batch]:
        values = attrgetter(*fields)
        batch: Batch = []
        for each in found:
            self.differs = self.differs or isinstance(each, Difference) or each.differs
            batch.append(values(each))
            if len(batch) >= _AT_ONCE:
                yield batch
                batch = []
        if batch:
            yield batch

    def _told(self, found: Iterable[Difference | Counted], page: Page) -> Iterator[str]:
        collection = None
        for each in found:
            if not isinstance(each, Difference):
                continue
            self.calm()  # no bar stands between the lines
            if not self.differs:
                for mark, colour, name in zip("-+", ("red", "green"), self._names, strict=False):
                    yield painted(f"{mark * 3} {render.harmless(name)}", colour, page)
            self.differs = True
            self._counts[each.change] += 1
            if each.collection != collection:
                collection = each.collection
                yield painted(render.harmless(collection), "bold", page)
            yield from lines(each, page)

    def _summary(self) -> str:
        if not self.differs:
            return "no difference"
        rows = [f"{count:,} {word}" for word, count in self._counts.items() if count and word != "schema"]
        if schema := self._counts["schema"]:
            rows.append(f"{schema} in the schema")
        return "differences: " + ", ".join(rows)


def lines(each: Difference, page: Page) -> Iterator[str]:
    """The lines of one difference, for a person."""
    mark, colour = _MARKS[each.change]
    first = painted(mark, colour, page) + " "
    if each.change == "schema":
        yield from wrapped(_schema(each), page.width, first=first)
        return
    key = _fields(each.key or {})
    if each.change == "changed":
        yield from wrapped(key, page.width, first=first)
        yield from _changed(each.before or {}, each.after or {}, page)
        return
    row = each.after if each.change == "added" else each.before
    rest = {name: value for name, value in (row or {}).items() if name not in (each.key or {})}
    yield from wrapped(", ".join(part for part in (key, _fields(rest)) if part), page.width, first=first, rest="    ")


def _changed(before: Mapping[str, Any], after: Mapping[str, Any], page: Page) -> Iterator[str]:
    wide = max(width(render.harmless(name)) for name in before)
    for name in before:
        old, new = _marked(_value(before[name]), _value(after[name]), page)
        label = render.harmless(name)
        first = f"    {label}{' ' * (wide - width(label))}  "
        whole = f"{first}{old} → {new}"
        if page.width is None or width(whole) <= page.width:
            yield whole
        else:
            yield from wrapped(old, page.width, first=first)
            yield from wrapped(new, page.width, first=" " * (width(first) - 2) + "→ ")


def _marked(old: str, new: str, page: Page) -> tuple[str, str]:
    """Both values, with the part in which they differ marked."""
    start = 0
    end = 0
    if min(len(old), len(new)) >= _LONG:
        least = min(len(old), len(new))
        while start < least and old[start] == new[start]:
            start += 1
        while end < least - start and old[-1 - end] == new[-1 - end]:
            end += 1
    return (
        _with_mark(old, start, len(old) - end, "red", page),
        _with_mark(new, start, len(new) - end, "green", page),
    )


def _with_mark(text: str, start: int, end: int, colour: str, page: Page) -> str:
    if page.coloured:
        return text[:start] + painted(text[start:end], colour, page) + text[end:]
    return text if (start, end) == (0, len(text)) else f"{text[:start]}»{text[start:end]}«{text[end:]}"


def _fields(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{render.harmless(name)} {_value(value)}" for name, value in row.items())


def _value(value: Any) -> str:
    from dbfleet.formats._values import AS_JSON
    from dbfleet.formats._width import shown

    if value is None:
        return "NULL"
    if isinstance(value, Mapping):  # with blanks, so that a line can break there
        return "{" + ", ".join(f"{_value(str(name))}: {_value(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        return f'"{shown(value)}"'
    text = AS_JSON[type(value)](value)
    return shown(text[1:-1] if text[:1] == '"' else text)  # a moment, bytes: no quotes are needed


def _schema(each: Difference) -> str:
    """What one side does not have, or has with another type or key."""
    one = each.before or each.after or {}
    if "column" in one:
        what = f"column {one['column']}"
        sides = [(side or {}).get("type") for side in (each.before, each.after)]
    elif "key" in one:
        what = "key"
        sides = [", ".join(side["key"]) if side and side.get("key") else None for side in (each.before, each.after)]
    else:
        what = "collection"
        sides = ["there" if side else None for side in (each.before, each.after)]
    return render.harmless(f"{what}: {sides[0] or 'missing'} → {sides[1] or 'missing'}")
