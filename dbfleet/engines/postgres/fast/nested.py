"""The fast path of a collection with json columns: the server renders all but the json, as in `encoded_scan`.

A row comes as the texts between its documents, for its line and for its digest; a document is parsed once and written
twice, in the server's order of keys for the line and in that of the canonical encoding for the digest. 60 000 customers
of 14 columns, of which one is a document: half of the plain path's time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from dbfleet.engines.postgres.fast import encoded_scan as blocks
from dbfleet.engines.postgres.fast.encoded import MOST_COLUMNS, cell, json_line, json_value
from dbfleet.values import Column, Schema, Type, digest_order, json_text

if TYPE_CHECKING:
    from psycopg import Connection

Refuse = Callable[[], None]

_ABSENT: Final = object()
"""What stands for NULL: None is the JSON value null here."""


class Nested:
    """How such a collection is read. `text` is the statement; None where there is no json, or where the server
    cannot."""

    def __init__(
        self, schema: Schema, select: str, natives: Sequence[str], word: Literal["csv", "jsonl"], *, digests: bool
    ) -> None:
        types = [column.type for column in schema.columns]
        self.text: str | None = None
        self._csv = word == "csv"
        self._documents = [place for place, type_ in enumerate(types) if type_ is Type.JSON]
        plain = len(types) - len(self._documents)
        if not self._documents or not plain or len(types) > MOST_COLUMNS:
            return
        names, source = blocks.texts(schema, select, natives)
        self._order = [place for place in digest_order(schema.columns) if types[place] is Type.JSON] if digests else []
        lines = self._lines(schema.columns, names)
        between: list[list[str]] = [[]]
        for place in digest_order(schema.columns) if digests else ():
            if types[place] is Type.JSON:
                between.append([])
            else:
                between[-1].append(blocks.measured(names[place], types[place]))
        pieces = [*lines, *(between if digests else [])]
        self._count = len(pieces)
        texts = [blocks.braced(blocks.joined(piece)) if piece else "''" for piece in pieces]
        documents = [names[place] for place in self._documents]
        self.text = f"SELECT {', '.join([*texts, *documents])}, b {source}"

    def _lines(self, columns: Sequence[Column], names: Sequence[str]) -> list[list[str]]:
        """The texts before, between and behind the documents of a line. In JSON Lines a document that is NULL is left
        out with its name and comma, which are in `_heads`."""
        pieces: list[list[str]] = [[] if self._csv else ["'{'"]]
        self._heads: list[tuple[bytes, bytes]] = []
        solid = False  # whether a field that is never left out stands before
        for number, (column, name) in enumerate(zip(columns, names, strict=True)):
            comma = "," if (number if self._csv else solid) else ""
            if column.type is Type.JSON:
                head = comma if self._csv else comma + blocks.name_of(column)
                if self._csv and head:
                    pieces[-1].append(blocks.literal(head))
                    head = ""
                pieces.append([])
                self._heads.append((head.encode(), b"" if solid or self._csv else b","))
            elif self._csv:
                pieces[-1] += [blocks.literal(comma), blocks.cell(name, column.type)]
            else:
                pieces[-1] += [blocks.literal(comma + blocks.name_of(column)), blocks.value(name, column.type)]
                solid = True
        pieces[-1].append("E'\\n'" if self._csv else "E'}\\n'")
        return pieces

    def lines(
        self, connection: Connection[Any], refuse: Refuse, tally: blocks.Tally | None, at_once: int
    ) -> Iterator[bytes]:
        """The rows' lines; `at_once` rows come together."""
        try:
            yield from self._lines_of(connection, refuse, tally, at_once)
        except UnicodeEncodeError:  # half of a surrogate pair in a document
            refuse()
            raise

    def _lines_of(
        self, connection: Connection[Any], refuse: Refuse, tally: blocks.Tally | None, at_once: int
    ) -> Iterator[bytes]:
        # Here, not above: values.digest_rows has the reason.
        from hashlib import md5

        assert self.text is not None
        beyond = self._count + len(self._documents)
        for result in blocks.in_turn([(connection, self.text.format(where=""))], at_once):
            rows, get = range(result.ntuples), result.get_value
            if b"t" in [get(row, beyond) for row in rows]:
                refuse()
            texts: list[list[Any]] = [[get(row, place) for row in rows] for place in range(self._count)]
            found = {
                place: [_ABSENT if (raw := get(row, number)) is None else json_value(raw) for row in rows]
                for number, place in enumerate(self._documents, self._count)
            }
            cells = [
                [b"" if each is _ABSENT else head + self._document(each) + end for each in found[place]]
                for place, (head, end) in zip(self._documents, self._heads, strict=True)
            ]
            yield b"".join(map(b"".join, zip(*_woven(texts[: len(cells) + 1], cells), strict=True)))
            if tally:
                cells = [list(map(_measured, found[place])) for place in self._order]
                woven = _woven(texts[len(cells) + 1 :], cells)
                hashes = [md5(row, usedforsecurity=False).digest() for row in map(b"".join, zip(*woven, strict=True))]
                tally(blocks.digest_of(b"".join(hashes), len(rows)))

    def _document(self, value: Any) -> bytes:
        text = json_line(value)
        return (cell(text) if self._csv else text).encode()


def _woven(texts: Sequence[list[Any]], cells: Sequence[list[bytes]]) -> list[list[Any]]:
    """The columns in turn: a text, a cell … a text."""
    found = [texts[0]]
    for cell_, text in zip(cells, texts[1:], strict=True):
        found += [cell_, text]
    return found


def _measured(value: Any) -> bytes:
    if value is _ABSENT:
        return b"-"
    text = json_text(value).encode()
    return b"%d:%b" % (len(text), text)
