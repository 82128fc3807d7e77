"""What a person sees of `engines`: one row for each engine, on one screen; of `engines NAME`, all that it declares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from dbfleet.cli.layout import Cell, grid, painted, wrapped
from dbfleet.cli.render import said
from dbfleet.formats import Page

if TYPE_CHECKING:
    from dbfleet.ops.engines import Engine

_NOT_EXACT: Final = {"as-text": "as text", "rounded": "rounded", "refused": "refused"}

GUARDS: Final = {
    "account": "an account of its own, whose rights the server holds",
    "session": "the mode of the session, which the server holds",
    "client": "what dbfleet sends, and nothing else",
    "none": "nothing: not enforced",
}
"""What enforces reading only, in words."""


def table(engines: Sequence[Engine], page: Page) -> Iterator[str]:
    """One row for each engine."""
    rows: list[Sequence[Cell]] = [
        [(engine.engine, "bold"), engine.paradigm, engine.language, _exact(engine), _verified(engine)]
        for engine in engines
    ]
    yield from grid(("engine", "kind", "asked in", "exact types", "verified on"), rows, page)
    yield ""
    text = "dbfleet engines NAME: what it can do, its limits, how it keeps each type, what it was verified on."
    yield from (painted(line, "dim", page) for line in wrapped(text, page.width))


def one(engine: Engine, page: Page) -> Iterator[str]:
    """All facts about one engine, a paragraph for each."""
    yield painted(f"{engine.title} ({engine.engine})", "bold", page)
    facts: list[tuple[str, Any]] = [
        ("kind", engine.paradigm),
        ("asked in", engine.language),
        ("also called", ", ".join(engine.aliases)),
        ("URLs", " ".join(f"{scheme}://" for scheme in engine.schemes)),
        ("driver", engine.driver),
        ("can", ", ".join(engine.capabilities)),
        *_types(engine),
        ("read-only by", GUARDS[engine.guard]),
        ("", engine.guard_note),
        ("limits", said({name: value for name, value in engine.limits.items() if value is not None})),
        *(("verified on" if not number else "", text) for number, text in enumerate(engine.verified_on)),
        *(("mind" if not number else "", text) for number, text in enumerate(engine.quirks)),
    ]
    yield from grid(("", ""), [((f"  {name}", "bold"), str(text)) for name, text in facts if text], page)


def _verified(engine: Engine) -> str:
    return "a wire double" if "double" in engine.verified_on[0] else "a real server" if engine.verified_on else ""


def _exact(engine: Engine) -> str:
    exact = sum(word == "exact" for word in engine.types.values())
    return "all" if exact == len(engine.types) else f"{exact} of {len(engine.types)}"


def _types(engine: Engine) -> Iterator[tuple[str, str]]:
    for word in ("exact", *_NOT_EXACT):
        types = [type_ for type_, fidelity in engine.types.items() if fidelity == word]
        yield f"types {_NOT_EXACT.get(word, word)}", ", ".join(types)
