"""An answer as a file: the bytes that `dbfleet query --format` writes, as they come.

A failure before the first byte is an error like any other. One that comes later cuts the line, so that no client takes
half an answer for a whole one; the outcome is on record, and in `Asked`.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final, Self

from dbfleet.console.statements.asked import Asker, Question, asked
from dbfleet.console.statements.line import Line
from dbfleet.errors import DbfleetError

TYPES: Final = {
    "csv": "text/csv; charset=utf-8; header=present",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "markdown": "text/markdown; charset=utf-8",
    "table": "text/plain; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
}
"""The media types of the formats."""


class Begun:
    """Chunks whose first one is there: what goes wrong before it is raised when this is made."""

    def __init__(self, chunks: Generator[bytes]) -> None:
        self._chunks = chunks
        self._first = next(chunks, None)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        first, self._first = self._first, None
        return first if first is not None else next(self._chunks)

    def close(self) -> None:
        """Stop the statement where it still runs."""
        self._chunks.close()


def export(question: Question, asker: Asker, line: Line) -> Begun:
    """The answer, whose first bytes are there."""
    return Begun(_chunks(question, asker, line))


def _chunks(question: Question, asker: Asker, line: Line) -> Generator[bytes]:
    given = False
    with asked(question, asker, line) as statement:
        try:
            for chunk in statement.exported():
                given = True
                yield chunk
        except DbfleetError:
            if given:
                line.cut()
            raise
