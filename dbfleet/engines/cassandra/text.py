"""CQL as text: names in quotes, the partition key's columns, and the statements of a text. Nothing here asks the
server."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from dbfleet.values import Schema

_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\$\$.*?\$\$|(?:--|//)[^\n]*|/\*.*?(?:\*/|\Z)|\bBEGIN\b|\bAPPLY\s+BATCH\b|;""",
    re.DOTALL | re.IGNORECASE,
)


def quote(name: str) -> str:
    """A name in quotes, so that it keeps its case."""
    return '"' + name.replace('"', '""') + '"'


def quoted(names: Iterable[str]) -> str:
    """A list of names in quotes, with commas between."""
    return ", ".join(map(quote, names))


def partition_of(schema: Schema) -> tuple[str, ...]:
    """The names of the columns that make the partition key: the schema's own, else the first key column."""
    return schema.partition or schema.key[:1]


def statements(text: str) -> list[str]:
    """The statements of a text. Semicolons separate them, but not between BEGIN and APPLY BATCH."""
    pieces, start, in_batch = [], 0, False
    for token in _TOKEN.finditer(text):
        word = token[0].upper()
        if word == "BEGIN":
            in_batch = True
        elif word.startswith("APPLY"):
            in_batch = False
        elif word == ";" and not in_batch:
            pieces.append(text[start : token.start()])
            start = token.end()
    pieces.append(text[start:])
    return [piece.strip() for piece in pieces if _TOKEN.sub(_without_comments, piece).strip()]


def _without_comments(token: re.Match[str]) -> str:
    return "" if token[0][:2] in ("--", "//", "/*") else token[0]
