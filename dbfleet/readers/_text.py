"""Reads text in chunks of whole lines, in any encoding, for the formats that are text."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO, Final

from dbfleet.errors import UsageError

CHUNK: Final = 256 * 1024
"""Bytes read at a time: about a thousand rows of ten columns."""
_UTF_8: Final = ("utf-8", "utf-8-sig")


def chunks(stream: BinaryIO, name: str, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    """The stream's text in chunks of whole lines, each with the number of its first line. The last line may lack its
    end. A byte order mark at the beginning is dropped; elsewhere it is text. UsageError, with the line and the column,
    for bytes that are no text in this encoding."""
    return _of_utf_8(stream, name) if encoding in _UTF_8 else _of_others(stream, name, encoding)


def _of_utf_8(stream: BinaryIO, name: str) -> Iterator[tuple[int, str]]:
    line = 1
    waiting: list[bytes] = []
    data = stream.read(CHUNK).removeprefix(codecs.BOM_UTF8)
    while data:
        end = data.rfind(b"\n") + 1
        if end:
            whole = b"".join([*waiting, data[:end]])
            waiting = [data[end:]] if end < len(data) else []
            text = _decoded(whole, name, line)
            yield line, text
            line += text.count("\n")
        else:
            waiting.append(data)
        data = stream.read(CHUNK)
    if waiting:
        yield line, _decoded(b"".join(waiting), name, line)


def _decoded(whole: bytes, name: str, line: int) -> str:
    try:
        return whole.decode()
    except UnicodeDecodeError as error:
        raise _not(error, "UTF-8", name, line, whole[: error.start].decode()) from error


def _of_others(stream: BinaryIO, name: str, encoding: str) -> Iterator[tuple[int, str]]:
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    waiting: list[str] = []
    first = True
    while True:
        data = stream.read(CHUNK)
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            before = "".join(waiting) + error.object[: error.start].decode(encoding, "ignore")
            raise _not(error, encoding, name, line, before) from error
        except UnicodeError as error:
            raise _without_mark(error, encoding, name) from error
        if first and text:
            text, first = text.removeprefix("\ufeff"), False
        end = text.rfind("\n") + 1
        if end:
            whole = "".join([*waiting, text[:end]])
            waiting = [text[end:]] if end < len(text) else []
            yield line, whole
            line += whole.count("\n")
        elif text:
            waiting.append(text)
        if not data:
            break
    if waiting:
        yield line, "".join(waiting)


def _not(error: UnicodeDecodeError, encoding: str, name: str, line: int, before: str) -> UsageError:
    """The error of a byte behind the text `before`, which begins in this line."""
    line += before.count("\n")
    column = len(before) - before.rfind("\n")
    byte = error.object[error.start]
    return UsageError(
        f"{name}, line {line}, column {column}: not {encoding}, byte 0x{byte:02x}",
        hint="--encoding NAME says what it is; cp1252 is what Windows writes in Western Europe",
    )


def _without_mark(error: UnicodeError, encoding: str, name: str) -> UsageError:
    """The error of UTF-16 or UTF-32 that does not say which half of a character comes first."""
    return UsageError(
        f"{name}, line 1: {encoding} begins with a byte order mark, and this does not",
        hint=f"--encoding {encoding}-le or {encoding}-be says the order",
    )


def pieces(stream: BinaryIO, name: str, encoding: str = "utf-8") -> Iterator[str]:
    """The stream's text as it comes, without regard to lines; as `chunks` else."""
    decoder = codecs.getincrementaldecoder("utf-8" if encoding in _UTF_8 else encoding)()
    line, column, first = 1, 1, True
    while True:
        data = stream.read(CHUNK)
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(encoding, "ignore")
            behind = "" if "\n" in before else " " * (column - 1)
            name_of = "UTF-8" if encoding in _UTF_8 else encoding
            raise _not(error, name_of, name, line, behind + before) from error
        except UnicodeError as error:
            raise _without_mark(error, encoding, name) from error
        if first and text:
            text, first = text.removeprefix("\ufeff"), False
        if text:
            yield text
            ends = text.count("\n")
            line += ends
            column = len(text) - text.rfind("\n") if ends else column + len(text)
        if not data:
            return
