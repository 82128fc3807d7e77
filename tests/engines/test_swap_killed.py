"""Swaps of engines that have no transaction for them: killed in the middle, or in somebody's way."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from redis_asked import ask

from dbfleet import registry
from dbfleet.adapter import Swap
from dbfleet.errors import DbfleetError, StatementError
from dbfleet.target import Target
from dbfleet.values import Column, Reference, Row, Schema, Type

ID = Column("id", Type.INT, False)
OLD: list[Row] = [(number, f"old {number}") for number in range(300)]
NEW: list[Row] = [(number, number % 7) for number in range(200, 500)]
MANY = 12


def _old(name: str) -> Schema:
    return Schema(name, (ID, Column("v", Type.TEXT)), ("id",))


def _new(name: str) -> Schema:
    """Of another type in `v`: rows that are read by the wrong schema are refused."""
    return Schema(name, (ID, Column("v", Type.INT)), ("id",), (Reference(("v",), "elsewhere", ("id",)),))


def _staged(name: str) -> Schema:
    return _new(f"_dbfleet_{name}")


def _rows(adapter: Any, name: str) -> list[Row]:
    return sorted(row for batch in adapter.scan(adapter.describe(name)) for row in batch)


@pytest.fixture
def names(target: Target, name: str) -> Iterator[list[str]]:
    found = [f"{name}_{number}" for number in range(MANY)]
    yield found
    with registry.connect(target) as cleaner:
        for each in (*found, *cleaner.leftovers()):  # type: ignore[attr-defined]
            cleaner.drop(each)


_CHILD = """
import pickle, sys
from dbfleet import registry
target, swaps = pickle.load(sys.stdin.buffer)
with registry.connect(target) as adapter:
    print("now", flush=True)
    adapter.swap(swaps)
"""


@pytest.mark.engines("mongodb", "redis")
def test_a_swap_that_is_killed_leaves_old_or_new_and_is_ended(adapter: Any, target: Target, names: list[str]) -> None:
    """kill -9 at a random moment: each name is old or new, whole, under its own schema; `leftovers` cleans."""
    import pickle

    generator = random.Random(8)
    for _ in range(3):
        for name in names:
            adapter.drop(name)
            adapter.create(_old(name))
            adapter.write(_old(name), [OLD])
            adapter.create(_staged(name))
            adapter.write(_staged(name), [NEW])
        work = pickle.dumps((target, [Swap(_staged(name), name) for name in names]))
        with subprocess.Popen([sys.executable, "-c", _CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdin is not None and child.stdout is not None  # noqa: PT018
            child.stdin.write(work)
            child.stdin.close()
            assert child.stdout.readline() == b"now\n"
            time.sleep(generator.random() * 0.05)
            child.kill()
        found = [_rows(adapter, name) for name in names]
        assert all(rows in (OLD, NEW) for rows in found)
        assert not [name for name in adapter.collections() if name.startswith("_dbfleet")]
        for left in adapter.leftovers():
            adapter.drop(left)
        found = [_rows(adapter, name) for name in names]
        assert found in ([OLD] * MANY, [NEW] * MANY), "what was begun is ended"
        assert not adapter.leftovers()


@pytest.mark.engines("mongodb")
def test_no_collection_takes_the_place_of_a_view(adapter: Any, names: list[str]) -> None:
    adapter.create(_old(names[0]))
    adapter.write(_old(names[0]), [OLD])
    adapter.query(f'db.createView("{names[1]}", "{names[0]}", [{{$limit: 2}}])').close()
    adapter.create(_staged(names[2]))
    with pytest.raises(StatementError, match="is a view"):
        adapter.swap([Swap(_staged(names[2]), names[0]), Swap(_staged(names[2]), names[1])])
    assert _rows(adapter, names[0]) == OLD


@pytest.mark.engines("redis")
def test_a_key_without_a_colon_is_not_removed_by_a_swap(adapter: Any, names: list[str]) -> None:
    ask(adapter, f"SET {names[0]} theirs")
    adapter.create(_staged(names[1]))
    adapter.write(_staged(names[1]), [NEW])
    with pytest.raises(StatementError, match="BUSYKEY"):
        adapter.swap([Swap(_staged(names[1]), names[0])])
    assert ask(adapter, f"GET {names[0]}") == ["theirs"]
    assert _rows(adapter, _staged(names[1]).name) == NEW
    ask(adapter, f"DEL {names[0]}")


@pytest.mark.engines("redis")
def test_a_swap_takes_the_place_of_keys_of_others_and_of_rows_that_expired(adapter: Any, names: list[str]) -> None:
    name = names[0]
    ask(adapter, f"MSET {name}:a 1 {name}:b 2")
    for _ in range(2):
        adapter.create(_staged(name))
        adapter.write(_staged(name), [NEW])
        ask(adapter, f"DEL _dbfleet_{name}:200")
        adapter.swap([Swap(_staged(name), name)])
        assert _rows(adapter, name) == NEW[1:]
        assert ask(adapter, f"EXISTS {name}:a") == [0]
        assert len(ask(adapter, f"KEYS {name}:by:*")) == 7
        assert ask(adapter, f"KEYS _dbfleet_{name}*") == []
        ask(adapter, f"DEL {name}:300")


@pytest.mark.engines("mongodb", "redis")
def test_a_row_without_a_key_is_swapped_too(adapter: Any, names: list[str]) -> None:
    plain = Schema(f"_dbfleet_{names[0]}", (Column("v", Type.TEXT),))
    adapter.create(plain)
    adapter.write(plain, [[("a",), ("b",)]])
    adapter.swap([Swap(plain, names[0])])
    final = adapter.describe(names[0])
    adapter.write(final, [[("c",)]])
    assert _rows(adapter, names[0]) == [("a",), ("b",), ("c",)]


@pytest.mark.engines("mongodb", "redis")
def test_identity_tells_databases_apart_but_not_spellings(adapter: Any, target: Target) -> None:
    with registry.connect(target.with_(host="localhost")) as other:
        assert other.identity() == adapter.identity()  # type: ignore[attr-defined]
    elsewhere = "5" if target.engine == "redis" else "somewhere_else"
    with registry.connect(target.with_(database=elsewhere)) as other:
        assert other.identity() != adapter.identity()  # type: ignore[attr-defined]


@pytest.mark.engines("mongodb", "redis")
def test_a_staged_name_that_is_missing_is_not_found(adapter: Any, names: list[str]) -> None:
    with pytest.raises(DbfleetError, match="_dbfleet_never"):
        adapter.swap([Swap(_new("_dbfleet_never"), names[0])])
