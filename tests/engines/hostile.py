"""Reading only, tried: every statement of a list is asked as the reader of a target that holds data, and nothing may
have changed after it. What passes must stand on a list of its own, with the reason why that is harmless.

Each statement is asked three times: over a connection of its own, there once more for bytes where the engine renders a
result itself, and over one connection for all of them, which keeps what they did to the session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest

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
    """The statements that were not refused, with the ways on which they passed. Fails where one has changed anything.

    What is there is looked at after ten statements, and again after each of these where it is not what it was."""
    found: dict[str, list[str]] = {}
    reader = fleet.reader(target)
    with fleet.connect(target) as owner, fleet.connect(reader) as session:
        whole = digests(owner)
        schemas = {name: owner.describe(name) for name in whole}
        names = list(statements)

        def seen() -> object:
            return {*owner.collections()}, _rows(owner, schemas), state(owner)

        before = seen()
        assert len({*_rows(owner, schemas).values()}) > 3, "too little is there to be changed"
        for group in (names[start : start + 10] for start in range(0, len(names), 10)):
            for name in group:
                if through := _ways(fleet, reader, session, statements[name]):
                    found[name] = through
            if (after := seen()) != before:
                for name in group:
                    _ways(fleet, reader, session, statements[name])
                    assert seen() == after, f"{name} changes something"
                raise AssertionError(f"one of these has changed something, once: {group}")
        assert digests(owner) == whole
    return found


def _ways(fleet: Fleet, reader: Target, session: Adapter, text: str) -> list[str]:
    """On which ways the statement passes."""
    with fleet.connect(reader) as fresh:
        ways = {"fresh": _asked(fresh, text)}
        for format in fleet.spec(reader).encodings:
            ways[format] = _encoded(fresh, text, ENCODINGS[format])
    ways["same session"] = _asked(session, text)
    return [way for way, refusal in ways.items() if refusal is None]


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
    """The same by the engine's own bytes, which it does not have for most statements."""
    encoding = able(adapter, Encodes)
    try:
        chunks = encoding.encoded(text, None, format) if encoding else None
        for _ in chunks or ():
            pass
    except DbfleetError as error:
        return error.message
    return None if chunks is not None else "not rendered by the engine"


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


def ours(target: Target) -> None:
    """Skips the test on a server that was named by --url: it has no account of ours."""
    if not target.managed:
        pytest.skip("somebody's server")
