"""A batch's words: enough to tell its statements apart and to read those that are not SELECT, INSERT, UPDATE or DDL."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from tests.doubles.sqlserver.faults import SqlError

_TOKEN: Final = re.compile(
    r"(?P<space>\s+|--[^\n]*|/\*.*?\*/)|(?P<text>[nN]?'[^']*(?:''[^']*)*')|(?P<name>\[(?:[^\]]|\]\])*\]|\"(?:[^\"]|\"\")*\")"
    r"|(?P<hex>0[xX][0-9A-Fa-f]*)|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<variable>@@?[\w$#]+)"
    r"|(?P<word>[^\W\d][\w$#@]*)|(?P<symbol>.)",
    re.DOTALL,
)


class Word(NamedTuple):
    """A piece of the batch: space, text, name, hex, number, variable, word or symbol."""

    kind: str
    text: str
    start: int

    @property
    def value(self) -> str:
        """What a text or a name says."""
        if self.kind == "text":
            # A backslash before a line's end continues the literal.
            return re.sub(r"\\\r?\n", "", self.text[self.text.index("'") + 1 : -1].replace("''", "'"))
        if self.kind == "name":
            return self.text[1:-1].replace(self.text[-1] * 2, self.text[-1])
        return self.text

    @property
    def upper(self) -> str:
        return self.text.upper() if self.kind in ("word", "symbol", "variable") else ""


class Statement(NamedTuple):
    """A statement: its words, its text, the batch's line in which it begins."""

    words: list[Word]
    text: str
    line: int


def statements(batch: str) -> list[Statement]:
    """The batch's statements, told apart by semicolons; and by what can only begin one."""
    found: list[Statement] = []
    words: list[Word] = []
    depth = 0
    for match in _TOKEN.finditer(batch):
        word = Word(match.lastgroup or "symbol", match.group(), match.start())
        if word.kind == "symbol" and word.text in "'\"[":
            line = batch.count("\n", 0, word.start) + 1
            raise SqlError(
                105, f"Unclosed quotation mark after the character string '{batch[word.start + 1 : word.start + 40]}'.",
                severity=15, line=line,
            )  # fmt: skip
        if word.kind == "space":
            continue
        depth += (word.text == "(") - (word.text == ")") if word.kind == "symbol" else 0
        ends = word.text == ";" and word.kind == "symbol" and depth == 0
        begins = word.upper in _BEGIN and words and words[0].upper not in _OPEN and depth == 0
        if ends or begins:
            _add(found, words, batch)
            words = [] if ends else [word]
        else:
            words.append(word)
    _add(found, words, batch)
    return found


_BEGIN: Final = frozenset({"SELECT", "PRINT", "EXEC", "DECLARE", "WAITFOR", "USE"})
_OPEN: Final = frozenset({"INSERT", "IF", "DECLARE", "WITH", "CREATE", "SELECT"})
"""After these a word of `_BEGIN` may be a part of the statement: it needs a semicolon to begin another."""


def _add(found: list[Statement], words: list[Word], batch: str) -> None:
    if words:
        end = words[-1].start + len(words[-1].text)
        found.append(Statement(words, batch[words[0].start : end], batch.count("\n", 0, words[0].start) + 1))
