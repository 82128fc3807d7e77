"""Where the bytes of attachments are: a database, asked by a session of its own as soon as somebody wants them.

What travels from a worker to its owner is the target; who has got it keeps it in memory, and what is then written to a
file names it only, so no password is in a file. The session stays where it is.

On a CouchDB attachments may be kept compressed, and their digests are those of the compressed bytes: so they are asked
for as they are kept, and stored so. A server that only speaks CouchDB's API has no compressed ones.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Protocol
from urllib.parse import quote

from dbfleet.engines.couchdb.connect import opened
from dbfleet.engines.couchdb.session import Session
from dbfleet.target import Target

_TIMEOUT_S: Final = 10.0
_MULTIPART: Final = {"Accept": "multipart/related"}


class _Leaf(Protocol):
    """A leaf, as far as it matters here."""

    @property
    def rev(self) -> str: ...
    @property
    def attachments(self) -> Mapping[str, Any] | None: ...


class Origin:
    """A database of a target's."""

    def __init__(self, target: Target, path: str, session: Session | None = None) -> None:
        self._target, self._path = target, path
        self._session = session
        self._word = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return (_again, (self._word,)) if self._word else (_arrived, (self._target, self._path))

    def parts(self, id_: str, rev: str) -> Any:
        """The revision as a multipart answer, its bytes still to be read; None where this server gives none."""
        response = self._ask(id_, rev, encoded=True, headers=_MULTIPART)
        if str(response.headers.get("Content-Type", "")).startswith("multipart/related"):
            return response
        response.close()
        return None

    def inline(self, id_: str, rev: str) -> dict[str, str]:
        """The attachments of a revision in base64, by their names: as they were put, none compressed."""
        response = self._ask(id_, rev, encoded=False, headers={})
        with self._opened().translated():
            document = json.loads(response.content)
        return {name: held["data"] for name, held in document.get("_attachments", {}).items()}

    def kept(self, id_: str, rev: str) -> dict[str, str]:
        """The attachments of a revision in base64, by their names: as they are kept."""
        answer = self.parts(id_, rev)
        if answer is None:
            return self.inline(id_, rev)
        with self._opened().translated():
            data = answer.content
        boundary = re.search(r'boundary="?([^";]+)', answer.headers["Content-Type"])
        assert boundary is not None
        return {name: base64.b64encode(each).decode() for name, each in _apart(data, boundary[1].encode())}

    def content(self, id_: str, leaves: Iterable[_Leaf]) -> dict[str, str]:
        """The attachments of a document's leaves in base64, as they are kept, by their digests."""
        found: dict[str, str] = {}
        for leaf in leaves:
            if leaf.attachments and not all(each["digest"] in found for each in leaf.attachments.values()):
                data = self.kept(id_, leaf.rev)
                found |= {leaf.attachments[name]["digest"]: each for name, each in data.items()}
        return dict(sorted(found.items()))

    def _ask(self, id_: str, rev: str, *, encoded: bool, headers: Mapping[str, str]) -> Any:
        query = f"rev={rev}&revs=true&attachments=true" + ("&att_encoding_info=true" if encoded else "")
        return self._opened().send("GET", f"{self._path}/{quote(id_, safe='')}?{query}", stream=True, headers=headers)

    def _opened(self) -> Session:
        if self._session is None or self._session.closed:
            self._session = opened(self._target, _TIMEOUT_S)
        return self._session


def _apart(data: bytes, boundary: bytes) -> Iterator[tuple[str, memoryview]]:
    """The attachments of a multipart answer, by their names. They come in the order in which the document, the first
    part, lists them, and each says its length."""
    whole = memoryview(data)
    _, place = _head(data, 0)
    end = data.index(b"\r\n--" + boundary, place)  # no line of JSON begins so
    names = json.loads(data[place:end])["_attachments"]
    for name in names:
        length, place = _head(data, end + 2)
        end = place + length
        yield name, whole[place:end]


def _head(data: bytes, place: int) -> tuple[int, int]:
    """The length that a part's head says, and where its body begins."""
    end = data.index(b"\r\n\r\n", place) + 4
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", data[place:end])
    return int(length[1]) if length else 0, end


_ARRIVED: Final[dict[str, Origin]] = {}
"""What has come from another process, by a word that stands for it here."""


def _arrived(target: Target, path: str) -> Origin:
    word = hashlib.sha256(f"{target.url(reveal=True)} {path}".encode()).hexdigest()
    if word not in _ARRIVED:
        _ARRIVED[word] = Origin(target, path)
        _ARRIVED[word]._word = word
    return _ARRIVED[word]


def _again(word: str) -> Origin:
    return _ARRIVED[word]
