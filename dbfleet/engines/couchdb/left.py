"""What a database has besides the rows, and a copy does not take along: design documents, attachments, conflicts,
revisions, its security object. In words; nothing of it is read into memory."""

from __future__ import annotations

import json
from typing import Any, Final

from dbfleet.engines.couchdb.connect import Session
from dbfleet.errors import DbfleetError, StatementError

_PAGE: Final = 5000
_MOST: Final = 100_000
"""Documents with attachments that are counted; who has more is told so."""
_OWN_SECURITY: Final[tuple[Any, ...]] = ({}, {"admins": {"roles": ["_admin"]}, "members": {"roles": ["_admin"]}})


def left(session: Session, path: str, *, ours: bool) -> tuple[str, ...]:
    """`ours`: dbfleet has made the database, and no document's history means anything to anybody."""
    found = [f"the design document {name}" for name in _designs(session, path)]
    counts = {"attachments": _attached(session, path), "conflicting revisions": _conflicts(session, path)}
    for what, count in counts.items():
        if count:
            found.append(f"{what} of {count}{'' if count < _MOST else ' or more'} documents")
    if _secured(session, path):
        found.append("its security object")
    if not ours:
        found.append("the revisions of its documents")
    return tuple(found)


def _designs(session: Session, path: str) -> list[str]:
    query = 'startkey="_design/"&endkey="_design0"&inclusive_end=false'
    rows = session.json("GET", f"{path}/_all_docs", query=query)["rows"]
    return [row["id"] for row in rows if row["id"] != "_design/dbfleet"]


def _attached(session: Session, path: str) -> int:
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
    """Documents with several leaves, which may be deleted ones, and of those whichever are in conflict."""
    count, since = 0, "0"
    while True:
        query = f"style=all_docs&limit={_PAGE}&since={since}"
        answer = session.json("GET", f"{path}/_changes", query=query)
        found = answer["results"]
        suspects = [each["id"] for each in found if len(each["changes"]) > 1]
        if suspects:
            documents = session.json(
                "POST", f"{path}/_all_docs", {"keys": suspects}, query="include_docs=true&conflicts=true"
            )["rows"]
            count += sum("_conflicts" in (each.get("doc") or {}) for each in documents)
        if len(found) < _PAGE:
            return count
        last = answer["last_seq"]
        since = str(last) if not isinstance(last, list) else json.dumps(last)


def _secured(session: Session, path: str) -> bool:
    try:
        found = session.json("GET", f"{path}/_security")
    except DbfleetError:
        return False

    def plain(value: Any) -> Any:
        return {key: each for key, item in value.items() if (each := plain(item))} if isinstance(value, dict) else value

    return plain(found) not in _OWN_SECURITY
