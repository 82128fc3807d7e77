"""A text of statements, taken apart as SQL*Plus does.

SQL ends at a semicolon, which is not sent, or at a line with only a slash. PL/SQL (BEGIN, DECLARE, and CREATE of
something with a body) ends at such a line or with the text, and keeps its semicolons.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dbfleet.errors import UsageError
from dbfleet.sql.text import WORDS, Lexis, Statement, Token, tokens

LEXIS: Final = Lexis(alternative_quotes=True, not_parameters=frozenset({"new", "old", "parent"}))

_BODIES: Final = frozenset({"FUNCTION", "PROCEDURE", "PACKAGE", "TRIGGER", "TYPE", "LIBRARY"})
_BEFORE_A_BODY: Final = frozenset({"CREATE", "OR", "REPLACE", "EDITIONABLE", "NONEDITIONABLE", "IF", "NOT", "EXISTS"})


def is_plsql(words: tuple[str, ...]) -> bool:
    """Whether a statement with these first words runs to a slash."""
    if not words:
        return False
    if words[0] in ("BEGIN", "DECLARE"):
        return True
    if words[0] == "WITH":
        return words[1:2] in (("FUNCTION",), ("PROCEDURE",))
    return words[0] == "CREATE" and next((word for word in words if word not in _BEFORE_A_BODY), "") in _BODIES


def split(text: str) -> list[Statement]:
    """The statements of the text, in order; empty ones and mere comments are left out. UsageError if there is none."""
    found = [each for each in _pieces(text) if each is not None]
    if not found:
        raise UsageError("the statement is empty")
    return found


def _pieces(text: str) -> Iterator[Statement | None]:
    pieces: list[Token] = []
    for token in (*tokens(text, LEXIS), Token("symbol", "/", len(text))):
        final = token.start == len(text)
        ends = token.kind == "symbol" and (
            (token.text == ";" and not is_plsql(_words(pieces)))
            or (token.text == "/" and (final or _alone(text, token)))
        )
        if not ends:
            pieces.append(token)
            continue
        yield _statement(text, pieces)
        pieces = []


def _statement(text: str, pieces: list[Token]) -> Statement | None:
    there = [token for token in pieces if token.matters]
    if not there:
        return None
    start, end = there[0].start, there[-1].start + len(there[-1].text)
    words = _words(pieces)
    if words[:1] == ("CREATE",):  # its colons are :new and :old, never ours
        return Statement(text[start:end], start, words, ())
    names = dict.fromkeys(token.text[1:] for token in there if token.kind == "parameter")
    return Statement(text[start:end], start, words, tuple(names))


def _words(pieces: list[Token]) -> tuple[str, ...]:
    found = []
    for token in pieces:
        if token.kind == "word":
            found.append(token.text.upper())
            if len(found) == WORDS:
                break
    return tuple(found)


def _alone(text: str, token: Token) -> bool:
    """Whether the token stands alone in its line."""
    start = text.rfind("\n", 0, token.start) + 1
    end = text.find("\n", token.start)
    return text[start : end if end >= 0 else len(text)].strip() == "/"
