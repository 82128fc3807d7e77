"""Redis commands as people type them in redis-cli, taken apart: never by splitting on blanks.

Rules, redis-cli's own (`sdssplitargs`) where it has one:

- A line is a command; blanks separate its words. A word may hold quoted parts; behind a closing quote comes a blank or
  the end of the line.
- In double quotes `\\n \\r \\t \\b \\a \\\\ \\"` and `\\xHH` (one byte) are escapes; in single quotes only `\\'` is.
- A line break inside quotes belongs to the word, so that a Lua script can be typed over several lines.
- A line that begins with `#` is a comment: no command's name does.
- A word that is `:name`, without quotes, is a parameter: it becomes exactly one word, whatever its value holds. Write
  `":name"` for the text itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dbfleet.errors import StatementError, UsageError
from dbfleet.values import JSON_NULL, TEXT_OF, Type, type_of

_ESCAPES: Final = {"n": b"\n", "r": b"\r", "t": b"\t", "b": b"\b", "a": b"\a"}
_BLANK: Final = " \t\r\0"
_PARAMETER: Final = re.compile(r":([A-Za-z_]\w*)")
_PLAIN: Final = re.compile(r"""[^ \t\r\n\0"']+""")
_QUOTED_PLAIN: Final = {'"': re.compile(r'[^"\\]+'), "'": re.compile(r"[^'\\]+")}
_HEX: Final = re.compile(r"\\x([0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A word that is to be replaced by the value of the param of this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Command:
    """The words of one command, in order, and the line that it begins on (from 1)."""

    words: tuple[bytes | Parameter, ...]
    line: int

    @property
    def name(self) -> str:
        """The command's own name in capitals; "" where it is a parameter."""
        first = self.words[0]
        return first.decode("utf-8", "replace").upper() if isinstance(first, bytes) else ""

    @property
    def parameters(self) -> set[str]:
        """The names of the command's parameters."""
        return {word.name for word in self.words if isinstance(word, Parameter)}

    def bound(self, values: Mapping[str, bytes]) -> list[bytes]:
        """The words with the params in place. UsageError for one that has no value."""
        return [word if isinstance(word, bytes) else _value(word.name, values) for word in self.words]


def parse(text: str) -> list[Command]:
    """The commands of a text, in order; none where it has blanks and comments only. StatementError for a quote that is
    not closed."""
    commands: list[Command] = []
    words: list[bytes | Parameter] = []
    line = started = 1
    place, end = 0, len(text)
    while place < end:
        char = text[place]
        if char == "\n":
            if words:
                commands.append(Command(tuple(words), started))
                words = []
            line += 1
            place += 1
        elif char in _BLANK:
            place += 1
        elif char == "#" and not words:
            place = text.find("\n", place)
            if place < 0:
                break
        else:
            if not words:
                started = line
            word, behind = _word(text, place, line)
            words.append(word)
            line += text.count("\n", place, behind)
            place = behind
    if words:
        commands.append(Command(tuple(words), started))
    return commands


def bind(params: Mapping[str, object], commands: Sequence[Command]) -> dict[str, bytes]:
    """The words that the params become, by name. UsageError for a param that no command has, and for NULL."""
    unused = set(params).difference(*(command.parameters for command in commands))
    if unused:
        raise UsageError(f"no :{min(unused)} in the statement")
    words = {}
    for name, value in params.items():
        if isinstance(value, bytes):
            words[name] = value
        elif isinstance(value, str):
            words[name] = value.encode()
        else:
            type_ = Type.JSON if value is JSON_NULL else type_of(value)
            if type_ is None:
                raise UsageError(f"the param {name} is NULL, and a Redis command has no word for it")
            words[name] = TEXT_OF[type_](value).encode()
    return words


def _value(name: str, values: Mapping[str, bytes]) -> bytes:
    try:
        return values[name]
    except KeyError:
        raise UsageError(
            f"the statement has :{name} and no value for it",
            hint=f'give one with --param {name}=…, or write ":{name}" if the text itself is meant',
        ) from None


def _word(text: str, place: int, line: int) -> tuple[bytes | Parameter, int]:
    """The word that begins at `place`, and the place behind it."""
    parts: list[bytes] = []
    start, end = place, len(text)
    while place < end and (char := text[place]) not in _BLANK and char != "\n":
        if char in "\"'":
            part, place = _quoted(text, place, line)
            parts.append(part)
            if place < end and text[place] not in _BLANK and text[place] != "\n":
                raise StatementError(f"line {line}: a closing quote must be followed by a blank")
        else:
            run = _PLAIN.match(text, place)
            assert run
            parts.append(_encoded(run[0], line))
            place = run.end()
    parameter = _PARAMETER.fullmatch(text, start, place)
    return (Parameter(parameter[1]) if parameter else b"".join(parts)), place


def _quoted(text: str, place: int, line: int) -> tuple[bytes, int]:
    """What stands in the quotes that open at `place`, and the place behind them."""
    quote = text[place]
    plain = _QUOTED_PLAIN[quote]
    parts: list[bytes] = []
    place += 1
    while place < len(text):
        if text[place] == quote:
            return b"".join(parts), place + 1
        if run := plain.match(text, place):
            parts.append(_encoded(run[0], line))
            place = run.end()
        elif quote == '"' and (code := _HEX.match(text, place)):
            parts.append(bytes.fromhex(code[1]))
            place = code.end()
        elif place + 1 < len(text) and (quote == '"' or text[place + 1] == "'"):
            char = text[place + 1]
            parts.append(_ESCAPES.get(char) or _encoded(char, line) if quote == '"' else b"'")
            place += 2
        else:
            parts.append(b"\\")
            place += 1
    raise StatementError(f"line {line}: the quote {quote} is not closed")


def _encoded(text: str, line: int) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise StatementError(f"line {line}: a word is not valid Unicode") from None
