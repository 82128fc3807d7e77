"""What a copy leaves behind, in words: design documents, attachments, conflicting revisions, the security object and
the revisions of the documents. Nothing of it is read into memory."""

from __future__ import annotations

import json
from typing import Any, Final

from dbfleet.engines.couchdb.session import Session
from dbfleet.errors import DbfleetError, StatementError

_PAGE: Final = 5000
_MOST: Final = 100_000
"""Documents with attachments are counted up to here; where there are more, the text says so."""
_OWN_SECURITY: Final[tuple[Any, ...]] = ({}, {"admins": {"roles": ["_admin"]}, "members": {"roles": ["_admin"]}})


def of_database(session: Session, path: str, *, ours: bool) -> tuple[str, ...]:
    """What the database with this path has besides its rows. `ours`: dbfleet made it, so no document has a history that
    anybody needs."""
    left = [f"the design document {name}" for name in _designs(session, path)]
    counts = {"attachments": _attached(session, path), "conflicting revisions": _conflicts(session, path)}
    for what, count in counts.items():
        if count:
            left.append(f"{what} of {count}{'' if count < _MOST else ' or more'} documents")
    if _secured(session, path):
        left.append("its security object")
    if not ours:
        left.append("the revisions of its documents")
    return tuple(left)


def _designs(session: Session, path: str) -> list[str]:
    query = 'startkey="_design/"&endkey="_design0"&inclusive_end=false'
    rows = session.json("GET", f"{path}/_all_docs", query=query)["rows"]
    return [row["id"] for row in rows if row["id"] != "_design/dbfleet"]


def _attached(session: Session, path: str) -> int:
    """How many documents have attachments, up to _MOST or a page more."""
    count, query = 0, {"selector": {"_attachments": {"$exists": True}}, "fields": ["_id"], "limit": _PAGE}
    page: dict[str, Any] = dict(query)
    while count < _MOST:
        try:
            answer = session.json("POST", f"{path}/_find", page)
        except StatementError:  # a server without Mango
            return count
        count += len(answer["docs"])
        if len(answer["docs"]) < _PAGE or not answer.get("bookmark"):
            break
        page = {**query, "bookmark": answer["bookmark"]}
    return count


def _conflicts(session: Session, path: str) -> int:
    """How many documents have conflicting revisions. The feed of changes names those with several leaves, but a leaf
    may be a deleted one, so these documents are asked for."""
    count, since = 0, "0"
    while True:
        query = f"style=all_docs&limit={_PAGE}&since={since}"
        answer = session.json("GET", f"{path}/_changes", query=query)
        changes = answer["results"]
        suspects = [change["id"] for change in changes if len(change["changes"]) > 1]
        if suspects:
            documents = session.json(
                "POST", f"{path}/_all_docs", {"keys": suspects}, query="include_docs=true&conflicts=true"
            )["rows"]
            count += sum("_conflicts" in (entry.get("doc") or {}) for entry in documents)
        if len(changes) < _PAGE:
            return count
        last = answer["last_seq"]
        since = str(last) if not isinstance(last, list) else json.dumps(last)


def _secured(session: Session, path: str) -> bool:
    """Whether the security object is another one than a new database has."""
    try:
        security = session.json("GET", f"{path}/_security")
    except DbfleetError:
        return False

    return _without_empty(security) not in _OWN_SECURITY


def _without_empty(value: Any) -> Any:
    """The value without members that hold nothing."""
    if not isinstance(value, dict):
        return value
    return {key: kept for key, item in value.items() if (kept := _without_empty(item))}
