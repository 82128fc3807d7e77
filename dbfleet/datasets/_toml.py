"""Reads the values of a TOML file and says in which line one is wrong. The TOML parser itself keeps no positions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from dbfleet.errors import ConfigError, did_you_mean

Place = tuple[str, ...]
"""A place in the file: the keys that lead to it from the top."""


class Places:
    """The text and name of a file. Every error has the line of the innermost key that is on a line of its own."""

    def __init__(self, text: str, file: str) -> None:
        self._lines = _positions(text)
        self.file = file

    def wrong(self, place: Place, what: str, hint: str | None = None) -> NoReturn:
        """Raise ConfigError for what is wrong at this place."""
        line = next((self._lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in self._lines), 1)
        raise ConfigError(f"{self.file}:{line}: {'.'.join(place) or 'the file'}: {what}", hint=hint)

    def known(self, table: Mapping[str, Any], place: Place, keys: Sequence[str]) -> None:
        """Raise ConfigError if the table has a key that is not one of these."""
        for key in table:
            if key not in keys:
                self.wrong((*place, key), "is not a key here", meant(key, keys))

    def value(self, table: Mapping[str, Any], place: Place, key: str, kind: Any, default: Any = None) -> Any:
        """The value of a key, or its default. ConfigError if the value is not of this kind."""
        value = table.get(key, default)
        # In Python a bool is an int; here it is no number.
        if key in table and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            words = {int: "a whole number", str: "a text", bool: "true or false", dict: "a table"}
            self.wrong((*place, key), f"must be {words.get(kind, 'a number')}, not {value!r}")
        return value

    def positive(self, table: Mapping[str, Any], place: Place, key: str, default: int | None = None) -> Any:
        """The value of a key, a whole number of at least 1, or its default."""
        value = self.value(table, place, key, int, default)
        if value is not None and value < 1:
            self.wrong((*place, key), f"must be at least 1, not {value}")
        return value

    def name(self, name: str, place: Place) -> None:
        """Raise ConfigError if this cannot be the name of an entity or a column."""
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,47}", name):
            self.wrong(place, f"{name!r} is no name: letters, digits and _, at most 48")


def meant(word: str, known: Any) -> str:
    """A hint: the nearest of the known words, or the list of them."""
    names = list(map(str, known))
    return did_you_mean(word, names, "there is " + ", ".join(names[:30]) + ("…" if names[30:] else ""))


_HEADER: Final = re.compile(r"\s*\[+\s*(.+?)\s*\]+\s*(?:#.*)?$")
_KEY: Final = re.compile(r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")


def _positions(text: str) -> dict[Place, int]:
    """The lines of tables and keys. A key in an inline table is not in it: the line of that table is used."""
    lines: dict[Place, int] = {}
    table: Place = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _path(header[1])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *_path(key[1])), number)
    return lines


def _path(dotted: str) -> Place:
    return tuple(a or b or c for a, b, c in re.findall(r"\"([^\"]*)\"|'([^']*)'|([\w-]+)", dotted))
