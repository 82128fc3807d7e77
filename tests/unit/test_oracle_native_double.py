"""Oracle's native lane through the wire double: what the double stores of a copy is what it stores of the source, byte
by byte. What the double does not model (identities, virtual columns, partitions, names of constraints, zones with names
…) is in test_oracle_native.py, as statements only. None of it is verified on an Oracle Database."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from tests.doubles.filled import fill, opened  # noqa: E402
from tests.doubles.oracle.running import running  # noqa: E402
from tests.zoo.walk import run  # noqa: E402

SCRIPT = """
    create sequence "dbfleet:zoo.id" start with 900;
    create table "zoo" ("id" number(19) default "dbfleet:zoo.id".nextval not null, "d" date not null, "day" date,
        "t" timestamp(9), "z" timestamp(3) with time zone, "n" number, "good" number(1), "c" clob, "b" blob, "j" clob,
        "v" varchar2(20 char) default 'it''s', "r" raw(4), "f" binary_double, primary key ("d", "id"));
    comment on table "zoo" is 'what is odd';
    comment on column "zoo"."day" is 'dbfleet:date';
    comment on column "zoo"."good" is 'dbfleet:bool';
    comment on column "zoo"."j" is 'dbfleet:json';
    create unique index "zoo by n" on "zoo" ("n" desc, "v");
    create index "zoo by moment" on "zoo" ("z");
    insert into "zoo" ("d", "n") values (date '2024-02-29', 1);
    insert into "zoo" ("d", "day", "t", "n", "good", "c", "b", "v") values (
        to_date('-0044-03-15 00:00:00', 'SYYYY-MM-DD HH24:MI:SS'),
        to_date('2024-02-29 00:00:00', 'SYYYY-MM-DD HH24:MI:SS'),
        to_timestamp('-4712-01-01 00:00:00.123456789', 'SYYYY-MM-DD HH24:MI:SS.FF9'),
        -99999999999999999999999999999999999999, -7, empty_clob(), empty_blob(), 'a');
    insert into "zoo" ("d", "day", "z", "n", "good", "c", "b", "j", "r", "f") values (date '2024-02-29',
        to_date('2024-02-29 13:05:00', 'SYYYY-MM-DD HH24:MI:SS'),
        to_timestamp_tz('2024-02-29 13:05:00.123-05:30', 'SYYYY-MM-DD HH24:MI:SS.FF3TZH:TZM') at time zone '-05:30',
        0.00000000001, 1, 'x', hextoraw('00ff'), '{"a": 1,  "a": 2}', hextoraw('00'), binary_double_nan);
    insert into "zoo" ("d", "z", "n", "good", "c") values (date '9999-12-31',
        to_timestamp_tz('0001-01-01 00:00:00.000+00:00', 'SYYYY-MM-DD HH24:MI:SS.FF3TZH:TZM') at time zone '+00:00',
        1e125, 0, to_clob('long'));
"""


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two doubles, that keep what they hold in the folders a and b."""
    with ExitStack() as stack:
        urls = []
        for name in "ab":
            (tmp_path / f"run {name}").mkdir()
            urls.append(stack.enter_context(running(tmp_path / f"run {name}", data=tmp_path / name)))
        yield urls[0], urls[1]


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))


def do(url: str, script: str) -> None:
    """Run a text of statements."""
    ran = run("query", url, script)
    assert ran.code == 0, ran


def held(folder: Path) -> dict[str, Any]:
    """What a double has on its disk: the definitions and the bytes of all rows. Its own numbers are left out."""
    found: dict[str, Any] = {}
    with closing(sqlite3.connect(folder / "data")) as connection:
        for (text,) in connection.execute("SELECT definition FROM definitions").fetchall():
            made = json.loads(text)
            rows = connection.execute(f"SELECT * FROM t{made['number']}").fetchall()
            foreign = [[each["columns"], each["table"]["name"], each["keys"]] for each in made["foreign"]]
            indexes = sorted([{**each, "sql": ""} for each in made["indexes"]], key=lambda each: str(each["name"]))
            name = made["name"]
            found[name] = {**made, "number": 0, "foreign": sorted(foreign), "indexes": indexes,
                           "rows": sorted(rows, key=repr)}  # fmt: skip
        found["sequences of the double"] = sorted(connection.execute("SELECT * FROM sequences").fetchall())
    return found


def copy(source: str, sink: str, *options: str) -> dict[str, Any]:
    """The receipt of a copy that is proven."""
    ran = run("copy", source, sink, "--verify", "--yes", *options)
    assert ran.code == 0, ran
    receipt: dict[str, Any] = json.loads(ran.err.splitlines()[-1])
    assert receipt["same"]
    return receipt


def differences(*arguments: str) -> list[dict[str, Any]]:
    ran = run("diff", *arguments)
    assert ran.code in (0, 1), ran
    return [json.loads(line) for line in ran.out.splitlines()]


def test_what_a_copy_stores_is_what_the_source_stores(ends: tuple[str, str], tmp_path: Path) -> None:
    a, b = ends
    do(a, SCRIPT)
    receipt = copy(a, b)
    assert [each["native"] for each in receipt["collections"]] == [True]
    assert receipt["left"] == []
    assert held(tmp_path / "b") == held(tmp_path / "a")
    assert len(held(tmp_path / "a")["zoo"]["rows"]) == 4
    assert differences(a, b) == []
    do(b, 'insert into "zoo" ("d", "n") values (date \'2000-01-01\', 7)')
    assert differences(a, b)[0]["key"]["id"] == 904  # the sequence went on where the source's was


def test_what_the_closed_set_holds_the_same_differs(ends: tuple[str, str], tmp_path: Path) -> None:
    a, b = ends
    do(a, SCRIPT)
    copy(a, b)
    do(b, """
        update "zoo" set "c" = null, "b" = null, "good" = 1 where "v" = 'a';
        update "zoo" set "day" = date '2024-02-29', "j" = '{"a": 2}' where "n" = 0.00000000001;
        update "zoo" set "t" = to_timestamp('-4712-01-01 00:00:00.123456788', 'SYYYY-MM-DD HH24:MI:SS.FF9')
            where "v" = 'a';
        update "zoo" set "z" = to_timestamp_tz('2024-02-29 18:35:00.123+00:00', 'SYYYY-MM-DD HH24:MI:SS.FF3TZH:TZM')
            where "n" = 0.00000000001
    """)  # fmt: skip
    found = {each["key"]["d"]: each for each in differences(a, b)}
    old, leap = found["-0044-03-15 00:00:00"], found["2024-02-29T00:00:00"]
    assert old["before"] == {"t": "-4712-01-01 00:00:00.123456789", "good": "-7", "c": "", "b": ""}
    assert old["after"] == {"t": "-4712-01-01 00:00:00.123456788", "good": True, "c": None, "b": None}
    assert (leap["before"]["day"], leap["after"]["day"]) == ("2024-02-29 13:05:00", "2024-02-29")
    assert (leap["before"]["j"], leap["after"]["j"]) == ('{"a": 1,  "a": 2}', '{"a": 2}')  # both are {"a": 2}
    assert "z" in leap["before"]  # one moment, in two zones
    assert run("diff", a, b, "--sync", "--yes").code == 0
    assert held(tmp_path / "b") == held(tmp_path / "a")


def test_statements_of_a_sync_store_the_same(ends: tuple[str, str], tmp_path: Path) -> None:
    a, b = ends
    do(a, SCRIPT)
    copy(a, b)
    do(b, 'update "zoo" set "c" = null, "b" = null, "day" = null, "z" = null, "t" = null, "good" = null')
    do(b, 'delete from "zoo" where "v" = \'a\'')
    printed = run("diff", a, b, "--sync")
    assert b"EMPTY_CLOB()" in printed.out
    do(b, printed.out.decode())
    assert held(tmp_path / "b") == held(tmp_path / "a")


@pytest.mark.parametrize("mode", ["create", "replace", "upsert"])
def test_the_shop_goes_over_whatever_is_there(ends: tuple[str, str], tmp_path: Path, mode: str) -> None:
    a, b = ends
    with opened(a) as adapter:
        fill(adapter)
    if mode != "create":
        copy(a, b)
        do(b, 'delete from "follows"; update "orders" set "status" = \'x\'')
    options = [] if mode == "create" else ["--mode", mode]
    receipt = copy(a, b, *options)
    assert all(each["native"] for each in receipt["collections"])
    assert held(tmp_path / "b") == held(tmp_path / "a")


def test_a_collection_under_another_name(ends: tuple[str, str]) -> None:
    a, b = ends
    do(a, SCRIPT)
    copy(f"{a}#zoo", f"{b}#Other zoo")
    copy(f"{a}#zoo", f"{a}#zoo 2")
    for url, name in ((b, "Other zoo"), (a, "zoo 2")):
        do(url, f'insert into "{name}" ("d", "n") values (date \'2000-01-01\', 7)')
        with opened(url) as adapter:
            assert adapter.count(name) == 5
            adapter.drop(name)
            assert not [each for each in adapter.left() if name in each]  # type: ignore[attr-defined]


def test_a_dump_is_loaded_as_it_was_and_elsewhere(ends: tuple[str, str], tmp_path: Path) -> None:
    a, b = ends
    with opened(a) as adapter:
        fill(adapter)
    dump = str(tmp_path / "dump")
    assert run("dump", a, "-o", dump, "--native").code == 0
    assert run("load", b, dump, "--verify", "--yes").code == 0
    assert held(tmp_path / "b") == held(tmp_path / "a")
    do(b, 'delete from "reviews"')
    assert run("load", b, dump, "--verify", "--yes", "--mode", "replace").code == 0
    assert held(tmp_path / "b") == held(tmp_path / "a")
    elsewhere = f"sqlite:///{tmp_path}/dump.db"
    assert run("load", elsewhere, dump, "--verify", "--yes").code == 0
    assert differences(a, elsewhere) == []


def test_rows_are_found_by_native_keys(ends: tuple[str, str]) -> None:
    a, _ = ends
    do(a, SCRIPT)
    with opened(a) as adapter:
        schema = adapter.native("zoo")  # type: ignore[attr-defined]
        rows = [row for batch in adapter.scan(schema) for row in batch]
        keys = [tuple(row[place] for place in schema.key_indexes) for row in rows]
        assert sorted(map(repr, adapter.get(schema, keys))) == sorted(map(repr, rows))
        parts = adapter.split(schema, 3)
        assert len(parts) == 3
        assert parts[0]["below"][0].startswith("2024-02-29 00:00:00")
        found = [row for part in parts for batch in adapter.scan(schema, part) for row in batch]
        assert sorted(map(repr, found)) == sorted(map(repr, rows))
        adapter.clear(schema, parts[0])  # type: ignore[attr-defined]
        left = [row for batch in adapter.scan(schema) for row in batch]
        assert repr(left) == repr([row for batch in adapter.scan(schema, {"from": parts[0]["below"]}) for row in batch])
        assert 0 < len(left) < len(rows)
        assert adapter.delete(schema, keys) == len(left)


@pytest.mark.parametrize(("there", "after"), [(5, 900), (5000, 5000)])
def test_a_sequence_that_is_there_never_goes_back(
    ends: tuple[str, str], tmp_path: Path, there: int, after: int
) -> None:
    a, b = ends
    do(
        a,
        """create sequence "s" start with 900;
        create table "t" ("id" number(19) default "s".nextval not null, primary key ("id"))""",
    )
    do(b, f'create sequence "s" start with {there}')
    copy(a, b)
    assert held(tmp_path / "b")["sequences of the double"] == [("s", after)]


def test_a_sequence_that_a_dropped_table_left_is_made_anew(ends: tuple[str, str], tmp_path: Path) -> None:
    a, b = ends
    do(a, SCRIPT)
    do(b, 'create sequence "dbfleet:zoo.id" start with 5000')
    copy(a, b)
    assert held(tmp_path / "b") == held(tmp_path / "a")


# --- cut off, and gone on with ---

MANY = """
    create table "small" ("id" number(19) not null, "v" varchar2(9 char), primary key ("id"));
    create table "large" ("id" number(19) not null, "small" number(19), "c" clob, primary key ("id"),
        foreign key ("small") references "small" ("id"));
"""
STAGES = {
    "rows": ("SELECT 1 FROM t2 LIMIT 1", "SELECT 1 FROM t1 LIMIT 1"),
    "keys": ('SELECT 1 FROM definitions WHERE definition LIKE \'%"key": ["id"]%\'',) * 2,
}
"""What the sink's disk holds when the copy is stopped: either of these."""


@contextmanager
def copying(source: str, sink: str) -> Iterator[subprocess.Popen[bytes]]:
    """A copy that runs, and is killed with its workers at the end of the block."""
    command = [sys.executable, "-m", "dbfleet", "copy", source, sink]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("stage", STAGES)
def test_a_copy_that_was_killed_goes_on(ends: tuple[str, str], tmp_path: Path, stage: str) -> None:
    a, b = ends
    do(a, MANY)
    with opened(a) as adapter:
        small, large = adapter.describe("small"), adapter.describe("large")
        adapter.write(small, [[(number, str(number)) for number in range(100)]])
        adapter.write(large, [[(number, number % 100, "x" * 100) for number in range(21_000)]])
    with copying(a, b) as process:
        deadline = time.monotonic() + 60
        with closing(sqlite3.connect(tmp_path / "b" / "data", isolation_level=None, timeout=0)) as connection:
            while not _is_there(connection, STAGES[stage]):
                if time.monotonic() > deadline:
                    pytest.fail("the copy never came so far")
                assert process.poll() is None, "the copy was too fast"
                time.sleep(0.001)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert held(tmp_path / "b") != held(tmp_path / "a")
    copy(a, b, "--resume")
    assert held(tmp_path / "b") == held(tmp_path / "a")


def _is_there(connection: sqlite3.Connection, texts: tuple[str, ...]) -> bool:
    for text in texts:
        with suppress(sqlite3.OperationalError):
            if connection.execute(text).fetchone():
                return True
    return False
