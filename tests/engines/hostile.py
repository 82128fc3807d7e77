"""Reading only, tried: every statement of a list is asked as the reader of a target that holds data, and nothing may
have changed after it. What passes must stand on a list of its own, with the reason why that is harmless.

Each statement is asked three times: over a connection of its own, over one for all of them, which keeps what they did
to the session, and as bytes where the engine renders a result itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from dbfleet.abilities import ENCODINGS, Digests, Encodes, Encoding, able
from dbfleet.adapter import Adapter
from dbfleet.errors import DbfleetError
from dbfleet.fleet import Fleet
from dbfleet.ops.diff import diff
from dbfleet.ops.ls import ls
from dbfleet.ops.seed import seed
from dbfleet.target import Target
from dbfleet.values import Digest, Schema, digest_rows

State = Callable[[Adapter], object]
"""What a server has besides the rows of its collections, as a value that is equal where nothing has changed."""

ROWS = 60


@contextmanager
def shop(fleet: Fleet, target: Target) -> Iterator[None]:
    """The target with the dataset `shop` in it."""
    names = [each.collection for each in seed([target], rows=ROWS, reset=True, connect=fleet.connect)]
    try:
        yield
    finally:
        with fleet.connect(target) as owner:
            for name in reversed(names):
                owner.drop(name)


def digests(adapter: Adapter) -> dict[str, object]:
    """Every collection with the digest of its rows, computed here."""
    found: dict[str, object] = {}
    for name in adapter.collections():
        schema = adapter.describe(name)
        found[name] = (schema, digest_rows(schema.columns, adapter.scan(schema)))
    return found


def passed(fleet: Fleet, target: Target, statements: Mapping[str, str], state: State) -> dict[str, list[str]]:
    """The statements that were not refused, with the ways on which they passed. Fails where one has changed anything,
    or where the session that has seen them all can write."""
    found: dict[str, list[str]] = {}
    reader = fleet.reader(target)
    with fleet.connect(target) as owner:
        before, world = digests(owner), state(owner)
        schemas = {name: owner.describe(name) for name in before}
        rows = _rows(owner, schemas)
        assert len({*rows.values()}) > 3, "too little is there to be changed"
        with fleet.connect(reader) as session:
            for name, text in statements.items():
                with fleet.connect(reader) as fresh:
                    ways = {"fresh": _asked(fresh, text)}
                ways["same session"] = _asked(session, text)
                for format in fleet.spec(reader).encodings:
                    with fleet.connect(reader) as fresh:
                        if (way := _encoded(fresh, text, ENCODINGS[format])) is not None:
                            ways[format] = way
                if through := [way for way, refusal in ways.items() if refusal is None]:
                    found[name] = through
                assert {*owner.collections()} == {*schemas}, f"{name} has made or removed a collection"
                assert _rows(owner, schemas) == rows, f"{name} has changed rows"
                assert state(owner) == world, f"{name} has changed something"
        assert digests(owner) == before
    return found


def _rows(owner: Adapter, schemas: Mapping[str, Schema]) -> dict[str, Digest]:
    """The digest of every collection, by the server where it can."""
    computing = able(owner, Digests)
    return {
        name: computing.digest(schema) if computing else digest_rows(schema.columns, owner.scan(schema))
        for name, schema in schemas.items()
    }


def _asked(adapter: Adapter, text: str) -> str | None:
    """How the statement was refused; None where it was not."""
    try:
        result = adapter.query(text)
        while result is not None:
            for _ in result:
                pass
            result = result.following()  # type: ignore[assignment]
    except DbfleetError as error:
        return error.message
    return None


def _encoded(adapter: Adapter, text: str, format: Encoding) -> str | None:
    """The same by the engine's own bytes; None also where it has none for this."""
    encoding = able(adapter, Encodes)
    if encoding is None:
        return None
    try:
        for _ in encoding.encoded(text, None, format) or ():
            pass
    except DbfleetError as error:
        return error.message
    return None


def same_to_both(fleet: Fleet, target: Target) -> None:
    """The reader sees what the owner sees: the same collections, the same schemas, the same rows."""
    reader = fleet.reader(target)
    whose = {record.collection for record in ls(fleet, target)}
    assert {record.collection for record in ls(fleet, reader)} == whose
    with fleet.connect(target) as owner, fleet.connect(reader) as reading:
        assert digests(reading) == digests(owner)
        for name in whose:
            assert reading.count(name) == owner.count(name)
    assert list(diff(fleet, target, reader)) == []
