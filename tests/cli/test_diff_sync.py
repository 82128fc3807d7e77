"""diff --sync as a user types it: what is printed runs, exit codes, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    import os

    environment = {**os.environ, "DBFLEET_STATE_DIR": str(tmp_path / "state"), "DBFLEET_CONFIG": ""}
    found = Shell(tmp_path, environment)
    for name in "ab":
        found.ok("seed", f"sqlite:///{name}.db", "--rows", "40", "--yes")
    return found


A, B = "sqlite:///a.db", "sqlite:///b.db"


def test_what_is_printed_runs(shell: Shell) -> None:
    assert shell("diff", A, B, "--sync") == shell("diff", A, B)
    shell.ok("query", B, "update customers set name = 'it''s' || char(10) || ';'; delete from follows")
    printed = shell("diff", A, B, "--sync")
    assert printed.code == 1
    assert shell("diff", A, B).code == 1  # nothing was written
    shell.ok("query", B, "-", stdin=printed.out.encode())
    assert shell("diff", A, B).code == 0
    assert shell("diff", A, B, "--sync").out == ""


def test_yes_writes_and_ends_with_0(shell: Shell) -> None:
    shell.ok("query", B, "delete from reviews; update products set stock = 0")
    done = shell.ok("diff", A, B, "--sync", "--yes", "--format", "tsv")
    assert done.splitlines()[0] == "target\tcollection\tadded\tremoved\tchanged\trejected\tseconds"
    assert shell("diff", A, B).code == 0


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--yes"], 2),
        (["--sync", "--limit", "3"], 2),
        (["--sync", "--stats"], 2),
        (["--sync", "--format", "json"], 2),
        (["--sync"], 6),  # a table that only one side has
    ],
    ids=str,
)
def test_what_is_refused_is_said_and_nothing_changes(shell: Shell, options: list[str], code: int) -> None:
    shell.ok("query", B, "create table more (x integer primary key); delete from follows")
    ran = shell("diff", A, B, *options)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("dbfleet: ")
    assert shell("diff", f"{A}#follows", f"{B}#follows", "--stats").code == 1


def test_what_was_written_before_a_failure_is_told_to_stay(shell: Shell) -> None:
    for url, words in ((A, "'x','y'"), (B, "'y','x'")):
        first, second = words.split(",")
        shell.ok("query", url, "create table s (id integer primary key, u text unique)")
        shell.ok("query", url, f"insert into s values (1, {first}), (2, {second})")
    shell.ok("query", B, "delete from follows")
    ended = shell("diff", A, B, "--sync", "--yes")
    assert (ended.code, "UNIQUE constraint failed: s.u" in ended.err) == (5, True)
    assert "what was written before stays, and dbfleet diff shows what still differs" in ended.err
    assert shell("diff", f"{A}#follows", f"{B}#follows").code == 0
    assert shell("diff", f"{A}#s", f"{B}#s").code == 1
