"""One client and its database as every room of this package uses them: errors with the target's name, one logical
session for all operations. Needs pymongo: imported only behind a connection.

`cancel` finds what runs on the server by the session, whoever's credentials these are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.database import Database

from dbfleet.engines.mongodb.connect import database_name
from dbfleet.engines.mongodb.errors import translate
from dbfleet.engines.mongodb.values import CODEC
from dbfleet.errors import DbfleetError, translated
from dbfleet.target import Target

Document = dict[str, Any]

NAME: Final = "mongodb"
"""The engine's name, which errors carry."""


class Session:
    """A client that is logged in, and the target's database."""

    def __init__(self, target: Target, client: MongoClient[Document]) -> None:
        self.client = client
        self.database: Database[Document] = client.get_database(database_name(target), codec_options=CODEC)
        self._target = target.name
        self._logical: ClientSession | None = None
        self.limit_ms: int | None = None
        """After so many milliseconds the server ends a command of the user's."""

    @contextmanager
    def translated(self) -> Iterator[None]:
        """The driver's errors, and those of ours that name no engine yet, become errors of this target. Never around
        the batches of a source: its errors are not ours."""
        try:
            with translated(translate, engine=NAME, target=self._target):
                yield
        except DbfleetError as exc:
            exc.engine = exc.engine or NAME
            exc.target = exc.target or self._target
            raise

    @property
    def logical(self) -> ClientSession:
        """The driver's session, in which every operation runs; made when it is first needed."""
        if self._logical is None:
            self._logical = self.client.start_session(causal_consistency=False)
        return self._logical

    def cancel(self) -> None:
        """Stop what runs in this session, on the server."""
        if self._logical is None:
            return
        # allUsers false: who may do nothing else may still see and stop operations of their own.
        running = [{"$currentOp": {"allUsers": False}}, {"$match": {"lsid.id": self._logical.session_id["id"]}}]
        for operation in list(self.client.admin.aggregate(running)):
            self.client.admin.command("killOp", op=operation["opid"])
