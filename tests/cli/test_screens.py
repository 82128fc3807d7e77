"""What a person sees at 80 and at 120 columns, held to pictures: text files in golden/80 and golden/120.

`DBFLEET_GOLDEN=write pytest tests/cli/test_screens.py` draws them anew; look at the difference before you commit it.
Times, paths and versions are masked. Screens of servers in trouble are drawn from records as `status` gives them.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from command_line import Shell
from terminal import Screen, show

from dbfleet.cli import _fleet_view, _matrix_view
from dbfleet.formats import Page
from dbfleet.formats._width import width
from dbfleet.ops import engines as op

GOLDEN = Path(__file__).parent / "golden"
WIDTHS = (80, 120)

Look = Callable[..., Screen]


def hold(name: str, columns: int, text: str) -> None:
    """The screen is what its picture shows, and no line of it is wider than the terminal."""
    masked = re.sub(r"/\S*/pytest-\S+/", "/FOLDER/", text)
    masked = re.sub(r"\b\d+\.\d+ s\b", "# s", masked)
    masked = re.sub(r"\b\d\d:\d\d:\d\d UTC\b", "##:##:## UTC", masked)
    masked = re.sub(r"\bSQLite \d+\.\d+\.\d+", "SQLite #", masked)
    masked = re.sub(r"(?<=│)\s+\d+\.\d+(?=$| │)", "  #", masked, flags=re.MULTILINE)
    picture = GOLDEN / str(columns) / f"{name}.txt"
    if os.environ.get("DBFLEET_GOLDEN") == "write":
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_text(masked, "utf-8")
    assert masked == picture.read_text("utf-8"), "DBFLEET_GOLDEN=write draws it anew"
    assert max(map(width, text.splitlines())) <= columns


@pytest.fixture
def look(shell: Shell) -> Look:
    def run(columns: int, *arguments: str, **options: Any) -> Screen:
        environment = {**shell.environment, "NO_COLOR": "1"}
        return show([*arguments], folder=shell.folder, environment=environment, columns=columns, **options)

    return run


@pytest.fixture
def shop(shell: Shell) -> Shell:
    """Two files that hold the same but for a few values, and a table of many types."""
    script = """
        create table articles (id integer primary key, title varchar(80) not null, words json, price decimal(10,2));
        insert into articles values
            (1, 'The quick brown fox jumps over the lazy dog', '{"tags": ["fox", "dog"], "pages": 12}', 1.50),
            (2, 'Short', null, 2), (3, 'Gone soon', '{}', null);
        create table notes (article integer not null references articles(id), line integer not null, body text,
            primary key (article, line));
        insert into notes values (1, 1, 'He said "yes"'), (1, 2, '');
    """
    for name in ("a.db", "b.db"):
        with closing(sqlite3.connect(shell.folder / name)) as connection:
            connection.executescript(script)
    with closing(sqlite3.connect(shell.folder / "b.db")) as connection:
        connection.executescript("""
            update articles set title = 'The quick red fox jumps over the lazy dog',
                words = '{"tags": ["fox", "dog"], "pages": 13}' where id = 1;
            update articles set price = 2.5 where id = 2;
            delete from articles where id = 3;
            insert into notes values (2, 1, 'A second note, about the short one: it is long enough to break its line.');
            create table more (id integer primary key);
        """)
    return shell


A, B = "sqlite:///a.db", "sqlite:///b.db"


def _record(target: str, state: str, port: int, **facts: Any) -> dict[str, Any]:
    record = dict.fromkeys(("product", "version", "memory", "error", "hint", "since", "cap"))
    url = None if state == "absent" else f"postgresql://dbfleet:***@127.0.0.1:{port}/dbfleet"
    return {"target": target, "engine": target, "runtime": "docker", "state": state, **record, "url": url, **facts}


RECORDS = [
    _record("cassandra", "running", 9042, product="Cassandra", version="5.0.9", memory=738 << 20, cap=1 << 30),
    _record(
        "mongodb", "failed", 27017, error="killed for memory at 23:17, its cap is 448m",
        hint="give it more: memory = \"896m\" below [targets.mongodb] in dbfleet.toml, then dbfleet up mongodb",
    ),
    _record("neo4j", "absent", 0),
    _record("postgres", "running", 5432, product="PostgreSQL", version="17.12", memory=41 << 20, cap=320 << 20),
    _record("redis", "stopped", 6379, error="killed by signal 9 at 23:16"),
    _record("sqlserver", "starting", 1433, memory=1536 << 20, cap=2 << 30),
    _record("theirs", "unreachable", 0, url="mysql://me:***@db.example.org:3306/shop", error="it refuses connections"),
]  # fmt: skip


@pytest.mark.parametrize("columns", WIDTHS)
def test_status_after_two_servers_were_killed(columns: int) -> None:
    hold("status", columns, "\n".join(_fleet_view.status(RECORDS, Page(columns))) + "\n")


def test_status_says_the_same_in_colours() -> None:
    plain = list(_fleet_view.status(RECORDS, Page(80)))
    coloured = list(_fleet_view.status(RECORDS, Page(80, coloured=True)))
    assert [re.sub(r"\x1b\[\d*m", "", line).rstrip() for line in coloured] == plain
    assert "\x1b[31m✗ mongodb" in "\n".join(coloured)


@pytest.mark.parametrize("columns", WIDTHS)
def test_health(columns: int) -> None:
    records = [
        {"target": "postgres", "ok": True, "latency_ms": 2.31, "product": "PostgreSQL", "version": "17.12",
         "error": None},
        {"target": "redis", "ok": False, "latency_ms": None, "product": None, "version": None,
         "error": "redis is not up in fleet default: it was killed for memory at 23:17, its cap is 224m"},
    ]  # fmt: skip
    hold("health", columns, "\n".join(_fleet_view.health(records, Page(columns))) + "\n")


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_matrix_of_all_engines(columns: int) -> None:
    hold("matrix", columns, "\n".join(_matrix_view.table(list(op.matrix()), Page(columns))) + "\n")


@pytest.mark.parametrize("columns", WIDTHS)
def test_one_pair_of_the_matrix(columns: int) -> None:
    hold("matrix-pair", columns, "\n".join(_matrix_view.one(*op.cell("postgres", "sqlite"), Page(columns))) + "\n")


def test_the_matrix_tells_by_marks_what_no_run_has_proven() -> None:
    for pair in op.matrix():
        mark = _matrix_view.short(pair)[-1]
        assert (mark == "?") == (pair.proven is None)
        assert (mark == "°") == (pair.proven in ("double", "stand-in"))
        assert ("no run" in _matrix_view.proven(pair)) == (pair.proven is None)


def test_doctor_breaks_no_path_that_fits_into_a_line() -> None:
    path = "/home/somebody/.local/share/a-folder/of-programs/site-packages/bin"
    records = [
        {"check": "postgres server", "level": "ok", "text": f"initdb, postgres in {path}", "hint": None},
        {"check": "control service", "level": "warn", "text": "it does not run", "hint": f"look into {path}"},
        {"check": "redis server", "level": "ok", "text": "short", "hint": None},
    ]
    lines = list(_fleet_view.doctor(records, Page(80)))
    assert all(len(line) <= 80 for line in lines), lines
    assert sum(path in line for line in lines) == 2
    assert "✓ redis server     short" in lines


@pytest.mark.parametrize("columns", WIDTHS)
def test_doctor(columns: int) -> None:
    records = [
        {"check": "docker", "level": "ok", "text": "Docker Engine 28.5.2, compose 2.40.3", "hint": None},
        {"check": "mysql port", "level": "warn", "text": "3306 is taken by mysqld (pid 812)",
         "hint": "up gives mysql a free one"},
        {"check": "state", "level": "fail", "text": "/nowhere/dbfleet cannot be written: Read-only file system",
         "hint": "set DBFLEET_STATE_DIR to a folder that you may write, on a disk that has some gigabytes free"},
    ]  # fmt: skip
    hold("doctor", columns, "\n".join(_fleet_view.doctor(records, Page(columns))) + "\n")


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("engines", ["engines"], 0),
        ("engine", ["engines", "couchdb"], 0),
        ("describe", ["describe", A + "#articles"], 0),
        ("ls", ["ls", A, "--count"], 0),
        ("diff", ["diff", A, B], 1),
        ("diff-stats", ["diff", A, B, "--stats"], 1),
        ("diff-same", ["diff", A, "sqlite:///./a.db"], 0),
        ("drift", ["drift", A, B, "--confirm", "1ms"], 1),
        ("drift-same", ["drift", A, "sqlite:///./a.db"], 0),
        ("drift-gone", ["drift", A, "postgresql://me:secret@127.0.0.1:1/shop"], 3),
        ("help-drift", ["drift", "--help"], 0),
        ("drill", ["drill", A], 0),
        ("drill-gone", ["drill", A, "nosuch"], 5),
        ("help-drill", ["drill", "--help"], 0),
        ("plan", ["copy", A, "sqlite:///new.db", "--dry-run"], 0),
        ("plan-verbose", ["-v", "copy", A, "sqlite:///new.db", "notes", "--dry-run"], 0),
        ("help", ["--help"], 0),
        ("help-copy", ["copy", "--help"], 0),
        ("hint", ["query", "./shop.db", "select 1"], 2),
        ("error", ["copy", A, "shop", "nosuch,collection,whose,name,is,long and then some words more"], 5),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_screen(shop: Shell, look: Look, name: str, arguments: list[str], code: int, columns: int) -> None:
    screen = look(columns, *arguments)
    assert screen.code == code, screen.text
    hold(name, columns, screen.text)


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_question_names_the_target_and_the_rows_and_no_changes_nothing(shop: Shell, look: Look, columns: int) -> None:
    screen = look(columns, "copy", A, B, "articles", "notes", "--mode", "replace", typed=b"n\n")
    assert screen.code == 2, screen.text
    hold("question", columns, screen.text)
    assert shop("diff", A, B).code == 1


@pytest.mark.parametrize(
    ("does", "code"),
    [({"typed": b"n\n"}, 2), ({"typed": b"y\n"}, 0), ({"typed": b"\x04"}, 2), ({"interrupt_at": "[y/N]"}, 130)],
    ids=["no", "yes", "ctrl-d", "ctrl-c"],
)
def test_a_question_in_the_middle_of_work_stands_whole_and_alone(
    shop: Shell, look: Look, does: dict[str, Any], code: int
) -> None:
    shop.ok("dump", A, "-o", "there")
    screen = look(80, "dump", A, "-o", "there", **does)
    assert screen.code == code, screen.text
    asked, *rest = screen.text.splitlines()
    assert re.fullmatch(
        r"there is not empty: a dump that is in it will be replaced\. Go on\? \[y/N\]( [ny])?", asked
    ), screen.text
    assert not re.search("[\u2800-\u28ff]", screen.text)  # no spinner
    assert rest == {2: ["dbfleet: nothing was changed"], 130: ["dbfleet: interrupted"]}.get(code, rest)


@pytest.mark.parametrize("columns", WIDTHS)
def test_what_up_leaves_out_is_told_whole(shell: Shell, look: Look, columns: int) -> None:
    names = ("cassandra", "neo4j", "sqlserver", "sqlite")
    (shell.folder / "dbfleet.toml").write_text("".join(f"[targets.{name}]\n" for name in names))
    shell.environment["DBFLEET_RUNTIME"] = "process"
    screen = look(columns, "up")
    assert screen.code == 0, screen.text
    hold("up", columns, screen.text)


@pytest.mark.parametrize("columns", WIDTHS)
def test_what_a_copy_leaves_on_the_screen(shop: Shell, look: Look, columns: int) -> None:
    screen = look(columns, "copy", A, "sqlite:///new.db", "articles", "--verify")
    assert screen.code == 0, screen.text
    hold("copy", columns, screen.text)


def test_query_says_that_it_waits_for_the_statement(look: Look) -> None:
    screen = look(80, "query", "shop", "-", typed=b"select 41 + 1 as n\n\x04")
    assert "Ctrl-D" in screen.text
    assert re.search(r"^42$", screen.text.replace(" ", ""), re.MULTILINE)
    assert screen.code == 0


def test_no_word_is_broken_however_narrow_the_terminal_is(shop: Shell, look: Look) -> None:
    whole = set(re.findall(r"\S+", shop("copy", A, "sqlite:///n.db", "--dry-run", "-v").err))
    for columns in (40, 60, 80):
        assert set(re.findall(r"\S+", look(columns, "copy", A, "sqlite:///n.db", "--dry-run", "-v").text)) == whole


def test_an_interrupted_copy_says_how_far_it_came_and_leaves_no_spinner(shop: Shell, look: Look) -> None:
    shop.ok("seed", "sqlite:///big.db", "--rows", "150000", "--yes")
    screen = look(80, "copy", "sqlite:///big.db", "sqlite:///cut.db", interrupt_at="rows/s")
    assert screen.code == 130, screen.text
    assert re.search(r"stopped at [\d,]+ of [\d,]+ rows$", screen.text, re.MULTILINE), screen.text
    assert "--resume goes on from here" in screen.text
    assert not re.search("[\u2800-\u28ff]", screen.text)
    assert screen.text.endswith("\ndbfleet: interrupted\n")
    assert "\x1b[?25h" in screen.sent.rpartition("\x1b[?25l")[2]  # the cursor is shown again
