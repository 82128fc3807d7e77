"""An outline's steps on the sink's server, and what undoes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from dbfleet.adapter import Part
from dbfleet.engines.redis import foreign_write as kept
from dbfleet.engines.redis.index import Pages
from dbfleet.engines.redis.keys import STAGED
from dbfleet.engines.redis.native import outline, read
from dbfleet.engines.redis.session import Session
from dbfleet.engines.redis.tables import Collections
from dbfleet.engines.redis.values import SCHEMAS, schema_of
from dbfleet.engines.redis.write import remove, remove_named
from dbfleet.errors import AlreadyExists, Unsupported
from dbfleet.outline import Step
from dbfleet.values import Reference, Schema

_AT_ONCE: Final = 500


class Taking:
    """Takes steps on one connection."""

    def __init__(self, session: Session, collections: Collections) -> None:
        self._session, self._collections = session, collections
        self._made: list[str] | None = None

    def take(self, step: Step, called: Mapping[str, str], *, again: bool) -> bool:
        """Take the step; whether anything changed. AlreadyExists where its collection is there, unless `again`."""
        name = called.get(step.collection, step.collection)
        wire = self._session.data()
        if step.kind == outline.LEAVE:
            if name.startswith(STAGED):  # it leaves with the swap
                return False
            left: int = wire.ask("HDEL", kept.KEPT, name)
            return left > 0
        if step.kind == outline.KEYS:
            schema = outline.schema_of(step, name)
        else:
            schema = _renamed(schema_of(step.text), name, called)
        try:
            self._collections.create(schema)
        except AlreadyExists:
            if again:
                return False
            raise
        if self._made is not None:
            self._made.append(name)
        return True

    @contextmanager
    def together(self) -> Iterator[None]:
        """For the block: what is made in it stays only if all of it is. They are empty so far."""
        self._made = []
        try:
            yield
        except BaseException:
            if not self._session.data().broken:
                self.remove(self._made)
            raise
        finally:
            self._made = None

    def clear(self, schema: Schema, part: Part) -> None:
        """Delete the rows of the part."""
        wire, name = self._session.data(), schema.name
        text = wire.ask("HGET", SCHEMAS, name, decode=True)
        if text is None:
            for keys in read.pages(wire, name, sorted(self._collections.indexes()), part):
                wire.ask("UNLINK", *keys)
            return
        own = schema_of(text)
        if not part:
            remove(wire, own)
            return
        pages = Pages(wire, own, part, _AT_ONCE)
        while keys := pages.next():
            remove_named(wire, own, [key.decode("utf-8", "surrogateescape") for key in keys])

    def remove(self, names: Sequence[str]) -> None:
        """Drop these collections."""
        for name in names:
            self._collections.drop(name)

    def undo(self, step: Step, called: Mapping[str, str]) -> None:
        """Remove what the step has made."""
        if step.stage == "collections":
            self.remove([called.get(step.collection, step.collection)])


def named(makes: Sequence[tuple[str, str]], old: str, new: str) -> Mapping[tuple[str, str], str]:
    """What belongs to a collection keeps its name. Unsupported for keys of another name."""
    if makes and old != new:
        raise Unsupported(
            f"the keys of {old} keep their names, and would not belong to {new}",
            hint="copy them as they are, and RENAME them there",
        )
    return {(space, name): f"{space}.{name}" for space, name in makes}


def _renamed(schema: Schema, name: str, called: Mapping[str, str]) -> Schema:
    references = tuple(
        Reference(each.columns, called.get(each.collection, each.collection), each.keys) for each in schema.references
    )
    return replace(schema, name=name, references=references)
