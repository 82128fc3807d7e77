"""Drift between each engine of this run and a file: found exactly, by keys of any type, also while writes go on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from lagging import lagging

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.conformance.plugin import Make
from dbfleet.errors import NotReady, Unsupported
from dbfleet.fidelity import coarsened
from dbfleet.fleet import Fleet
from dbfleet.ops.drift import Drifted, Settled, drift
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Column, Row, Schema, Type

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
KEYS: dict[str, tuple[list[Type], Callable[[int], Row]]] = {
    "int": ([Type.INT], lambda n: (n,)),
    "text": ([Type.TEXT], lambda n: (f'it\'s {n} "odd" % _ \\ ☃ :/?#',)),
    "uuid": ([Type.UUID], lambda n: (UUID(int=n << 64 | n),)),
    "two": ([Type.TEXT, Type.INT], lambda n: (f"part {n % 3}", n)),
}


def schema_of(name: str, kind: str) -> Schema:
    types, _ = KEYS[kind]
    key = [Column(f"k{place}", type_, False, length=80 if type_ is Type.TEXT else None)
           for place, type_ in enumerate(types)]  # fmt: skip
    more = (Column("amount", Type.INT), Column("updated_at", Type.INSTANT))
    return Schema(name, (*key, *more), tuple(column.name for column in key))


def row(kind: str, number: int, amount: int, at: datetime = LONG_AGO) -> Row:
    return (*KEYS[kind][1](number), amount, at)


@pytest.fixture
def other(fleet: Fleet, tmp_path: Path) -> Target:
    """The other side: an empty file, in which one writes while others read."""
    target = fleet.target(f"sqlite:///{tmp_path}/other.db").with_(create=True)
    with registry.connect(target) as opened:
        opened.query("pragma journal_mode = wal").close()
    return target


def one(fleet: Fleet, left: Target, right: Target, name: str, **options: Any) -> Drifted:
    (found,) = drift(fleet, left, right, [name], **({"confirm_s": 0.01} | options))
    return found


def told(found: Drifted) -> list[tuple[str, Any]]:
    return sorted((each.change, each.key) for each in found.differences)


@pytest.mark.parametrize("kind", KEYS)
def test_what_drifted_is_found_by_its_key(
    target: Target, fleet: Fleet, adapter: Adapter, made: Make, name: str, other: Target, kind: str
) -> None:
    schema = made(schema_of(name, kind))
    rows = [row(kind, number, number) for number in range(300)]
    adapter.write(schema, [rows])
    with registry.connect(other) as opened:
        opened.create(schema)
        opened.write(schema, [rows])
    same = one(fleet, target, other, name)
    assert (same.state, same.rows, same.why) == ("ok", 300, None)
    adapter.write(schema, [[row(kind, 7, -1), row(kind, 900, 1)]], mode="upsert")
    adapter.delete(schema, [KEYS[kind][1](11)])
    found = one(fleet, other, target, name)
    keys = {number: dict(zip(schema.key, KEYS[kind][1](number), strict=True)) for number in (7, 11, 900)}
    assert told(found) == [("added", keys[900]), ("changed", keys[7]), ("removed", keys[11])]
    assert (found.state, found.rows, found.why) == ("drift", 300, None)
    changed = next(each for each in found.differences if each.change == "changed")
    assert (changed.before, changed.after) == ({"amount": 7}, {"amount": -1})

    def arrives(_wait_s: float) -> None:
        with registry.connect(other) as opened:
            opened.write(schema, [[row(kind, 7, -1), row(kind, 900, 1)]], mode="upsert")
            opened.delete(schema, [KEYS[kind][1](11)])

    healed = one(fleet, other, target, name, sleep=arrives)
    assert (healed.state, healed.healed, healed.differences, healed.why) == ("ok", 3, [], None)


def test_young_rows_of_the_engine_are_not_judged(
    target: Target, fleet: Fleet, spec: EngineSpec, adapter: Adapter, made: Make, name: str, other: Target
) -> None:
    schema = made(schema_of(name, "int"))
    cut = coarsened(schema.columns, spec) or (lambda given: given)
    adapter.write(schema, [[cut(row("int", 1, 1, datetime.now(UTC))), row("int", 2, 2)]])
    with registry.connect(other) as opened:
        opened.create(schema)
    found = one(fleet, target, other, name, settled=Settled(600))
    assert (found.state, found.unsettled, told(found)) == ("drift", 1, [("removed", {"k0": 2})])


def test_a_copy_into_the_engine_that_lags_is_no_drift(
    target: Target, fleet: Fleet, adapter: Adapter, made: Make, name: str, other: Target
) -> None:
    """Somebody writes into the file and, some rows behind, into the engine; then one row of the engine is changed."""
    schema = made(schema_of(name, "int"))
    with registry.connect(other) as opened:
        opened.create(schema)
    with lagging(other, target, schema, LONG_AGO):
        found = [one(fleet, other, target, name, confirm_s=1.5) for _ in range(3)]
    assert [(each.state, each.differences, each.why) for each in found] == [("ok", [], None)] * 3
    assert one(fleet, other, target, name).state == "ok"
    adapter.write(schema, [[row("int", 4, -4)]], mode="upsert")
    assert told(one(fleet, other, target, name)) == [("changed", {"k0": 4})]


# --- what one engine alone can show ---------------------------------------------------------------------------------


@pytest.mark.engines("postgres")
def test_rows_without_a_key_are_proven_by_the_digests_of_both_servers(
    target: Target, fleet: Fleet, adapter: Adapter, made: Make, name: str
) -> None:
    for each in (name, f"{name}_b"):
        schema = made(Schema(each, (Column("line", Type.TEXT), Column("n", Type.INT))))
        adapter.write(schema, [[("x", 1), ("x", 1), (None, 2)]])
    (found,) = drift(fleet, target, target, [(name, f"{name}_b")], confirm_s=0.01)
    assert (found.state, found.rows, found.digest) == ("ok", 3, str(adapter.digest(schema)))  # type: ignore[attr-defined]
    adapter.write(schema, [[("y", 3)]])
    (found,) = drift(fleet, target, target, [(name, f"{name}_b")], confirm_s=0.01)
    assert (found.state, found.added, found.digest) == ("drift", 1, None)


@pytest.mark.engines("postgres")
def test_what_takes_longer_than_the_budget_is_stopped_on_the_server(
    target: Target, fleet: Fleet, adapter: Adapter, name: str
) -> None:
    adapter.query(f"create view {name} as select 1 as id, pg_sleep(60)::text as slow").close()
    try:
        found = one(fleet, target, target, name, timeouts_s=(None, 0.5))
        assert found.state == "cannot tell"
        assert isinstance(found.error, NotReady)
        assert "within 0.5 s, the budget of this target" in str(found.why)
        still = f"select count(*) from pg_stat_activity where state = 'active' and query like '%{name}%'"
        ((count,),) = next(iter(adapter.query(f"{still} and pid <> pg_backend_pid()")))
        assert count == 0
    finally:
        adapter.query(f"drop view {name}").close()


def test_both_sides_can_be_read_by_an_account_that_can_only_read(
    target: Target, fleet: Fleet, spec: EngineSpec, adapter: Adapter, made: Make, name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for each, amount in ((name, 1), (f"{name}_b", 2)):
        adapter.write(made(schema_of(each, "int")), [[row("int", 1, amount)]])
    if spec.guard == "none":
        with pytest.raises(Unsupported, match="not enforced"):
            list(drift(fleet, target, target, read_only=True))
        return
    reader, seen = fleet.reader(target), []
    connect = Fleet.connect

    def watched(self: Fleet, given: Target, **options: Any) -> Any:
        seen.append(given)
        return connect(self, given, **options)

    monkeypatch.setattr(Fleet, "connect", watched)
    (found,) = drift(fleet, target, target, [(name, f"{name}_b")], read_only=True, confirm_s=0.01)
    assert (found.state, found.changed) == ("drift", 1)
    assert seen == [reader, reader]  # those of the second reading; the first was made in processes of its own
