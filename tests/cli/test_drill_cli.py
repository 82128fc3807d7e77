"""drill as a user types it: the receipt, exit codes, and what is refused."""

from __future__ import annotations

import json

import pytest
from command_line import Shell

FIELDS = [
    "kind", "target", "source", "at", "same", "rows", "seconds", "engine", "product", "version", "restored",
    "collections", "dump_digest", "restored_digest", "moment", "left", "dump", "error",
]  # fmt: skip


def test_green_ends_with_0_and_the_receipt(shell: Shell) -> None:
    record = json.loads(shell.ok("drill", "shop"))
    assert list(record) == FIELDS
    assert (record["kind"], record["same"], record["rows"], record["error"]) == ("drill", True, 3, None)
    assert record["source"]["target"] == "shop"
    assert record["restored"]["runtime"] == "file"
    (people,) = record["collections"]
    assert people["digest"] == people["restored_digest"]
    assert list((shell.folder / "state").iterdir()) == []


def test_red_ends_with_1_and_says_why(shell: Shell) -> None:
    shell.ok("drill", "shop", "--keep", "night")
    file = shell.folder / "night" / "people.jsonl"
    file.write_bytes(file.read_bytes().replace(b"Ann", b"Eve"))
    ran = shell("drill", "shop", "--dump", "night")
    assert ran.code == 1
    assert json.loads(ran.out)["same"] is False
    assert "the drill of shop is red: night/people.jsonl is not what was dumped" in " ".join(ran.err.split())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["shop", "--dump", "nowhere"], 2),
        (["shop", "--dump", ".", "--keep", "x"], 2),
        (["nosuch"], 2),
        (["shop.people"], 2),
        (["shop", "nosuch"], 5),
        (["postgresql://me:secret@127.0.0.1:1/x"], 3),
        (["mssql://me:secret@127.0.0.1:1/x"], 6),
        (["shop", "--keep", "/proc/nowhere"], 7),
        (["shop", "--keep", "."], 2),
    ],
    ids=str,
)
def test_what_could_not_be_done_ends_with_the_code_of_its_reason(shell: Shell, arguments: list[str], code: int) -> None:
    ran = shell("drill", *arguments, env={"DBFLEET_RUNTIME": "process"})
    assert ran.code == code, ran
    assert ran.err.startswith("dbfleet: ")
    assert "secret" not in ran.out + ran.err
    if ran.out:
        assert json.loads(ran.out)["same"] is None


def test_a_state_directory_that_cannot_be_written_ends_with_2(shell: Shell) -> None:
    ran = shell("drill", "shop", env={"DBFLEET_STATE_DIR": "/proc/nowhere"})
    assert (ran.code, ran.out) == (2, "")
    assert "the state directory /proc/nowhere" in ran.err
