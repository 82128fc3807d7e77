"""Reads text in chunks of whole lines, for jsonl and csv."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO, Final

from dbfleet.errors import UsageError

CHUNK: Final = 256 * 1024
"""Bytes read at a time: about a thousand rows of ten columns."""


def chunks(stream: BinaryIO, name: str) -> Iterator[tuple[int, str]]:
    """The stream's text in chunks of whole lines, each with the number of its first line. The last line may lack its
    end. A byte order mark is dropped. UsageError, with the line, for text that is not UTF-8."""
    line, rest = 1, b""
    first = True
    while True:
        data = stream.read(CHUNK)
        if first and data:
            data, first = data.removeprefix(codecs.BOM_UTF8), False
        end = data.rfind(b"\n") + 1
        if data and not end:
            rest += data
            continue
        whole, rest = rest + data[:end], data[end:]
        if not data:
            whole, rest = rest + whole, b""
        if whole:
            try:
                text = whole.decode()
            except UnicodeDecodeError as error:
                line += whole.count(b"\n", 0, error.start)
                byte = whole[error.start]
                raise UsageError(f"{name}, line {line}: not UTF-8, byte 0x{byte:02x}") from error
            yield line, text
            line += text.count("\n")
        if not data:
            return
