"""Which databases are there, what the fields of their documents are, and how one is made and removed.

A database is a collection. Its schema is kept in its design document `_design/dbfleet`; documents that dbfleet did not
make are looked at, all of them if that takes no longer than a minute.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote

from dbfleet.adapter import BATCH_SIZE, WHOLE
from dbfleet.engines.couchdb.documents import BY_SAMPLE, Seen, collection_name, database_name
from dbfleet.engines.couchdb.read import documents
from dbfleet.engines.couchdb.session import Session
from dbfleet.errors import NotFound, Unsupported
from dbfleet.values import Schema

SCHEMA_ID: Final = "_design/dbfleet"
"""The design document in which the schema is kept."""
_LEGAL: Final = re.compile(r"[a-z][a-z0-9_$()+/-]*")
_PATIENCE_S: Final = 60
_SECOND_S: Final = 1.1


class Databases:
    """The databases whose names begin with the target's prefix."""

    def __init__(self, session: Session, prefix: str) -> None:
        self._session = session
        self._prefix = prefix
        self._strangers: set[str] | None = None
        self._dropped: dict[str, str] = {}

    # --- names ---

    def names(self) -> Sequence[str]:
        """The collections, sorted; not the server's own databases."""
        return sorted(
            collection_name(name[len(self._prefix) :])
            for name in self._session.json("GET", "/_all_dbs")
            if name[:1] != "_" and name.startswith(self._prefix) and name != self._prefix
        )

    def database(self, name: str) -> str:
        """The whole name of the collection's database."""
        database = database_name(name)
        return self._prefix + (name if database != name and name in self._strange() else database)

    def path(self, name: str) -> str:
        """The path of the collection's database. NotFound for a name that no database can have."""
        try:
            return "/" + quote(self.database(name), safe="")
        except UnicodeEncodeError:
            raise NotFound(f"no collection {name!r}", engine="couchdb", target=self._session.target.name) from None

    def _strange(self) -> set[str]:
        """Databases to which dbfleet would have given another name, such as `a(b)`: somebody else made them."""
        if self._strangers is None:
            names = {name[len(self._prefix) :] for name in self._session.json("GET", "/_all_dbs")
                     if name.startswith(self._prefix)}  # fmt: skip
            odd = {name for name in names if collection_name(name) == name}
            self._strangers = {name for name in odd if database_name(name) != name and database_name(name) not in names}
        return self._strangers

    # --- what is there ---

    def kept(self, name: str) -> Schema | None:
        """The kept schema; None where dbfleet did not make the database. NotFound where there is no database."""
        try:
            return Schema.from_dict(self._session.json("GET", f"{self.path(name)}/{SCHEMA_ID}")["dbfleet"])
        except (NotFound, KeyError):
            self._session.json("GET", self.path(name))  # NotFound where the database is missing, not only its schema
            return None

    def describe(self, name: str) -> Schema:
        """The kept schema, or what the documents have in common. NotFound where there is no database."""
        kept = self.kept(name)
        if kept is not None:
            return kept
        seen = Seen()
        give_up = time.monotonic() + _PATIENCE_S
        for number, page in enumerate(documents(self._session, self.path(name), WHOLE, BATCH_SIZE)):
            seen.look(page)
            if time.monotonic() > give_up and number:
                return seen.schema(name, note=BY_SAMPLE)
        return seen.schema(name)

    # --- making and removing ---

    def create(self, schema: Schema, *, longest: int) -> None:
        """Make the database, with its schema. Unsupported for a name of more than `longest` characters."""
        self.make(schema.name, longest=longest)
        self.keep(schema)

    def is_literal(self, name: str) -> bool:
        """Whether the collection's database is called just so, though dbfleet would have called it otherwise."""
        return database_name(name) != name and self.database(name) == self._prefix + name

    def make(self, name: str, *, longest: int, query: str = "", literal: bool = False) -> None:
        """Make the database alone; `literal` by its very name, if it may have that here. Unsupported for a name of more
        than `longest` characters."""
        if literal and _LEGAL.fullmatch(self._prefix + name):
            self._put("/" + quote(self._prefix + name, safe=""), query)
            self._strangers = None
            return
        path = self.path(name)
        if len(path) - 1 > longest * 3 or len(self.database(name)) > longest:
            raise Unsupported(
                f"the name {name!r} is too long for CouchDB's files, which have it",
                engine="couchdb",
            )
        self._put(path, query)

    def keep(self, schema: Schema) -> None:
        """Keep the schema beside its rows, where none is yet."""
        self._session.json(
            "PUT", f"{self.path(schema.name)}/{SCHEMA_ID}", {"language": "query", "dbfleet": schema.to_dict()}
        )

    def drop(self, name: str) -> None:
        """Remove the database. Silent if it is absent."""
        path = self.path(name)
        try:
            made = self._session.json("GET", path).get("instance_start_time")
            self._session.json("DELETE", path)
        except NotFound:
            return
        self._dropped[path] = str(made)

    def _put(self, path: str, query: str) -> None:
        """Make the database. The names of its files end in the second at which it is made, and those of one that was
        dropped are removed a little later: made twice in one second it would lose its own."""
        if self._session.is_couchdb and (before := self._dropped.pop(path, None)) is not None:
            self._let_pass(before)
        self._session.json("PUT", path, query=query)

    def _let_pass(self, made: str) -> None:
        """Wait until the server's second is another one than that in which the database was made that is gone now; a
        second, where the server does not tell it (before CouchDB 3.3)."""
        if not made.isdigit() or made == "0":
            time.sleep(_SECOND_S)
            return
        give_up = time.monotonic() + _SECOND_S
        while time.monotonic() < give_up:
            now = parsedate_to_datetime(self._session.send("GET", "/").headers["Date"]).timestamp()
            if now != int(made):
                return
            time.sleep(0.05)
