"""What a database is made of besides its documents: its design documents, its security object, its limits, whether it
is partitioned and into how many shards it is cut. What a step holds is JSON.

A design document is carried like a row, with all its revisions and its attachments. It comes when the rows are there;
one that validates updates comes last, because it would be asked about each of them, an administrator's too. The design
document in which dbfleet keeps a schema is made with the database. Local documents are no part of a database: they say
how far somebody's replication has come, and stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from dbfleet.engines.couchdb.native import read
from dbfleet.engines.couchdb.native.origin import Origin
from dbfleet.engines.couchdb.native.values import Leaf, in_files, native, row
from dbfleet.engines.couchdb.session import Session
from dbfleet.engines.couchdb.tables import SCHEMA_ID, Databases
from dbfleet.errors import DbfleetError, StatementError
from dbfleet.outline import STAGES, STAYS, Outline, Step, marked, spelled
from dbfleet.values import Schema

DATABASE, DESIGN, SETTING = "database", "design document", "setting"
"""The kinds of steps: make the database, store a design document, set one of SETTINGS."""
REVS_LIMIT: Final = "_revs_limit"
SECURITY: Final = "_security"
SETTINGS: Final[Mapping[str, str]] = {
    REVS_LIMIT: "how many revisions it remembers",
    "_purged_infos_limit": "how many purges it remembers",
    SECURITY: "the security object",
}
"""What is set by a request of its own, in words; the security object last, after which others may no more."""
USUAL: Final[Mapping[str, Any]] = {REVS_LIMIT: 1000, "_purged_infos_limit": 1000}
SYSTEM: Final[Mapping[str, str]] = {"_users": "the users", "_replicator": "the replications"}


def outline(session: Session, databases: Databases, names: Sequence[str], *, everything: bool) -> Outline:
    """The outline of these databases. NotFound for one that is not there."""
    steps: list[Step] = []
    stays: list[str] = []
    for name in names:
        path = databases.path(name)
        kept = databases.kept(name)
        info = session.json("GET", path)
        settings = dict(_settings(session, path))
        limit = settings.get(REVS_LIMIT, USUAL[REVS_LIMIT])
        steps.append(_database(name, info, kept, limit, literal=databases.is_literal(name)))
        steps += _designs(session, path, name)
        for setting, value in settings.items():
            if value != USUAL.get(setting):
                text = _of(name, {"setting": setting, "value": value})
                order = list(SETTINGS).index(setting) + 1
                steps.append(Step("after", SETTING, name, SETTINGS[setting], text, order))
        if local := _local(session, path):
            stays.append(f"{name}: {local}{STAYS}")
    if everything:
        stays += _besides(session)
    return Outline(tuple(sorted(steps, key=lambda step: (STAGES.index(step.stage), step.order))), tuple(stays))


def _database(name: str, info: Mapping[str, Any], kept: Schema | None, limit: int, *, literal: bool) -> Step:
    """The step that makes the database; `literal`: it has a name that dbfleet would not have given it."""
    partitioned = bool(info.get("props", {}).get("partitioned"))
    shards = info.get("cluster", {}).get("q")
    schema = _with_marks(kept, name) if kept else None
    said = {"partitioned": partitioned, "q": shards, REVS_LIMIT: limit, "schema": schema, "literal": literal}
    words = "partitioned database" if partitioned else "database"
    return Step("collections", DATABASE, name, words, _dumps(said))


def _with_marks(kept: Schema, name: str) -> dict[str, Any]:
    """The schema that is kept beside the rows, with the names that collections have in the sink."""
    entry = kept.to_dict()
    entry["name"] = marked("bare", "", name)
    for reference in entry.get("references", ()):
        reference["collection"] = marked("bare", "", reference["collection"])
    return entry


def _dumps(data: Any) -> str:
    """JSON in which marks stand as they are: json escapes them."""
    text = json.dumps(data)
    for sign in "\x1a\x1f\x1c\x1d\x1e":
        text = text.replace(json.dumps(sign)[1:-1], sign)
    return text


def _of(name: str, data: Any) -> str:
    """What a step does to the database of this name: the name stands in a line of its own, between marks."""
    return f"{marked('bare', '', name)}\n{json.dumps(data)}"


def place_and_data(step: Step, called: Mapping[str, str]) -> tuple[str, Any]:
    """What `_of` has put together, with the name that the database has here."""
    place, _, data = step.text.partition("\n")
    return spelled(place, lambda mark, space, name: called.get(name, name)), json.loads(data)


# --- design documents ------------------------------------------------------------------------------------------------


def row_schema(name: str) -> Schema:
    """The schema of the row that a step for a design document holds."""
    return in_files(native(name, None))


def _designs(session: Session, path: str, name: str) -> Iterator[Step]:
    ids = read.designs(session, path, SCHEMA_ID)
    origin = Origin(session.target, path, session)
    for id_, leaves in read.leaves_of(session, path, ids):
        text = _of(name, [None if each is None else str(each) for each in row(row_schema(name), id_, leaves, origin)])
        winner = max(leaves, key=lambda leaf: leaf.rank)
        late = any("validate_doc_update" in leaf.body for leaf in leaves)
        yield Step("after" if late else "keys", DESIGN, name, _words(id_, winner), text)


def _words(id_: str, winner: Leaf) -> str:
    if winner.deleted:
        return f"the deleted design document {id_}"
    if winner.body.get("language") == "query":
        views = winner.body.get("views")
        return f"the Mango index {', '.join(views) if isinstance(views, dict) and views else id_}"
    return f"the design document {id_}"


# --- settings, and what stays ----------------------------------------------------------------------------------------


def _settings(session: Session, path: str) -> Iterator[tuple[str, Any]]:
    """What is set, in the order of SETTINGS. A server that is no CouchDB has none of it, whatever it answers."""
    if session.is_couchdb:
        for setting in SETTINGS:
            yield setting, session.json("GET", f"{path}/{setting}")


def _local(session: Session, path: str) -> str:
    """The local documents in words; empty where there are none. Only a CouchDB lists them."""
    if not session.is_couchdb:
        return ""
    try:
        count = len(session.json("GET", f"{path}/_local_docs")["rows"])
    except StatementError:
        return ""
    return f"{count:,} local document{'' if count == 1 else 's'}" if count else ""


def _besides(session: Session) -> Iterator[str]:
    """What the server has besides, in words."""
    for name, words in SYSTEM.items():
        try:
            rows = session.json("GET", f"/{name}/_all_docs")["rows"]
        except DbfleetError:
            continue
        count = sum(not each["id"].startswith("_design/") for each in rows)
        if count:
            yield f"{words} ({count:,} in {name})"
