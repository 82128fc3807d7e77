"""Documents read natively: which there are by the feed of changes, what they are by `_bulk_get`.

The feed says each document once, deleted ones too, with all its leaf revisions, of one moment; it is kept in a file, as
the documents are read for much longer. They are asked for by revision, so what is changed meanwhile is read as it was,
unless a compaction was faster: then as it is. Pages are cut by the bytes that those before them had.

The feed has no ranges of ids that hold what is deleted, so a part is a share of all ids by their hashes, and each reads
the whole feed. It is a hundredth of what the documents take.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final
from urllib.parse import quote
from zlib import crc32

from dbfleet.adapter import WHOLE, Part
from dbfleet.engines.couchdb.documents import Document
from dbfleet.engines.couchdb.native.origin import Origin
from dbfleet.engines.couchdb.native.values import CONTENT, Leaf, leaf_of, row
from dbfleet.engines.couchdb.session import Session
from dbfleet.engines.couchdb.text import dumps, is_design, records_of
from dbfleet.errors import Damaged, NotFound
from dbfleet.values import Batch, Row, Schema

MOST_PARTS: Final = 8
_IN_MEMORY: Final = 8 << 20
_FIRST: Final = 20
_PAGE_BYTES: Final = 1 << 20
_CONTENT_BYTES: Final = 4 << 20
_KEYS: Final = 100
_NO_CHARACTER: Final = "\ufffd"
"""What the server says instead of bytes that are no UTF-8; a document got such an id by a path."""
_QUERY: Final = "revs=true&attachments=false&att_encoding_info=true"

Asked = tuple[str, list[str]]
"""A document's id and its leaf revisions."""


def parts_of(session: Session, count: int) -> list[Part]:
    """So many shares of a database's documents, by their ids; one where what is there of a share could not be removed
    again (`native.write.purge`)."""
    count = min(count, MOST_PARTS)
    if count < 2 or not session.is_couchdb:
        return [WHOLE]
    return [{"share": number, "of": count} for number in range(count)]


def changed(session: Session, path: str, part: Part = WHOLE) -> Iterator[Asked]:
    """The documents of the part, with their leaf revisions: of the moment at which the first is asked for."""
    share, of = part.get("share", 0), part.get("of", 1)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        for line in _lines(session, path):
            file.write(line)
        file.seek(0)
        for line in file:
            entry = json.loads(line)
            id_ = entry["id"]
            if not is_design(id_) and (of == 1 or crc32(id_.encode(errors="replace")) % of == share):
                yield id_, [each["rev"] for each in entry["changes"]]


def _lines(session: Session, path: str) -> Iterator[bytes]:
    """The feed's entries, a line each."""
    # The numbers of sequence are long, and nobody reads them.
    response = session.send("GET", f"{path}/_changes?style=all_docs&seq_interval=10000", stream=True)
    with session.translated():
        if not session.is_couchdb:
            yield from (dumps(entry).encode() + b"\n" for entry in records_of(response))
            return
        for line in response.iter_lines(1 << 16):
            if line.startswith(b'{"seq"'):
                yield line.rstrip(b",") + b"\n"


def scan(session: Session, path: str, schema: Schema, part: Part, batch_size: int) -> Iterator[Batch]:
    """The part's documents."""
    origin = Origin(session.target, path, session)
    waiting = changed(session, path, part)
    wanted = min(_FIRST, batch_size)
    while asked := list(islice(waiting, wanted)):
        found, size = _documents(session, path, asked)
        yield from _batches(schema, found, origin)
        wanted = max(1, min(batch_size, 8 * wanted, _PAGE_BYTES * len(asked) // max(size, 1)))


def _batches(schema: Schema, found: Sequence[tuple[str, list[Leaf]]], origin: Origin) -> Iterator[Batch]:
    """The rows; where they have their attachments' bytes, in batches of a few."""
    if CONTENT not in schema.names:
        if found:
            yield [row(schema, id_, leaves, origin) for id_, leaves in found]
        return
    batch: Batch = []
    size = 0
    for id_, leaves in found:
        weight = sum(each["length"] for leaf in leaves for each in (leaf.attachments or {}).values())
        if batch and size + weight > _CONTENT_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(row(schema, id_, leaves, origin))
        size += weight
    if batch:
        yield batch


def _documents(session: Session, path: str, asked: Sequence[Asked]) -> tuple[list[tuple[str, list[Leaf]]], int]:
    """What was asked for and is there, and how many bytes it had."""
    body = {"docs": [{"id": id_, "rev": rev} for id_, revs in asked for rev in revs]}
    response = session.send("POST", f"{path}/_bulk_get?{_QUERY}", body)
    answers = iter(session.read(response.content)["results"])
    found = []
    for id_, revs in asked:
        told = [each for _ in revs for each in next(answers)["docs"]]
        documents = [each["ok"] for each in told if "ok" in each]
        if len(documents) < len(revs):  # changed, and compacted, meanwhile
            documents = _open(session, path, id_)
        if documents:
            found.append((id_, _leaves(session, documents)))
        elif _NO_CHARACTER in id_:  # nothing else asks for what is not there, but who removes it meanwhile
            raise Damaged(
                f"a document has an id that is no UTF-8, {id_[:200]!r}: no request can name it",
                engine="couchdb", target=session.target.name,
            )  # fmt: skip
    return found, len(response.content)


def _open(session: Session, path: str, id_: str) -> list[Document]:
    """All leaf revisions of a document; none where it is gone."""
    query = f"open_revs=all&{_QUERY}"
    try:
        response = session.send("GET", f"{path}/{quote(id_, safe='')}?{query}")
    except NotFound:
        return []
    return [each["ok"] for each in session.read(response.content) if "ok" in each]


def get(session: Session, path: str, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
    """The rows of these ids."""
    origin = Origin(session.target, path, session)
    for id_, leaves in leaves_of(session, path, [key[0] for key in keys]):
        yield row(schema, id_, leaves, origin)


def leaves_of(session: Session, path: str, ids: Sequence[str]) -> Iterator[tuple[str, list[Leaf]]]:
    """The leaves of each of these documents that is there."""
    for start in range(0, len(ids), _KEYS):
        some = list(dict.fromkeys(ids[start : start + _KEYS]))
        if session.is_couchdb:
            body = {"docs": [{"id": id_} for id_ in some]}
            answer = session.json("POST", f"{path}/_bulk_get", body, query=_QUERY)
            found = [[each["ok"] for each in entry["docs"] if "ok" in each] for entry in answer["results"]]
        else:  # which would give the winner alone
            found = [_open(session, path, id_) for id_ in some]
        yield from ((id_, _leaves(session, each)) for id_, each in zip(some, found, strict=True) if each)


def _leaves(session: Session, documents: Iterable[Document]) -> list[Leaf]:
    return [leaf_of(each, places=session.is_couchdb) for each in documents]


def revisions_of(session: Session, path: str, ids: Sequence[str]) -> dict[str, list[str]]:
    """The leaf revisions of these documents, as far as they are there."""
    found: dict[str, list[str]] = {}
    for start in range(0, len(ids), _KEYS):
        some = ids[start : start + _KEYS]
        if session.is_couchdb:
            answer = session.json("POST", f"{path}/_changes", {"doc_ids": some}, query="style=all_docs&filter=_doc_ids")
            found |= {each["id"]: [one["rev"] for one in each["changes"]] for each in answer["results"]}
        else:
            found |= {id_: [leaf.rev for leaf in leaves] for id_, leaves in leaves_of(session, path, some)}
    return found


def designs(session: Session, path: str, but: str) -> list[str]:
    """The ids of the design documents, deleted ones too, without this one, sorted."""
    if not session.is_couchdb:
        everything = (json.loads(line)["id"] for line in _lines(session, path))
        return sorted(id_ for id_ in everything if is_design(id_) and id_ != but)
    answer = session.json("GET", f"{path}/_changes", query="style=all_docs&filter=_design")
    return sorted(each["id"] for each in answer["results"] if each["id"] != but)
