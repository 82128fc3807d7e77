"""Python as text, as a formatter would leave it: literals, comments, dicts of a line an entry."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

WIDTH: Final = 120
"""The columns of a line."""


@dataclass(frozen=True, slots=True)
class Code:
    """An expression, among values that are written as literals."""

    text: str


def comment(text: str, indent: str = "") -> str:
    """The text as lines of a comment."""
    mark = f"{indent}# "
    return textwrap.fill(text, WIDTH, initial_indent=mark, subsequent_indent=mark, break_on_hyphens=False)


def literal(value: Any) -> str:
    """The value as Python, as a formatter would write it."""
    if isinstance(value, Code):
        return value.text
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def _text(value: str) -> str:
    """In double quotes, unless these would need more escapes than single ones."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    plain = repr(value.replace("'", "").replace('"', ""))[1:-1]
    if plain == value.replace("'", "").replace('"', ""):
        inner = value
    else:
        inner = "".join(each if each in "'\"" else repr(each)[1:-1] for each in value)
    return quote + inner.replace(quote, f"\\{quote}") + quote


def called(lead: str, callee: str, arguments: Sequence[str], tail: str = "") -> str:
    """`lead callee(arguments)tail` on one line, or broken as a formatter breaks it. `lead` begins with the indent."""
    line = f"{lead}{callee}({', '.join(arguments)}){tail}"
    if len(line) <= WIDTH:
        return line
    indent = " " * (len(lead) - len(lead.lstrip()))
    inner = f"{indent}    {', '.join(arguments)}"
    if len(inner) <= WIDTH:
        return f"{lead}{callee}(\n{inner}\n{indent}){tail}"
    each = "".join(f"{indent}    {argument},\n" for argument in arguments)
    return f"{lead}{callee}(\n{each}{indent}){tail}"


def assigned(name: str, value: Mapping[str, Any], before: Mapping[str, str] | None = None) -> str:
    """A dict assigned to a name, a line an entry; `before` is put before these entries."""
    return "\n".join([f"{name} = {{", *_entries(value, 1, before or {}), "}"])


def _entries(value: Mapping[str, Any], depth: int, before: Mapping[str, str]) -> Iterator[str]:
    indent = " " * 4 * depth
    for key, each in value.items():
        lead = f"{before.get(key, '')}{indent}{literal(key)}: "
        if isinstance(each, Mapping):
            yield f"{lead}{{"
            yield from _entries(each, depth + 1, {})
            yield f"{indent}}},"
        else:
            yield f"{lead}{literal(each)},"
