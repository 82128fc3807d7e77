"""JSON: one array of objects, each on a line of its own; the results of all statements are in the same array."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dbfleet.formats import Format, Page, Rows
from dbfleet.formats._values import to_bytes
from dbfleet.formats.jsonl import object_lines


def encode(results: Iterable[Rows], page: Page) -> Iterator[bytes]:
    """The results as one JSON array."""
    opening = "[\n"
    for result in results:
        for text in object_lines(result):
            if text:
                # JSON escapes newlines, so the only ones end an object.
                yield to_bytes(opening + text[:-1].replace("\n", ",\n"))
                opening = ",\n"
    yield b"[]\n" if opening == "[\n" else b"\n]\n"


FORMAT = Format("json", (".json",), encode)
