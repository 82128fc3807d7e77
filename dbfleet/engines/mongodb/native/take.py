"""An outline's steps on the sink's server. MongoDB makes nothing together: what a step has made is removed again where
a later one of the block fails. Needs pymongo: imported only behind a connection."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from bson import encode
from pymongo.errors import OperationFailure

from dbfleet.adapter import ServerInfo
from dbfleet.engines.mongodb import tables
from dbfleet.engines.mongodb.native.outline import commands
from dbfleet.engines.mongodb.native.rows import options_of
from dbfleet.engines.mongodb.session import Session
from dbfleet.errors import DbfleetError, StatementError, Unsupported
from dbfleet.outline import Step, spelled

_FIRST: Final = (4, 4)
_EXISTS: Final = 48
_OTHER_INDEX: Final = frozenset({85, 86})
_SINCE: Final[Mapping[str, tuple[int, ...]]] = {
    "timeseries": (5, 0),
    "clusteredIndex": (5, 3),
    "changeStreamPreAndPostImages": (6, 0),
}
"""The version that brought it."""


class Taker:
    """Takes steps on one connection."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._made: list[str] | None = None

    def take(self, step: Step, called: Mapping[str, str], *, again: bool) -> bool:
        """Run the step's commands; whether they changed anything."""
        if step.kind == "feature":
            return False
        changed = False
        for word, name, options in commands(_in_words(step.text, called)):
            changed |= self._run(step, word, name, options, again=again)
        return changed

    def _run(self, step: Step, word: str, name: str, options: Mapping[str, Any], *, again: bool) -> bool:
        database = self._session.database
        try:
            with self._session.translated():
                reply = database.command({word: name, **options})
        except DbfleetError as exc:
            code = exc.__cause__.code if isinstance(exc.__cause__, OperationFailure) else None
            if code == _EXISTS and step.kind == "view":
                self._check_same(name, options)
                return False
            if code in _OTHER_INDEX and not again:
                raise Unsupported(f"{name}: {step.words} is there already and is another one") from exc
            if again and (code == _EXISTS or code in _OTHER_INDEX):
                return False
            raise
        if word == "create" and self._made is not None:
            self._made.append(name)
        return bool(reply.get("numIndexesBefore", 0) != reply.get("numIndexesAfter", 1))

    def _check_same(self, name: str, options: Mapping[str, Any]) -> None:
        """Whether the view of this name is this one."""
        with self._session.translated():
            there = options_of(self._session, name)
        if any(encode({"": there.get(word)}) != encode({"": options.get(word)}) for word in ("viewOn", "pipeline")):
            raise StatementError(f"{name} is there already and is another one")

    @contextmanager
    def together(self) -> Iterator[None]:
        """Remove what was made in the block where it fails."""
        made: list[str] = []
        self._made = made
        try:
            yield
        except BaseException:
            for name in made:
                with self._session.translated():
                    tables.drop(self._session, name)
            raise
        finally:
            self._made = None

    def undo(self, step: Step, called: Mapping[str, str]) -> None:
        """Run what undoes the step."""
        for word, name, options in commands(_in_words(step.undo or "[]", called)):
            with self._session.translated():
                self._session.database.command({word: name, **options})


def _in_words(text: str, called: Mapping[str, str]) -> str:
    return spelled(text, lambda mark, space, name: json.dumps(called.get(name, name))[1:-1])


def lacking(session: Session, steps: Sequence[Step]) -> dict[str, str]:
    """The features that came with a later version than this server's."""
    version = _version(session.client.server_info()["version"])
    return {
        step.mark: "are not on the server" for step in steps if step.kind == "feature" and version < _SINCE[step.text]
    }


def carries(session: Session, info: ServerInfo) -> bool:
    """Whether collections can go from and to this server as they are: it is MongoDB, no router (how collections are
    spread over shards is not carried), and this user may see what they are made of."""
    if "MongoDB" not in info.product or _version(info.version) < _FIRST:
        return False
    try:
        session.database.command("listCollections", filter={"name": ""})
    except OperationFailure:
        return False
    return session.client.admin.command("hello").get("msg") != "isdbgrid"


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split(".")[:2])
