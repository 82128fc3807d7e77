"""JSON: one array of objects, a line each; all results of a text are in the one array."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dbfleet.formats import Format, Page, Rows
from dbfleet.formats._values import to_bytes
from dbfleet.formats.jsonl import object_lines


def encode(results: Iterable[Rows], page: Page) -> Iterator[bytes]:
    opening = "[\n"
    for result in results:
        for text in object_lines(result):
            if text:
                # No newline stands inside an object: JSON escapes them.
                yield to_bytes(opening + text[:-1].replace("\n", ",\n"))
                opening = ",\n"
    yield b"[]\n" if opening == "[\n" else b"\n]\n"


FORMAT = Format("json", (".json",), encode)
