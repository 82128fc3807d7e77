"""Files of other people's into `load`: what can be read is kept, what cannot is refused by its line with 2, never 70;
and arguments that are not UTF-8 (CASES.md, exit 70)."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.zoo.walk import run

_KEPT = {
    "nan": (b'{"v": NaN}\n', b'{"v":"NaN"}\n'),
    "nan after a fraction": (b'{"v": 1.5}\n{"v": NaN}\n', b'{"v":1.5}\n{"v":"NaN"}\n'),
    "infinities": (b'{"v": -Infinity}\n{"v": 2}\n', b'{"v":"-Infinity"}\n{"v":2.0}\n'),
    "nan inside": (b'{"v": {"a": [NaN]}}\n', b'{"v":{"a":["NaN"]}}\n'),
    "mixed": (b'{"v": 1}\n{"v": "x"}\n{"v": NaN}\n', b'{"v":1}\n{"v":"x"}\n{"v":"NaN"}\n'),
    "a whole surrogate pair": (b'{"v": "\\ud83d\\ude00"}\n', '{"v":"😀"}\n'.encode()),
    "nul": (b'{"v": "a\\u0000b"}\n', b'{"v":"a\\u0000b"}\n'),
    "a byte order mark": (b'\xef\xbb\xbf{"v": 1}\n', b'{"v":1}\n'),
    "crlf": (b'{"v": 1}\r\n\r\n{"v": 2}\r\n', b'{"v":1}\n{"v":2}\n'),
    "duplicate keys": (b'{"v": 1, "v": 2}\n', b'{"v":2}\n'),
    "an integer of 5000 digits": (b'{"v": ' + b"9" * 5000 + b"}\n", b'{"v":' + b"9" * 5000 + b"}\n"),
    "beyond a float": (b'{"v": 1e400}\n', b'{"v":1' + b"0" * 400 + b"}\n"),
    "no day": (b'{"v": "0000-00-00"}\n{"v": "2024-02-30"}\n', b'{"v":"0000-00-00"}\n{"v":"2024-02-30"}\n'),
}


@pytest.mark.parametrize("case", _KEPT)
def test_json_lines_that_are_kept(folder: Path, case: str) -> None:
    data, expected = _KEPT[case]
    (folder / "t.jsonl").write_bytes(data)
    ran = run("load", "sqlite:///t.db", "t.jsonl", "--verify")
    assert ran.code == 0, ran
    assert run("dump", "sqlite:///t.db#t", "-o", "-").out.replace(b"2.0", b"2") == expected.replace(b"2.0", b"2")


_REFUSED = {
    "half of a pair": b'{"v": 1}\n{"v": "\\ud83d"}\n',
    "the other half, inside": b'{"v": 1}\n{"v": {"a": ["\\uDC00"]}}\n',
    "half of a pair in a name": b'{"v": 1}\n{"\\ud83d": 1}\n',
    "an exponent of millions": b'{"v": 1}\n{"v": 1e99999999}\n',
    "the same, inside": b'{"v": 1}\n{"v": [1E-99999999]}\n',
    "deep": b'{"v": 1}\n{"v": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
    "a raw control character": b'{"v": 1}\n{"v": "a\x00b"}\n',
    "no utf-8": b'{"v": 1}\n{"v": "\xe9"}\n',
    "an array": b'{"v": 1}\n[1]\n',
}


@pytest.mark.parametrize("case", _REFUSED)
def test_json_lines_that_are_refused_by_their_line(folder: Path, case: str) -> None:
    (folder / "t.jsonl").write_bytes(_REFUSED[case])
    ran = run("load", "sqlite:///t.db", "t.jsonl")
    assert (ran.code, ran.out) == (2, b""), ran
    assert "line 2" in ran.err
    assert not (folder / "t.db").exists()


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv", "t.parquet"])
def test_an_empty_file_and_a_folder_are_refused(folder: Path, name: str) -> None:
    if name == "t.parquet":
        pytest.importorskip("pyarrow", reason="an extra is not installed")
    (folder / name).touch()
    assert run("load", "sqlite:///t.db", name).code == 2
    (folder / name).unlink()
    (folder / name).mkdir()
    assert run("load", "sqlite:///t.db", name).code == 2
    assert not (folder / "t.db").exists()


def test_csv_numbers_that_no_type_keeps_stay_text(folder: Path) -> None:
    (folder / "t.csv").write_bytes(b"a,b\n" + b"9" * 5000 + b",1e999999\n1,2e5\n")
    assert run("load", "sqlite:///t.db", "t.csv", "--verify").code == 0
    assert run("dump", "sqlite:///t.db#t", "-o", "-").out.endswith(b'{"a":"1","b":"2e5"}\n')


def test_a_number_that_a_float_column_cannot_hold_is_refused(folder: Path) -> None:
    """And does not become an infinity."""
    with closing(sqlite3.connect("t.db")) as connection:
        connection.execute("create table t (v real)")
    for name, data in (("t.csv", b"v\n1e999\n"), ("t.jsonl", b'{"v": 1e999}\n')):
        (folder / name).write_bytes(data)
        ran = run("load", "sqlite:///t.db", name)
        assert ran.code == 2, ran
        assert "is not of type float" in ran.err


_ODD = os.fsdecode(b"\xff")


@pytest.mark.parametrize(
    "arguments",
    [
        ("query", "sqlite:///a.db", f"select '{_ODD}'"),
        ("query", "sqlite:///a.db", "select :n", "--param", f"n={_ODD}"),
        ("query", "sqlite:///a.db", "select 1", "--param", f"{_ODD}=1"),
        ("diff", "sqlite:///a.db", "sqlite:///a.db", "--where", f"v = '{_ODD}'"),
        ("copy", "sqlite:///a.db#t", f"sqlite:///b.db#{_ODD}"),
        ("digest", f"sqlite:///{_ODD}.db"),
        (_ODD,),
    ],
    ids=["statement", "value", "parameter", "where", "collection", "url", "command"],
)
def test_arguments_that_are_not_utf_8_are_a_usage_error(arguments: tuple[str, ...]) -> None:
    with closing(sqlite3.connect("a.db")) as connection:
        connection.executescript("create table t (id integer primary key, v text)")
    ran = run(*arguments)
    assert ran.code == 2, ran
    assert "not UTF-8" in ran.err


def test_a_path_may_be_any_bytes(folder: Path) -> None:
    with closing(sqlite3.connect("a.db")) as connection:
        connection.executescript("create table t (id integer primary key, v text)")
    assert run("dump", "sqlite:///a.db", "-o", f"d{_ODD}").code == 0
    assert run("load", "sqlite:///b.db", f"d{_ODD}").code == 0
