"""Reading only: what may be asked of the server then. It is this client that refuses the rest, before it is sent.

In CouchDB who may read a database may also write its documents. A design document in that very database can forbid it,
but not for local documents; and who is no member of a database does not read it. So no account reads everything and
writes nothing. An account of its own is made all the same: who reads needs no password that opens anything else. It is
an administrator's, as only such a one reads every database, those of later too.

That a request is a GET says little. An update function (`_design/…/_update/…`) stores a document, and that it refuses
GET is a line of the query server for JavaScript alone; a rewrite leads anywhere, and `_design%2F…` is answered by a
redirection. So paths are looked at, part by part; what is not known to read is refused, and no redirection followed.
Refused are the server's own databases and its configuration, too: they hold password hashes and secrets.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, Protocol
from urllib.parse import quote, unquote

from dbfleet.engines.couchdb.text import dumps
from dbfleet.errors import NotFound, StatementError

CONFIGURATION: Final = "/_node/_local/_config"
"""What `identity` asks, and no statement may."""
_HASHED_S: Final = 5.0

_SERVER: Final = frozenset({"", "_up", "_session", "_all_dbs", "_dbs_info", "_membership"})
_OF_DATABASE: Final = {
    "GET": frozenset(
        {
            "_all_docs", "_changes", "_design_docs", "_index", "_local_docs", "_purged_infos_limit", "_revs_limit",
            "_security", "_shards",
        }
    ),
    "POST": frozenset(
        {
            "_all_docs", "_bulk_get", "_changes", "_design_docs", "_explain", "_find", "_local_docs", "_missing_revs",
            "_revs_diff",
        }
    ),
}  # fmt: skip
_OF_PARTITION: Final = {"GET": frozenset({"_all_docs"}), "POST": frozenset({"_explain", "_find"})}
_OF_DESIGN: Final = {
    "GET": frozenset({"_info", "_nouveau", "_nouveau_info", "_search", "_search_info", "_view"}),
    "POST": frozenset({"_nouveau", "_search", "_view"}),
}


def check(target: str, method: str, path: str) -> None:
    """Nothing, where the request only reads; else StatementError."""
    parts = [unquote(part) for part in path.partition("#")[0].partition("?")[0].split("/")[1:]]
    if parts[-1:] == [""]:
        parts.pop()
    if not _reads("GET" if method == "HEAD" else method, parts):
        raise StatementError(
            f"{method} {path.partition('?')[0]} is not for reading only",
            engine="couchdb",
            target=target,
            hint="documents, views and Mango are: GET, and POST to _find, _explain, _all_docs, _bulk_get or a _view",
        )


def _reads(method: str, parts: Sequence[str]) -> bool:
    if method not in _OF_DATABASE or {"", ".", ".."} & set(parts):
        return False
    if len(parts) < 2 and "".join(parts) in _SERVER:
        return method == "GET" or parts == ["_dbs_info"]
    database, *rest = parts
    if database.startswith("_"):
        return False
    if not rest:
        return method == "GET"
    if rest[0] == "_partition":
        return (method == "GET" and len(rest) == 2) or _of_partition(method, rest[2:])
    if rest[0] == "_local":
        return method == "GET" and len(rest) == 2
    return _of_design(method, rest) or _named(method, rest, _OF_DATABASE) or _document(method, rest)


def _of_partition(method: str, rest: Sequence[str]) -> bool:
    return _named(method, rest, _OF_PARTITION) or (len(rest) > 2 and _of_design(method, rest))


def _named(method: str, rest: Sequence[str], names: Any) -> bool:
    """Whether this is one of the names, alone or as several queries at once."""
    return rest[:1] != [] and rest[0] in names[method] and list(rest[1:]) in ([], ["queries"])


def _of_design(method: str, rest: Sequence[str]) -> bool:
    """Whether this is a design document, an attachment of it, or what it offers for reading."""
    if rest[:1] != ["_design"] or len(rest) < 2:
        return False
    if len(rest) == 2 or not rest[2].startswith("_"):
        return method == "GET"
    return rest[2] in _OF_DESIGN[method]


def _document(method: str, rest: Sequence[str]) -> bool:
    """Whether this is a document or an attachment of it."""
    return method == "GET" and not rest[0].startswith("_")


# --- the account -----------------------------------------------------------------------------------------------------


class Asks(Protocol):
    """A session, as far as the account needs it."""

    def json(self, method: str, path: str, body: object = None, *, query: str = "") -> Any:
        """The whole answer to a request."""
        ...


def make_administrator(session: Asks, user: str, password: str) -> None:
    """Make the account, or give it this password, and wait until it holds: CouchDB makes a hash of the text behind its
    answer, and takes the old password, and not the new one, until then."""
    path = f"{CONFIGURATION}/admins/{quote(user, safe='')}"
    session.json("PUT", path, dumps(password))
    give_up = time.monotonic() + _HASHED_S
    with suppress(NotFound):  # a server that only speaks CouchDB's API
        while session.json("GET", path) == password and time.monotonic() < give_up:
            time.sleep(0.05)
