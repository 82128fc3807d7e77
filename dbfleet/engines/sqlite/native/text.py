"""Statements of SQLite's catalog, taken apart: the names in them stand between marks (dbfleet/outline.py), each with
its spelling beside it, so that a statement whose names stay is the same again, letter by letter.

A name that changes is spelled in double quotes. That of a staged table has its spelling in a comment behind it, which
goes when the table takes its place (`restored`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dbfleet.engines.sqlite.tables import STAGED
from dbfleet.engines.sqlite.types import quote
from dbfleet.outline import marked, spelled

_TOKENS: Final = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))|(?P<blob>[xX]'[^']*')|(?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]"""
    r"""|[^\W\d][\w$]*)|(?P<text>'(?:[^']|'')*')|(?P<other>[0-9][\w.]*|.)""",
    re.DOTALL,
)
_FROM, _TO = "\x11", "\x12"
_SPELLED: Final = re.compile(rf"\x1a([^\x1d]*)\x1d([^\x1e]*)\x1e{_FROM}([^{_TO}]*){_TO}")
_BESIDE: Final = re.compile(r'"((?:[^"]|"")*)"/\*dbfleet was ([0-9a-f]+)\*/')
_BEFORE_A_TABLE: Final = frozenset({"FROM", "JOIN", "INTO", "UPDATE", "TABLE", "REFERENCES"})
TRIGGERS: Final = "trigger"
"""The space of the triggers' names: a trigger may be called as a table is."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a statement; `kind` is blank, name, text (a name may be spelled so), blob or other."""

    kind: str
    text: str

    @property
    def word(self) -> str:
        """A keyword's letters in capitals; empty for what is no plain word."""
        return self.text.upper() if self.kind == "name" and self.text[0] not in '"`[' else ""

    @property
    def name(self) -> str:
        """The name that is spelled so; empty for what is none."""
        if self.kind not in ("name", "text"):
            return ""
        first = self.text[0]
        if first in "\"`'":
            return self.text[1:-1].replace(first * 2, first)
        return self.text[1:-1] if first == "[" else self.text


def tokens(text: str) -> list[Token]:
    """The statement's pieces, blanks and comments too: together they are the statement."""
    return [Token(str(found.lastgroup), found[0]) for found in _TOKENS.finditer(text)]


def with_marks(kind: str, name: str, text: str, tables: Mapping[str, str]) -> str:
    """The statement that makes the table, index, trigger or view `name`, with the names of these tables (by their small
    letters), and its own, between marks."""
    pieces = tokens(text)
    out = [piece.text for piece in pieces]
    solid = [place for place, piece in enumerate(pieces) if piece.kind != "blank"]
    for place in _own(kind, pieces, solid):
        out[place] = _mark(TRIGGERS if kind == "trigger" else "", name, out[place])
    if not _is_virtual(pieces, solid):
        for place in _tables(kind, pieces, solid):
            known = tables.get(pieces[place].name.lower())
            if known is not None and not out[place].startswith("\x1a"):
                out[place] = _mark("", known, out[place])
    return "".join(out)


def module(text: str) -> str:
    """The module of the virtual table that the statement makes; empty where it makes anything else."""
    pieces = [piece for piece in tokens(text) if piece.kind != "blank"]
    if not _is_virtual(pieces, range(len(pieces))):
        return ""
    places = [place for place, piece in enumerate(pieces) if place > 3 and piece.word == "USING"]
    return pieces[places[0] + 1].name.lower()


def _mark(space: str, name: str, spelling: str) -> str:
    return f"{marked('named', space, name)}{_FROM}{spelling}{_TO}"


def _own(kind: str, pieces: Sequence[Token], solid: Sequence[int]) -> Iterator[int]:
    """The place of the name that is made: behind CREATE, and the words that say what."""
    for place in solid[1:]:
        word = pieces[place].word
        if word == kind.upper():
            yield solid[solid.index(place) + 1]
            return


def _is_virtual(pieces: Sequence[Token], solid: Sequence[int]) -> bool:
    return len(solid) > 1 and pieces[solid[1]].word == "VIRTUAL"


def _tables(kind: str, pieces: Sequence[Token], solid: Sequence[int]) -> Iterator[int]:
    """The places of what may be a table's name: behind words that such a name follows, and before a point."""
    own_on = kind in ("index", "trigger")
    listing = False
    words = [pieces[place].word for place in solid]
    for at, place in enumerate(solid):
        before = pieces[solid[at - 1]].text if at else ""
        after = pieces[solid[at + 1]].text if at + 1 < len(solid) else ""
        word = words[at - 1] if at else ""
        if words[at] in _ENDS_A_LIST:
            listing = False
        if not pieces[place].name:
            continue
        if word == "ON" and own_on:
            own_on = False
            yield place
        elif word in _BEFORE_A_TABLE or (listing and before == ","):
            listing = listing or word in ("FROM", "JOIN")
            yield place
        elif words[max(at - 3, 0) : max(at - 1, 0)] == ["UPDATE", "OR"] or (after == "." and before != "."):
            yield place


_ENDS_A_LIST: Final = frozenset({"SELECT", "WHERE", "GROUP", "ORDER", "SET", "VALUES", "LIMIT", "ON", "USING", "END"})


def without_marks(text: str, called: Mapping[str, str]) -> str:
    """The statement with the names that things have here."""

    def own(found: re.Match[str]) -> str:
        space, name, spelling = found[1], found[2], found[3]
        new = called_here(space, name, called)
        if new == name:
            return spelling
        if not new.startswith(STAGED):
            return quote(new)
        return f"{quote(new)}/*dbfleet was {json.dumps([name, spelling]).encode().hex()}*/"

    return spelled(_SPELLED.sub(own, text), lambda _, space, name: quote(called_here(space, name, called)))


def called_here(space: str, name: str, called: Mapping[str, str]) -> str:
    """What is called so there, here."""
    full = f"{space}.{name}" if space else name
    new = called.get(full, full)
    return new.removeprefix(f"{space}.") if space else new


def restored(text: str, final: Callable[[str], str] = str) -> str:
    """The statement of what was staged, with its names as they were spelled, where they are the same again. `final`
    gives the name of what still has a staged one."""

    def own(found: re.Match[str]) -> str:
        name = final(found[1].replace('""', '"'))
        was, spelling = json.loads(bytes.fromhex(found[2]))
        return str(spelling) if name == was else quote(name)

    return _BESIDE.sub(own, text)
