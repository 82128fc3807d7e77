"""The README's picture of the fidelity matrix, drawn from what `dbfleet engines --matrix` tells."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from dbfleet import registry
from dbfleet.cli._matrix_view import mark, short
from dbfleet.ops.engines import Cell, matrix

_WIDE, _HIGH, _LABEL, _HEAD = 76, 26, 92, 30
_FILL = {
    "native": "#1a7f37",
    "exact": "#2da44e",
    "exact or as text": "#6fbf73",
    "exact or refused": "#6fbf73",
    "as text": "#9ec5e8",
    "rounded": "#f2cc60",
    "refused": "#e5534b",
}
_LIGHT = ("native", "exact", "refused")
_MEANING = (
    ("native", "native: all goes as it is"),
    ("exact", "exact: every type of the source"),
    ("exact or refused", "but 4: 4 types have values that are refused or go as text"),
    ("as text", "text 9: 9 types are not exact, and go as text"),
    ("rounded", "round 9: 9 types are not exact, some lose digits or the like"),
)
_MARKS = "pale and ?: declared, no run has proven it    °: proven on a stand-in or a wire double only"


def picture() -> str:
    """The picture, as SVG: sources from top to bottom, sinks from left to right."""
    return "\n".join(_lines(list(matrix()))) + "\n"


def _lines(pairs: list[Cell]) -> Iterator[str]:
    names = list(dict.fromkeys(pair.source for pair in pairs))
    wide = _LABEL + _WIDE * len(names)
    below = _HEAD + _HIGH * len(names) + 8
    high = below + 20 * (len(_MEANING) + 1)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"'
    yield '  font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="what becomes of types">'
    yield f'<rect width="{wide}" height="{high}" fill="#ffffff"/>'
    yield _text(4, 20, "from \\ to", "#57606a")
    for place, name in enumerate(names):
        yield _text(_LABEL + _WIDE * place + _WIDE / 2, 20, name, "#24292f", "middle")
        yield _text(4, _HEAD + _HIGH * place + 17, name, "#24292f")
    for number, pair in enumerate(pairs):
        row, column = divmod(number, len(names))
        yield from _cell(pair, _LABEL + _WIDE * column, _HEAD + _HIGH * row)
    for number, (word, text) in enumerate(_MEANING):
        yield f'<rect x="4" y="{below + 20 * number}" width="14" height="14" fill="{_FILL[word]}"/>'
        yield _text(26, below + 20 * number + 12, text, "#24292f")
    yield _text(4, below + 20 * len(_MEANING) + 12, _MARKS, "#24292f")
    yield "</svg>"


def _cell(pair: Cell, x: int, y: int) -> Iterator[str]:
    title = f"{registry.spec(pair.source).title} to {registry.spec(pair.sink).title}: {pair.fidelity}"
    proven = pair.proven is not None
    opacity = "" if proven else ' fill-opacity="0.3"'
    colour = "#ffffff" if proven and pair.fidelity in _LIGHT else "#24292f"
    yield f"<g><title>{escape(title)}{' (not proven)' if mark(pair) == '?' else ''}</title>"
    place = f'x="{x + 1}" y="{y + 1}" width="{_WIDE - 2}" height="{_HIGH - 2}"'
    yield f'<rect {place} fill="{_FILL[pair.fidelity]}"{opacity}/>'
    yield _text(x + _WIDE / 2, y + 17, short(pair), colour, "middle") + "</g>"


def _text(x: float, y: float, text: str, colour: str, anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}" text-anchor="{anchor}">{escape(text)}</text>'
