"""A leaf revision with its attachments as one request: the source's own bytes passed on as they come, or made of what a
file holds. In `_bulk_docs` no attachment can be stored as it is kept: there it is compressed once more."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from dbfleet.engines.couchdb.native.values import Leaf
from dbfleet.engines.couchdb.session import Session
from dbfleet.engines.couchdb.text import dumps

_PIECE: Final = 1 << 18
"""A multiple of four: so many letters of base64 are whole bytes."""


class _Passing:
    """The body of an answer as the body of a request. `requests` asks for its length and reads it piece by piece."""

    def __init__(self, answer: Any, length: int) -> None:
        self._answer, self._length = answer, length

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        found: bytes = self._answer.raw.read(None if size < 0 else size, decode_content=False)
        return found

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(1 << 16):
            yield piece


def pass_on(session: Session, path: str, id_: str, answer: Any) -> None:
    """Store the revision that the answer holds."""
    try:
        length = answer.headers.get("Content-Length")
        data: Any = _Passing(answer, int(length)) if length else answer.iter_content(1 << 16)
        _put(session, path, id_, data, answer.headers["Content-Type"])
    finally:
        answer.close()


class _Made:
    """Pieces as the body of a request, read as they are sent: in one piece a large one would have to be taken by the
    server before the deadline of connecting. `length` is that of all."""

    def __init__(self, pieces: Iterator[bytes], length: int) -> None:
        self._pieces, self._length = pieces, length

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        """The next piece, whatever its size: who sends a body takes what it gets until there is no more."""
        return next(self._pieces, b"")

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


def store(session: Session, path: str, id_: str, leaf: Leaf, content: Mapping[str, str]) -> None:
    """Store the revision with attachments whose bytes, as they are kept, stand in `content` by their digests."""
    boundary = uuid.uuid4().hex
    stubs = leaf.attachments or {}
    data = [content[stub["digest"]] for stub in stubs.values()]
    told: dict[str, Any] = {name: {**stub, "follows": True} for name, stub in stubs.items()}
    document = dumps({**leaf.document(id_), "_attachments": told})
    first = f"--{boundary}\r\nContent-Type: application/json\r\n\r\n{document}".encode()
    heads = [f"\r\n--{boundary}\r\nContent-Length: {_length(each)}\r\n\r\n".encode() for each in data]
    last = f"\r\n--{boundary}--".encode()

    def pieces() -> Iterator[bytes]:
        yield first
        for head, each in zip(heads, data, strict=True):
            yield head
            for start in range(0, len(each), _PIECE):
                yield base64.b64decode(each[start : start + _PIECE])
        yield last

    length = len(first) + sum(map(len, heads)) + sum(map(_length, data)) + len(last)
    _put(session, path, id_, _Made(pieces(), length), f'multipart/related; boundary="{boundary}"')


def _length(data: str) -> int:
    """How many bytes a text in base64 stands for."""
    return len(data) // 4 * 3 - data[-2:].count("=")


def _put(session: Session, path: str, id_: str, data: Any, kind: str) -> None:
    session.send("PUT", f"{path}/{quote(id_, safe='')}?new_edits=false", data=data, headers={"Content-Type": kind})
