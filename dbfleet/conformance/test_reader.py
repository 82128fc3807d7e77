"""Reading only: what the reader of a target sees is what its owner sees, and it changes nothing.

What an engine's own language could do is the matter of its own tests. A server that was named by --url has no account
of ours, and gets none: there the refusal is tested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from dbfleet import registry
from dbfleet.abilities import MakesReader
from dbfleet.adapter import Adapter
from dbfleet.conformance import held
from dbfleet.conformance.held import PLAIN_ROWS, needed, plain_schema
from dbfleet.conformance.plugin import Make
from dbfleet.errors import AuthFailed, DbfleetError, Unsupported
from dbfleet.fleet import READER, Fleet
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Schema, digest_rows


def test_a_guard_says_what_it_does_not_stop(spec: EngineSpec) -> None:
    assert bool(spec.guard_note) == (spec.guard != "none")
    assert (MakesReader in spec.abilities) >= (spec.guard == "account")
    assert (MakesReader in spec.abilities) <= (spec.guard != "none")


def test_what_nothing_enforces_is_refused(fleet: Fleet, target: Target, spec: EngineSpec) -> None:
    if _is_enforced(target, spec):
        assert fleet.reader(target).read_only
        return
    with pytest.raises(Unsupported, match="not enforced"):
        fleet.reader(target)


def _is_enforced(target: Target, spec: EngineSpec) -> bool:
    return spec.guard != "none" and (target.managed or spec.guard != "account")


@pytest.fixture
def reader(fleet: Fleet, target: Target, spec: EngineSpec) -> Iterator[Adapter]:
    """A connection for reading only."""
    if not _is_enforced(target, spec):
        pytest.skip("undeclared by the spec")
    with registry.connect(fleet.reader(target)) as opened:
        yield opened


def test_the_reader_sees_what_the_owner_sees(adapter: Adapter, reader: Adapter, made: Make, name: str) -> None:
    schema = held.filled(adapter, made(plain_schema(name)))
    assert name in reader.collections()
    assert list(reader.collections()) == list(adapter.collections())
    assert reader.describe(name) == adapter.describe(name)
    assert reader.count(name) == len(PLAIN_ROWS)
    assert [*reader.get(schema, [(7,)])] == [*adapter.get(schema, [(7,)])]
    assert digest_rows(schema.columns, reader.scan(schema)) == digest_rows(schema.columns, [PLAIN_ROWS])


CHANGES: dict[str, Callable[[Adapter, Schema], object]] = {
    "insert": lambda adapter, schema: adapter.write(schema, [[(99, *PLAIN_ROWS[0][1:])]]),
    "upsert": lambda adapter, schema: adapter.write(schema, [[(1, "other", *PLAIN_ROWS[0][2:])]], mode="upsert"),
    "delete": lambda adapter, schema: adapter.delete(schema, [(1,)]),
    "drop": lambda adapter, schema: adapter.drop(schema.name),
    "create": lambda adapter, schema: adapter.create(plain_schema(f"{schema.name}_b")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_the_reader_changes_nothing(
    adapter: Adapter, reader: Adapter, made: Make, name: str, change: Callable[[Adapter, Schema], object]
) -> None:
    schema = held.filled(adapter, made(plain_schema(name)))
    before = list(adapter.collections())
    with pytest.raises(DbfleetError):
        change(reader, schema)
    assert list(adapter.collections()) == before
    assert digest_rows(schema.columns, adapter.scan(schema)) == digest_rows(schema.columns, [PLAIN_ROWS])


def test_an_account_is_put_right(adapter: Adapter, reader: Adapter, fleet: Fleet, target: Target) -> None:
    making = needed(adapter, MakesReader)
    # Somebody's server may be read by its own account (fleet.reader).
    login = target.with_(user=READER, password=fleet.secret("ro"), read_only=True, create=False)
    making.make_reader(READER, "Another4Password")
    try:
        with pytest.raises(AuthFailed):
            registry.connect(login)
    finally:
        making.make_reader(READER, fleet.secret("ro"))
    making.make_reader(READER, fleet.secret("ro"))
    with registry.connect(login) as again:
        assert list(again.collections()) == list(reader.collections())
