"""The options of load, dump, copy and diff that say how rows are written, what is overlooked and what is left out: as
people type them, with their exit codes."""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing

import pytest
from command_line import Shell


def records(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


GERMAN = 'Name;Größe;bezahlt;geboren\n"Müller; H.";1,5;ja;03.02.2001\nÖz;;nein;\n'.encode("cp1252")


def test_a_file_of_somebodys_is_guessed_told_and_read(shell: Shell) -> None:
    (shell.folder / "kunden.csv.gz").write_bytes(gzip.compress(GERMAN))
    ran = shell("load", "sqlite:///k.db", "kunden.csv.gz", "--decimal", ",", "--true", "ja", "--false", "nein",
                "--rule", "geboren: date=%d.%m.%Y")  # fmt: skip
    assert ran.code == 0, ran
    assert "kunden.csv.gz: read as cp1252; --encoding says otherwise" in ran.err
    assert "kunden.csv.gz: ; stands between cells; --delimiter says otherwise" in ran.err
    assert records(shell.ok("query", "sqlite:///k.db", "select * from kunden")) == [
        {"Name": "Müller; H.", "Größe": 1.5, "bezahlt": 1, "geboren": "2001-02-03"},
        {"Name": "Öz", "Größe": None, "bezahlt": 0, "geboren": None},
    ]
    out = shell.start("dump", "sqlite:///k.db", "kunden", "-o", "-", "--format", "csv", "--delimiter", ";", "--decimal",
                      ",", "--true", "ja", "--false", "nein", "--encoding", "cp1252")  # fmt: skip
    with out as child:
        data, _ = child.communicate(timeout=60)
    assert data.decode("cp1252") == 'Name;Größe;bezahlt;geboren\n"Müller; H.";1,5;ja;2001-02-03\nÖz;;nein;\n'


def test_what_servers_write_for_true_and_false_is_read_where_the_column_is_a_bool(shell: Shell) -> None:
    """A file alone does not make a bool of it: t may be a word, and 1 a number."""
    (shell.folder / "flags.csv").write_text("id,ok\n1,t\n2,F\n3,\n4,1\n5,0\n6,true\n7,FALSE\n")
    with closing(sqlite3.connect(shell.folder / "there.db")) as there:
        there.execute("CREATE TABLE flags (id int PRIMARY KEY, ok boolean)")
    shell.ok("load", "sqlite:///there.db", "flags.csv")
    with closing(sqlite3.connect(shell.folder / "there.db")) as there:
        assert [ok for (ok,) in there.execute("SELECT ok FROM flags ORDER BY id")] == [1, 0, None, 1, 0, 1, 0]
    assert "  ok  text" in shell("load", "sqlite:///new.db", "flags.csv").err.splitlines()
    (shell.folder / "more.csv").write_text("id,ok\n8,2\n")
    refused = shell("load", "sqlite:///there.db#flags", "more.csv")
    assert (refused.code, "'2' is not of type bool" in refused.err) == (2, True), refused


def test_a_directory_of_tsv_is_loaded_as_it_was(shell: Shell) -> None:
    shell.ok("dump", "shop", "-o", "d", "--format", "tsv", "--no-header", "--null", "-", "--compress", "gzip")
    ran = shell("load", "sqlite:///copy.db", "d", "--verify")
    assert ran.code == 0, ran
    assert shell("diff", "shop", "sqlite:///copy.db").code == 0
    assert shell("load", "sqlite:///copy.db", "d", "--no-header").code == 2


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "said"),
    [
        (["load", "shop.x", "-", "--format", "csv", "--delimiter", "ab"], b"", 2, "--delimiter 'ab' is not one sign"),
        (["load", "shop.x", "-", "--format", "csv", "--encoding", "utf9"], b"", 2, "for instance utf-8"),
        (["load", "shop.x", "-", "--delimiter", ";"], b"{}", 2, "jsonl has no --delimiter"),
        (["load", "shop.x", "-", "--format", "csv"], b"a,b\n1\n", 2, "stdin, line 2: 1 cells where the header has 2"),
        (["load", "shop.x", "-", "--format", "csv"], b'a\n"x', 2, "line 2: a quote opens here and does not close"),
        (["load", "shop.x", "-", "--format", "csv"], b"\xc3\xa4\n\xe4\n", 2, "line 2, column 1: not UTF-8, byte 0xe4"),
        (
            ["load", "shop.people", "-", "--format", "csv"],
            b"id,age\n7,old\n",
            2,
            "column age: 'old' is not of type int",
        ),
        (["load", "shop.people", "-", "--format", "csv"], b'id,age\n7,"1,5"\n', 2, "--decimal , reads a decimal comma"),
        (["load", "shop.x", "-", "--format", "csv", "--rule", "a: b"], b"a\n1\n", 2, "is not COLUMN: RULE=VALUE"),
        (["load", "shop.x", "-", "--format", "csv", "--rule", "b: type=text"], b"a\n1\n", 2, "there is no column b"),
        (["load", "shop.x", "-", "--format", "csv", "--exclude", "a"], b"a\n1\n", 2, "is one collection"),
        (["load", "shop.x", "-", "--format", "csv", "--retries", "-1"], b"a\n1\n", 2, "--retries is -1"),
        (["load", "shop.x", "-"], b"PK\x03\x04rest", 2, "packed by zip"),
        (["load", "shop.x", "-", "--format", "json"], b'[{"a":1},\n{"a":}]', 2, "line 2, column 6: no JSON"),
        (
            ["dump", "shop", "-o", "d", "--format", "csv", "--decimal", ","],
            None,
            2,
            "both between cells and in numbers",
        ),
        (["dump", "shop", "-o", "d", "--delimiter", ";"], None, 2, "jsonl has no --delimiter"),
        (["dump", "shop", "-o", "d", "--exclude", "peple"], None, 2, "did you mean people"),
        (["dump", "shop.people", "-o", "-", "--keep-going"], None, 2, "stdout takes one collection"),
        (["copy", "shop", "sqlite:///b.db", "--exclude", "*"], None, 2, "leaves nothing"),
        (["copy", "shop", "sqlite:///b.db", "--rule", "age: date=%Y"], None, 2, "needs its year, month and day"),
        (["copy", "shop", "sqlite:///b.db", "--rule", "name: date=%Y%m%d"], None, 5, "people.name: 'Ann' by --rule"),
        (["copy", "shop", "sqlite:///b.db", "--on", "workers", "--retries", "2"], None, 2, "not by workers"),
        (["diff", "shop", "shop", "--tolerance", "x"], None, 2, "--tolerance 'x' is no number"),
        (["diff", "shop", "shop", "--sync", "--keep-going"], None, 2, "--sync takes no --keep-going"),
    ],
)
def test_exit_codes(shell: Shell, arguments: list[str], stdin: bytes | None, code: int, said: str) -> None:
    ran = shell(*arguments, stdin=stdin)
    assert (ran.code, said in ran.err) == (code, True), ran
    assert ran.out == ""


def test_what_cannot_be_read_is_named_and_the_rest_is_done(shell: Shell) -> None:
    """A file one of whose pages was lost: nothing of SQLite reads the table behind it."""
    with closing(sqlite3.connect(shell.folder / "bad.db")) as connection:
        connection.executescript(
            "create table good (id integer primary key, d text);"
            "create table bad (id integer primary key, d text);"
            "insert into good values (1, 'a')"
        )
        connection.executemany("insert into bad values (?, ?)", [(number, "x" * 1000) for number in range(2000)])
        connection.commit()
        ((page,),) = connection.execute("pragma page_size")
        ((pages,),) = connection.execute("pragma page_count")
    with (shell.folder / "bad.db").open("r+b") as file:
        file.seek((pages - 100) * page)
        file.write(bytes(page))
    for arguments in (["copy", "sqlite:///bad.db", "sqlite:///e.db"], ["dump", "sqlite:///bad.db", "-o", "e"]):
        ran = shell(*arguments)  # rows that are there to be saved do not stay behind with a word of warning
        assert (ran.code, ran.out) == (5, ""), ran
        assert "bad: database disk image is malformed" in ran.err
        assert "--keep-going" in ran.err
    for arguments in (
        ["copy", "sqlite:///bad.db", "sqlite:///b.db", "--keep-going", "--verify"],
        ["dump", "sqlite:///bad.db", "-o", "d", "--keep-going"],
    ):
        ran = shell(*arguments)
        assert ran.code == 8, ran
        assert [record["collection"] for record in records(ran.out)] == ["good"]
        assert "1 of 2 collections" in ran.err
        assert "bad: " in ran.err
        if "--verify" in arguments:
            receipt = next(json.loads(line) for line in ran.err.splitlines() if line.startswith('{"receipt"'))
            assert any(text.startswith("bad, which cannot be read") for text in receipt["left"])
    ran = shell("diff", "sqlite:///bad.db", "sqlite:///bad.db", "--keep-going")
    assert (ran.code, ran.out) == (8, ""), ran
    assert shell("diff", "sqlite:///bad.db", "sqlite:///b.db", "--exclude", "bad").code == 0
    (shell.folder / "d" / "good.jsonl").write_text("")
    assert shell("load", "sqlite:///c.db", "d", "--keep-going").code == 2  # nothing is left to load


def test_rows_of_a_file_that_cannot_be_read_are_named(shell: Shell) -> None:
    ran = shell("load", "sqlite:///x.db#t", "-", "--format", "csv", "--keep-going", stdin=b"a,b\n1,2\n3\n")
    assert ran.code == 8, ran
    assert records(ran.out)[0]["rows"] == 1
    assert "1 row of stdin not loaded\n  line 3: 1 cells where the header has 2" in ran.err


def test_rows_that_cannot_be_read_are_named_where_others_are_refused_too(shell: Shell) -> None:
    ran = shell("load", "shop.people", "-", "--format", "csv", "--keep-going", "--rejected", "r.jsonl",
                stdin=b"id,age\n1,2\n8\n9,3\n")  # fmt: skip
    assert ran.code == 5, ran
    assert "stdin, line 3: not loaded: 1 cells" in ran.err
    assert "r.jsonl lists them" in ran.err


def test_a_diff_overlooks_what_it_is_told_to(shell: Shell) -> None:
    for name, rows in (("a", "(1, 1.0, 'Ann '), (2, 2.0, 'Bob')"), ("b", "(1, 1.0000000001, 'ANN'), (2, 2.5, 'bob')")):
        with closing(sqlite3.connect(shell.folder / f"{name}.db")) as connection:
            connection.executescript(
                f"create table t (id integer primary key, x double, n text); insert into t values {rows}"
            )
    ran = shell("diff", "sqlite:///a.db", "sqlite:///b.db", "--tolerance", "1e-9", "--ignore-case",
                "--ignore-trailing-blanks")  # fmt: skip
    assert ran.code == 1, ran
    (found,) = records(ran.out)
    assert (found["key"], found["before"], found["after"]) == ({"id": 2}, {"x": 2.0}, {"x": 2.5})
    ran = shell("diff", "sqlite:///a.db", "sqlite:///b.db", "--tolerance", "20%", "--ignore-case",
                "--ignore-trailing-blanks")  # fmt: skip
    assert (ran.code, ran.out) == (0, ""), ran
