"""What a person sees of `engines --matrix`: a grid of all pairs, one engine's row, or one pair with a line a type.

A cell is a word and how many of the source's types it is about. `?` stands behind what no run has proven on a server,
`°` behind what was proven on a stand-in or a double of its protocol only. Where the page is too narrow for all sinks,
the grid goes on below itself: nothing is cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from dbfleet.cli import render
from dbfleet.cli.layout import Cell, grid, painted, wrapped
from dbfleet.cli.layout import width as width_of
from dbfleet.errors import UsageError
from dbfleet.formats import Page
from dbfleet.formats._width import pad

if TYPE_CHECKING:
    from dbfleet.ops.engines import Cell as Pair
    from dbfleet.ops.engines import Line

WORDS: Final = {
    "native": "native",
    "exact": "exact",
    "exact or as text": "but",
    "exact or refused": "but",
    "as text": "text",
    "rounded": "round",
    "refused": "refuse",
}
"""The words of a cell, as short as a grid needs them."""
COLOURS: Final = {
    "native": "green",
    "exact": "green",
    "exact or as text": "cyan",
    "exact or refused": "cyan",
    "as text": None,
    "rounded": "yellow",
    "refused": "red",
}
LEGEND: Final = (
    "Rows are sources, columns are sinks. native: all goes as it is · exact: every type of the source, by its "
    "documentation · but 4: 4 types have values that are refused or go as text · text 9: 9 types are not exact, and go "
    "as text · round 9: 9 types are not exact, and some lose digits or the like · ?: declared, no run has proven it · "
    "°: proven on a stand-in or a wire double only"
)
_FIELDS: Final = ("source", "sink", "fidelity", "types", "not_exact", "proven", "on")
_LINE_FIELDS: Final = ("source", "sink", "type", "becomes", "fidelity", "note")


def show(names: Sequence[str], format: str | None) -> None:
    """All pairs, those of one source, or one pair by type. UsageError for more names."""
    from dbfleet.ops import engines as op

    if len(names) > 2:
        raise UsageError(
            "--matrix takes a source and a sink at most", hint=f"dbfleet engines --matrix {names[0]} {names[1]}"
        )
    if len(names) == 2:
        pair, lines = op.cell(*names)
        if render.format_of(format) == "table":
            render.lines(one(pair, lines, render.page()))
        else:
            render.records(map(asdict, lines), _LINE_FIELDS, format=format)
        return
    pairs = list(op.matrix(sources=names))
    if render.format_of(format) == "table":
        render.lines(table(pairs, render.page()))
    else:
        render.records(map(asdict, pairs), _FIELDS, format=format)


def table(pairs: Sequence[Pair], page: Page) -> Iterator[str]:
    """The grid, as often below itself as the page needs, and what its words mean."""
    sources = list(dict.fromkeys(pair.source for pair in pairs))
    sinks = list(dict.fromkeys(pair.sink for pair in pairs))
    told = {(pair.source, pair.sink): pair for pair in pairs}
    label = max(map(width_of, ("from", *sources)))
    wide = max(width_of(word) for word in (*sinks, *map(short, pairs)))
    fit = len(sinks) if page.width is None else max((page.width - label) // (wide + 1), 1)
    blocks = -(-len(sinks) // fit)
    each = -(-len(sinks) // blocks)
    for start in range(0, len(sinks), each):
        here = sinks[start : start + each]
        if start:
            yield ""
        head = " ".join(pad(name, wide) for name in here)
        yield painted(f"{pad('FROM', label)} {head}".rstrip(), "dim", page)
        for source in sources:
            row = [told[source, sink] for sink in here]
            yield (
                painted(pad(source, label), "bold", page) + " " + " ".join(_painted(one, wide, page) for one in row)
            ).rstrip()
    yield ""
    yield from (painted(line, "dim", page) for line in wrapped(LEGEND, page.width))
    yield painted("dbfleet engines --matrix SOURCE SINK: type by type.", "dim", page)


def one(pair: Pair, lines: Sequence[Line], page: Page) -> Iterator[str]:
    """One pair: what it is in a word, on what it was proven, and what becomes of each type, the worst first."""
    yield painted(f"{pair.source} → {pair.sink}: {pair.fidelity}", "bold", page)
    yield from (painted(line, "dim", page) for line in wrapped(proven(pair), page.width))
    yield ""
    order = list(COLOURS)
    rows: list[Sequence[Cell]] = [
        [
            line.type,
            "" if line.becomes == line.type else line.becomes,
            (line.fidelity, COLOURS[line.fidelity]),
            line.note or "",
        ]
        for line in sorted(lines, key=lambda line: -order.index(line.fidelity))
    ]
    yield from grid((pair.source, "becomes", "kept", "note"), rows, page)


def proven(pair: Pair) -> str:
    """On what a run has proven the pair, in a sentence."""
    if not pair.on:
        return "Declared: no run has proven it."
    but = {"double": ": a wire double, not the real server", "stand-in": ": a stand-in"}.get(pair.proven or "", "")
    ends = " and ".join(dict.fromkeys(pair.on))
    return f"Proven on {ends}{but}."


def short(pair: Pair) -> str:
    """The word of a cell in a grid."""
    number = f" {pair.not_exact}" if pair.not_exact else ""
    return f"{WORDS[pair.fidelity]}{number}{mark(pair)}"


def mark(pair: Pair) -> str:
    """What stands behind the word: nothing where it was proven on real servers."""
    return {"real": "", None: "?"}.get(pair.proven, "°")


def _painted(pair: Pair, wide: int, page: Page) -> str:
    text = short(pair)
    return painted(text, COLOURS[pair.fidelity] if pair.proven else "dim", page) + " " * (wide - width_of(text))
