"""SQL text: splits it into tokens and statements, and finds the parameters.

It knows quoted strings, dollar quotes, identifiers, comments and casts. So `:name` is a parameter exactly where the
engine would read a value, and `;` ends a statement exactly where the engine ends it. Where engines differ, a `Lexis`
says how.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from dbfleet.errors import UsageError, nearest


@dataclass(frozen=True, slots=True)
class Lexis:
    """How an engine's SQL is spelt, where engines differ.

    `name_quotes` are the marks that we write around an identifier. `compound` names what CREATE makes with a body of
    BEGIN … END that holds semicolons. `not_parameters` are names that may follow a colon without being a parameter
    (Oracle's :new and :old).
    """

    name_quotes: tuple[str, str] = ('"', '"')
    double_quotes_text: bool = False  # "…" is text (MySQL without ANSI_QUOTES)
    backslash_escapes: bool = False  # in every '…'; E'…' has them where `escape_strings`
    escape_strings: bool = False  # E'…'
    dollar_quotes: bool = False  # $$…$$, $tag$…$tag$
    alternative_quotes: bool = False  # q'[…]'
    backticks: bool = False
    brackets: bool = False  # [name]; elsewhere brackets are arrays, and a colon in them may be a slice
    hash_comments: bool = False
    colons_behind_words: bool = False  # a:b and {'a':b}: a colon right behind a word or a text is no parameter's
    dashes_need_space: bool = False  # `--` starts a comment only before white space (MySQL: 5--1 is 6)
    nested_comments: bool = False
    compound: frozenset[str] = frozenset({"FUNCTION", "PROCEDURE"})
    not_parameters: frozenset[str] = frozenset()

    def quote(self, name: str) -> str:
        """`name` as a quoted identifier; it may hold any character."""
        start, end = self.name_quotes
        return start + name.replace(end, end + end) + end

    def quote_all(self, names: Iterable[str]) -> str:
        """The names as quoted identifiers, with commas between them."""
        return ", ".join(map(self.quote, names))


def text_literal(text: str) -> str:
    """`text` as a literal in single quotes, where no character but the quote has a meaning of its own."""
    quoted = text.replace("'", "''")
    return f"'{quoted}'"


class Token(NamedTuple):
    """A piece of a text; `kind` is space, comment, text, name, word, number, parameter or symbol. The tokens of a text,
    joined, are the text again."""

    kind: str
    text: str
    start: int

    @property
    def matters(self) -> bool:
        """Whether the token is neither space nor a comment."""
        return self.kind not in ("space", "comment")


@cache
def _pattern(lexis: Lexis) -> re.Pattern[str]:
    # A quote or comment that is not closed runs to the end of the text; the server then reports the error.
    quoted = r"{0}(?:[^{0}]|{0}{0})*(?:{0}|\Z)"
    escaped = r"{0}(?:[^{0}\\]|{0}{0}|\\.|\\\Z)*(?:{0}|\Z)"
    texts = [escaped.format("'") if lexis.backslash_escapes else quoted.format("'")]
    names: list[str] = []
    (texts if lexis.double_quotes_text else names).append(
        (escaped if lexis.double_quotes_text and lexis.backslash_escapes else quoted).format('"')
    )
    if lexis.escape_strings:
        texts.insert(0, "[eE]" + escaped.format("'"))
    if lexis.dollar_quotes:
        texts.insert(0, r"\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)")
    if lexis.alternative_quotes:
        pairs = (r"\[.*?(?:\]'|\Z)", r"\{.*?(?:\}'|\Z)", r"\(.*?(?:\)'|\Z)", r"<.*?(?:>'|\Z)")
        texts.insert(0, rf"[nN]?[qQ]'(?:{'|'.join(pairs)}|(?P<mark>\S).*?(?:(?P=mark)'|\Z))")
    if lexis.backticks:
        names.append(quoted.format("`"))
    if lexis.brackets:
        names.append(r"\[(?:[^\]]|\]\])*(?:\]|\Z)")
    comments = [r"--(?=\s|\Z)[^\n]*" if lexis.dashes_need_space else r"--[^\n]*"]
    comments.append(r"/\*" if lexis.nested_comments else r"/\*.*?(?:\*/|\Z)")
    if lexis.hash_comments:
        comments.append(r"\#[^\n]*")
    return re.compile(
        rf"(?P<space>\s+)|(?P<comment>{'|'.join(comments)})|(?P<text>{'|'.join(texts)})"
        + (rf"|(?P<name>{'|'.join(names)})" if names else "")
        + r"|(?P<word>[^\W\d][\w$]*)|(?P<number>\d+(?:\.\d+)?\w*)|(?P<parameter>:[^\W\d]\w*)|(?P<symbol>::|:=|.)",
        re.DOTALL,
    )


_COMMENT_MARK = re.compile(r"/\*|\*/")


def _nested_comment_end(text: str, start: int) -> int:
    depth, place = 1, start + 2
    while depth and (mark := _COMMENT_MARK.search(text, place)):
        depth += 1 if mark.group() == "/*" else -1
        place = mark.end()
    return len(text) if depth else place


def tokens(text: str, lexis: Lexis) -> Iterator[Token]:
    """All tokens of the text, in order."""
    match = _pattern(lexis).match
    place, before, depth = 0, "", 0
    while place < len(text):
        token = match(text, place)
        assert token is not None  # `symbol` takes any character
        kind, end = token.lastgroup or "symbol", token.end()
        if kind in ("tag", "mark"):
            kind = "text"
        piece = token.group()
        if kind == "comment" and lexis.nested_comments and piece == "/*":
            end = _nested_comment_end(text, place)
            piece = text[place:end]
        elif kind == "symbol" and piece in "[]":
            depth = max(0, depth + (1 if piece == "[" else -1))
        elif kind == "parameter" and (
            piece[1:].lower() in lexis.not_parameters
            or (depth and (before[-1:].isalnum() or before[-1:] in '_)]"'))
            or (lexis.colons_behind_words and place and (text[place - 1].isalnum() or text[place - 1] in "_'\"])"))
        ):
            # items[1:n] is a slice; a parameter there is written items[1: :n].
            kind, piece, end = "symbol", ":", place + 1
        yield Token(kind, piece, place)
        if kind not in ("space", "comment"):
            before = piece
        place = end


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its text without the semicolon, where it starts in the whole text, its first `WORDS` words in
    upper case (without comments, quoted names and symbols), and the names of its parameters in order of appearance."""

    text: str
    start: int
    words: tuple[str, ...]
    parameters: tuple[str, ...]


WORDS = 8
_ENDS_NO_BLOCK = frozenset({"IF", "LOOP", "WHILE", "REPEAT", "FOR"})


def statements(text: str, lexis: Lexis) -> list[Statement]:
    """The statements of the text, in order; empty ones and those of comments alone are left out.

    A semicolon ends a statement unless it is in parentheses, or in the BEGIN … END of a CREATE of `lexis.compound`.
    UsageError if there is no statement at all.
    """
    complete: list[Statement] = []
    words: list[str] = []
    names: dict[str, None] = {}
    start: int | None = None
    end = parentheses = blocks = 0
    last_word = ""
    for token in (*tokens(text, lexis), Token("symbol", ";", len(text))):
        final = token.start == len(text)
        if token.text == ";" and token.kind == "symbol" and (final or not (parentheses or blocks)):
            if start is not None:
                complete.append(Statement(text[start:end], start, tuple(words[:WORDS]), tuple(names)))
            words, names, start, parentheses, blocks, last_word = [], {}, None, 0, 0, ""
            continue
        if not token.matters:
            continue
        if start is None:
            start = token.start
        end = token.start + len(token.text)
        if token.kind == "parameter":
            names[token.text[1:]] = None
        elif token.kind == "symbol":
            parentheses = max(0, parentheses + (token.text == "(") - (token.text == ")"))
        elif token.kind == "word":
            word = token.text.upper()
            if len(words) < WORDS:
                words.append(word)
            if words[0] == "CREATE" and not lexis.compound.isdisjoint(words):
                blocks = max(0, blocks + _block_step(word, last_word, blocks))
            last_word = word
    if not complete:
        raise UsageError("the statement is empty")
    return complete


def _block_step(word: str, last_word: str, blocks: int) -> int:
    """By how much `word`, after `last_word`, changes the number of open BEGIN and CASE."""
    if word == "BEGIN":
        return 1
    if word == "CASE" and last_word != "END":
        return 1 if blocks else 0
    if word == "END":
        return -1
    # END IF and similar ends close a block that was not counted: undo the step of its END.
    return 1 if last_word == "END" and word in _ENDS_NO_BLOCK else 0


def check_parameters(checked: Sequence[Statement], params: Mapping[str, object] | None) -> None:
    """Raise UsageError unless the statements use exactly the parameters that are given."""
    given = params or {}
    used = dict.fromkeys(name for statement in checked for name in statement.parameters)
    for name in used:
        if name not in given:
            close = nearest(name, given)
            raise UsageError(
                f"the statement has a parameter :{name} and no value was given for it",
                hint=f"did you mean :{close}?" if close else f"give one: --param {name}=…",
            )
    for name in given:
        if name not in used:
            raise UsageError(f"the statement has no parameter :{name}", hint=_used(used))


def _used(names: Iterable[str]) -> str:
    listed = ", ".join(f":{name}" for name in names)
    return f"its parameters are {listed}" if listed else "it has no parameters; write :name where a value belongs"


def bind(
    text: str,
    params: Mapping[str, object] | None,
    lexis: Lexis,
    placeholder: Callable[[int, str], str],
    *,
    numbered: bool = False,
    double_percent: bool = False,
) -> tuple[str, tuple[object, ...]]:
    """The text with the driver's placeholders, and the values in the driver's order.

    `placeholder(number from 1, name)` gives the text of a placeholder: `lambda n, name: "%s"`. With `numbered`, a name
    that is used twice has one number and one value; otherwise each use has its own. `double_percent` is for drivers
    that format the text by `%`; they do it only if there are values, so a text without parameters is not changed.
    """
    given = params or {}
    parts: list[str] = []
    values: list[object] = []
    numbers: dict[str, int] = {}
    for token in tokens(text, lexis):
        if token.kind != "parameter" or (name := token.text[1:]) not in given:
            parts.append(token.text)
            continue
        if not numbered or name not in numbers:
            values.append(given[name])
            numbers[name] = len(values)
        parts.append("\0" + placeholder(numbers[name], name))
    if not values:
        return text, ()
    if double_percent:
        parts = [part if part[0] == "\0" else part.replace("%", "%%") for part in parts]
    return "".join(part[1:] if part[0] == "\0" else part for part in parts), tuple(values)


def line_of(text: str, position: int) -> tuple[int, str]:
    """The line that holds the character at `position` (from 0): its number, from 1, and its text."""
    position = min(max(position, 0), len(text))
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    return text.count("\n", 0, position) + 1, text[start : end if end >= 0 else len(text)].strip()
