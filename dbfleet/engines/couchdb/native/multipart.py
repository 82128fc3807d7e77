"""A leaf revision with its attachments as one request: the source's own bytes passed on as they come, or made of what a
file holds. In `_bulk_docs` no attachment can be stored as it is kept: there it is compressed once more."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from dbfleet.engines.couchdb.native.values import Leaf
from dbfleet.engines.couchdb.session import Session
from dbfleet.engines.couchdb.text import dumps


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


def store(session: Session, path: str, id_: str, leaf: Leaf, content: Mapping[str, str]) -> None:
    """Store the revision with attachments whose bytes, as they are kept, stand in `content` by their digests."""
    boundary = uuid.uuid4().hex
    told: dict[str, Any] = {}
    pieces: list[bytes] = []
    for name, stub in (leaf.attachments or {}).items():
        data = base64.b64decode(content[stub["digest"]])
        told[name] = {**stub, "follows": True}
        pieces += [f"\r\n--{boundary}\r\nContent-Length: {len(data)}\r\n\r\n".encode(), data]
    document = dumps({**leaf.document(id_), "_attachments": told})
    head = f"--{boundary}\r\nContent-Type: application/json\r\n\r\n{document}".encode()
    body = b"".join([head, *pieces, f"\r\n--{boundary}--".encode()])
    _put(session, path, id_, body, f'multipart/related; boundary="{boundary}"')


def _put(session: Session, path: str, id_: str, data: Any, kind: str) -> None:
    session.send("PUT", f"{path}/{quote(id_, safe='')}?new_edits=false", data=data, headers={"Content-Type": kind})
