"""`query` and its neighbours as a user types them: a real process, real signals, a real SQLite file."""

from __future__ import annotations

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import psutil
import pytest
from command_line import Shell

from dbfleet.cli import render
from dbfleet.errors import Unavailable
from dbfleet.spec import Limits
from dbfleet.values import Type

PEOPLE = "select * from people order by id"
COUNT_FOREVER = "with recursive t(i) as (select 1 union all select i + 1 from t) select count(*) from t"
ROWS_FOREVER = "with recursive t(i) as (select 1 union all select i + 1 from t) select i from t"


# --- formats ---


def test_rows_are_json_lines_in_a_pipe(shell: Shell) -> None:
    assert shell.ok("query", "shop", PEOPLE).splitlines() == [
        '{"id":1,"name":"Ann","age":41}',
        '{"id":2,"name":"Bob","age":null}',
        '{"id":3,"name":"","age":7}',
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("csv", 'id,name,age\n1,Ann,41\n2,Bob,\n3,"",7\n'),
        ("tsv", "id\tname\tage\n1\tAnn\t41\n2\tBob\t\\N\n3\t\t7\n"),
        ("json", '[\n{"id":1,"name":"Ann","age":41},\n{"id":2,"name":"Bob","age":null},\n'
                 '{"id":3,"name":"","age":7}\n]\n'),
        ("markdown", "| id | name | age |\n| --- | --- | --- |\n| 1 | Ann | 41 |\n| 2 | Bob | NULL |\n| 3 |  | 7 |\n"),
        ("table", 'id │ name │  age\n───┼──────┼─────\n 1 │ Ann  │   41\n 2 │ Bob  │ NULL\n 3 │ ""   │    7\n'),
    ],
)  # fmt: skip
def test_format_decides(shell: Shell, name: str, expected: str) -> None:
    assert shell.ok("query", "shop", PEOPLE, "--format", name) == expected


def test_an_unknown_format_is_refused_before_anything_runs(shell: Shell) -> None:
    ran = shell("query", "shop", "delete from people", "--format", "cvs")
    assert ran.code == 2
    assert "did you mean csv?" in ran.err
    assert shell.ok("query", "shop", "select count(*) as n from people") == '{"n":3}\n'


def test_several_statements_give_several_results(shell: Shell) -> None:
    assert shell.ok("query", "shop", "select 1 as a; select 2 as b", "--format", "csv") == "a\n1\n\nb\n2\n"


# --- where the statement comes from ---


def test_the_statement_comes_from_stdin(shell: Shell) -> None:
    assert shell.ok("query", "shop", "-", stdin="select 'grün' as t".encode()) == '{"t":"grün"}\n'


def test_the_statement_comes_from_a_file(shell: Shell) -> None:
    (shell.folder / "q.sql").write_bytes(b"\xef\xbb\xbfselect 1 as n")  # with the mark that some editors write
    assert shell.ok("query", "shop", "--file", "q.sql") == '{"n":1}\n'


@pytest.mark.parametrize(
    ("arguments", "stdin", "says"),
    [
        (("query", "shop", "-"), b"select '\xff'", "byte 8 is 0xff"),
        (("query", "shop", "-"), b"", "empty"),
        (("query", "shop", " \n "), None, "empty"),
        (("query", "shop", ";"), None, "empty"),
        (("query", "shop"), None, "what is to be asked?"),
        (("query", "shop", "select 1", "--file", "x"), None, "only one"),
        (("query", "shop", "--file", "nowhere.sql"), None, "nowhere.sql"),
        (("query", "shp", "select 1"), None, "did you mean shop?"),
        (("query", "shop,", "select 1"), None, "comma"),
        (("query", "shop.people", "select 1"), None, "names a collection"),
        (("query", "--fromat", "csv", "shop", "select 1"), None, "--format"),
        (("qurey", "shop", "select 1"), None, "did you mean query?"),
        (("query", "shop", "select 1", "--timeout", "-1"), None, "timeout"),
        (("ls", "shopp"), None, "did you mean shop?"),
        (("engines", "postgrs"), None, "did you mean postgres?"),
    ],
)
def test_what_cannot_be_meant_is_exit_2_with_a_word_on_how_to_mean_it(
    shell: Shell, arguments: tuple[str, ...], stdin: bytes | None, says: str
) -> None:
    ran = shell(*arguments, stdin=stdin)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert "Traceback" not in ran.err


# --- parameters ---


def test_parameters_are_bound_and_never_spliced(shell: Shell) -> None:
    out = shell.ok("query", "shop", "select :a as a, :n + 1 as n", "-p", "a='; drop table people", "-p", "n:int=41")
    assert json.loads(out) == {"a": "'; drop table people", "n": 42}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("v=5", "5"),
        ("v=", ""),
        ("v=a=b", "a=b"),
        ("v:bool=true", 1),
        ("v:float=1.5", 1.5),
        ("v:null=", None),
        ("v:date=2024-02-29", "2024-02-29"),
    ],
)
def test_a_parameter_has_the_type_that_it_was_given(shell: Shell, typed: str, expected: object) -> None:
    assert json.loads(shell.ok("query", "shop", "select :v as v", "--param", typed)) == {"v": expected}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-p", "n:int=x"), "'x' is not of type int"),
        (("-p", "n:itn=1"), "did you mean int?"),
        (("-p", "n"), "name=value"),
        (("-p", "n=1", "-p", "n=2"), "twice"),
        (("-p", "n:decimal=1,5"), "not of type decimal"),
        (("-p", "m=1", "-p", "n=1"), "no :m"),
        ((), "no value for it"),
    ],
)
def test_a_parameter_that_cannot_be_meant_is_exit_2(shell: Shell, arguments: tuple[str, ...], says: str) -> None:
    ran = shell("query", "shop", "select :n as n", *arguments)
    assert ran.code == 2
    assert says in ran.err


# --- several targets ---


def test_several_targets_are_asked_and_each_row_says_whose_it_is(shell: Shell) -> None:
    (shell.folder / "dbfleet.toml").write_text(
        '[targets.one]\nurl = "sqlite:///shop.db"\n[targets.two]\nurl = "sqlite:///shop.db"\n'
    )
    assert shell.ok("query", "two,one", "select count(*) as n from people", "--format", "csv") == (
        "target,n\ntwo,3\none,3\n"
    )
    assert shell.ok("query", "one,two", "select id as target from people where id = 1") == (
        '{"target":"one","target_2":1}\n{"target":"two","target_2":1}\n'
    )


def test_a_target_that_fails_does_not_stop_the_others(shell: Shell) -> None:
    (shell.folder / "dbfleet.toml").write_text(
        '[targets.lost]\nurl = "sqlite:///lost.db"\n[targets.shop]\nurl = "sqlite:///shop.db"\n'
    )
    ran = shell("query", "lost,shop", "select 1 as n")
    assert (ran.code, ran.out) == (8, '{"target":"shop","n":1}\n')
    assert "1 of 2 targets failed" in ran.err
    assert "lost: no file" in ran.err


def test_for_reading_only_nothing_is_changed(shell: Shell) -> None:
    assert shell.ok("query", "shop", PEOPLE, "--read-only") == shell.ok("query", "shop", PEOPLE)
    for text in ("delete from people", "select 1; delete from people", "pragma query_only = 0; delete from people"):
        ran = shell("query", "shop", text, "--read-only")
        assert ran.code == 5
        assert "readonly" in ran.err
    assert len(shell.ok("query", "shop", PEOPLE).splitlines()) == 3


def test_for_reading_only_several_targets_are_asked_where_it_holds_for_all(shell: Shell) -> None:
    found = shell.ok("query", "shop,shop", "select count(*) as n from people", "--read-only")
    assert found == '{"target":"shop","n":3}\n' * 2
    ran = shell("query", "shop,postgresql://me:secret@127.0.0.1:1/db", "select 1", "--read-only")
    assert (ran.code, ran.out) == (6, "")
    assert "not enforced" in ran.err
    assert "ro_url" in ran.err
    assert "secret" not in ran.err


def test_a_file_has_no_url_for_reading_only(shell: Shell) -> None:
    ran = shell("url", "shop", "--read-only")
    assert (ran.code, ran.out) == (6, "")
    assert "query --read-only" in ran.err


def test_targets_without_a_common_language_are_refused(shell: Shell) -> None:
    ran = shell("query", "shop,redis://127.0.0.1:1", "select 1")
    assert ran.code == 2
    assert "no language in common" in ran.err


# --- what only some engines have ---


def test_an_option_of_another_engine_is_refused_by_name_before_anything_runs(shell: Shell) -> None:
    ran = shell("query", "shop", "delete from people", "--consistency", "QUORUM")
    assert ran.code == 6
    assert "SQLite has no consistency" in ran.err
    assert "--consistency is for cassandra" in ran.err
    assert shell.ok("query", "shop", "select count(*) as n from people") == '{"n":3}\n'


def test_an_unknown_consistency_is_refused_before_anybody_is_asked(shell: Shell) -> None:
    ran = shell("query", "cassandra://127.0.0.1:1/shop", "select 1", "--consistency", "quorom")
    assert ran.code == 2
    assert "QUORUM" in ran.err


def test_a_collection_beside_the_text_is_refused_where_the_language_takes_none(shell: Shell) -> None:
    ran = shell("query", "shop.people", "delete from people")
    assert ran.code == 2
    assert "shop.people names a collection, and SQLite takes none beside the text" in ran.err
    assert "name people in the statement" in ran.err
    assert shell.ok("query", "shop", "select count(*) as n from people") == '{"n":3}\n'


# --- exit codes and the narration ---


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("query", "shop", "selec 1"), 5),
        (("query", "shop", "select * from nowhere"), 5),
        (("query", "sqlite:///missing.db", "select 1"), 3),
        (("query", "redis://127.0.0.1:1", "PING"), 3),
        (("query", "shop", "select 1", "--ejson"), 6),
        (("describe", "shop.nowhere"), 5),
        (("digest", "shop.nowhere"), 5),
        (("query", "shop", COUNT_FOREVER, "--timeout", "0.5"), 4),
    ],
)
def test_an_error_is_one_short_paragraph_and_its_exit_code(shell: Shell, arguments: tuple[str, ...], code: int) -> None:
    ran = shell(*arguments)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("dbfleet: ")
    assert len(ran.err.splitlines()) <= 2


def test_counts_go_to_stderr_and_quiet_silences_them(shell: Shell) -> None:
    ran = shell("query", "shop", "update people set age = 1")
    assert (ran.code, ran.out, ran.err) == (0, "", "3 rows affected\n")
    assert shell("query", "shop", "update people set age = 2", "--quiet").err == ""
    assert shell("--quiet", "query", "shop", "update people set age = 3").err == ""


def test_a_password_is_never_echoed(shell: Shell) -> None:
    for url in ("postgres://u:s3cr3t@127.0.0.1:1/x", "nowhere://u:s3cr3t@h/x", "postgres://u:s3cr3t@h:port/x"):
        ran = shell("query", url, "select 1")
        assert ran.code in (2, 3)
        assert "s3cr3t" not in ran.out + ran.err


def test_an_at_sign_in_an_error_hides_nothing_but_logins(capsys: pytest.CaptureFixture[str]) -> None:
    said = "Access denied for user 'ann'@'10.0.0.1', see mysql://ann:s3cr3t@h/x"
    render.complain_of(Unavailable(said, target="mysql://127.0.0.1:3306/x"))
    words = capsys.readouterr().err
    assert words == "dbfleet: mysql://127.0.0.1:3306/x: Access denied for user 'ann'@'10.0.0.1', see mysql://***@h/x\n"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("query", "redis://127.0.0.1:1", "PING"), "check host, port, user, password and database"),
        (("query", "redis", "PING"), "dbfleet up redis starts it"),
        (("query", "redis:/u:s3cr3t@h", "PING"), "a URL begins with engine://"),
        (("describe", "shop.peple"), "did you mean people?"),
        (("digest", "shop.peple"), "did you mean people?"),
        (("describe", "shop.zebras"), "dbfleet ls shop lists what there is"),
        (("query", "shop", "select 1", "--timeout", "soon"), "--help shows what it takes"),
        (("query", "shop", "select 1", "--timeout", "inf"), "--help shows what it takes"),
        (("health", "--watch", "--interval", "nan"), "--help shows what it takes"),
    ],
)
def test_an_error_says_what_to_do_next(shell: Shell, arguments: tuple[str, ...], hint: str) -> None:
    if arguments[1] == "redis":
        (shell.folder / "dbfleet.toml").write_text("[targets.redis]\nport = 1\n")
    ran = shell(*arguments)
    assert ran.code in (2, 3, 5)
    assert hint in ran.err.splitlines()[1]


def test_a_control_character_in_an_error_is_shown_and_not_sent(shell: Shell) -> None:
    ran = shell("query", "shop", 'select * from "\x1b[31mred"')
    assert ran.code == 5
    assert "\x1b" not in ran.err


def test_a_bug_is_exit_70_with_a_traceback_only_on_request(shell: Shell) -> None:
    (shell.folder / "broken.py").write_text(
        "import dbfleet.ops.engines as op, sys\nfrom dbfleet.cli.exit import main\n"
        "def engines(names): raise ZeroDivisionError('oh')\nop.engines = engines\nsys.exit(main(sys.argv[1:]))\n"
    )

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "broken.py", *options, "engines"]
        return subprocess.run(command, cwd=shell.folder, env=shell.environment, capture_output=True, text=True)

    ran = run()
    assert ran.returncode == 70
    assert "this is a bug in dbfleet: ZeroDivisionError: oh" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "Traceback" in run("--verbose").stderr


# --- stdout that ends early ---


def test_a_reader_that_goes_away_ends_it_quietly_with_141(shell: Shell) -> None:
    with shell.start("query", "shop", ROWS_FOREVER) as child:
        assert child.stdout
        assert child.stderr
        assert child.stdout.readline() == b'{"i":1}\n'
        child.stdout.close()
        assert (child.wait(10), child.stderr.read()) == (141, b"")


@pytest.mark.parametrize("name", ["jsonl", "csv", "table"])
def test_a_full_disk_is_exit_7(shell: Shell, name: str) -> None:
    with open("/dev/full", "wb") as full, shell.start("query", "shop", PEOPLE, "--format", name, stdout=full) as child:
        assert child.stderr
        err = child.stderr.read().decode()
        assert child.wait(10) == 7
    assert "No space left" in err
    assert "Traceback" not in err


def test_a_closed_stdout_is_exit_7(shell: Shell) -> None:
    command = f'"{sys.executable}" -m dbfleet query shop "select 1" >&-'
    ran = subprocess.run(["sh", "-c", command], cwd=shell.folder, env=shell.environment, capture_output=True, text=True)
    assert (ran.returncode, "Traceback" in ran.stderr) == (7, False)


def test_a_help_that_nobody_reads_is_quiet(shell: Shell) -> None:
    command = f'"{sys.executable}" -m dbfleet --help; echo $? >&2'
    with subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout
        assert child.stderr
        child.stdout.close()
        assert child.stderr.read() == "141\n"


# --- signals ---


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["interrupt", "terminate"]
)
@pytest.mark.parametrize("statement", [COUNT_FOREVER, ROWS_FOREVER], ids=["no-row-yet", "streaming"])
def test_a_signal_stops_the_statement_and_ends_it(shell: Shell, statement: str, number: int, code: int) -> None:
    with shell.start("query", "shop", statement, stdout=subprocess.DEVNULL) as child:
        assert child.stderr
        reading = psutil.Process(child.pid)
        while not any(each.path.endswith("shop.db") for each in reading.open_files()):
            assert child.poll() is None, child.stderr.read()
            time.sleep(0.02)
        time.sleep(0.2)  # in the midst of the statement, which never ends by itself
        child.send_signal(number)
        assert child.wait(60) == code
        assert child.stderr.read() == b"dbfleet: interrupted\n"


# --- a terminal ---


def _on_a_terminal(shell: Shell, *arguments: str, **environment: str) -> str:
    """What a terminal of 80 columns is sent."""
    leader, follower = pty.openpty()
    shell = Shell(shell.folder, {**shell.environment, "TERM": "xterm", **environment})
    try:
        with shell.start(*arguments, stdout=follower, stderr=follower) as child:
            os.close(follower)
            found = b""
            while True:
                try:
                    piece = os.read(leader, 65536)
                except OSError:  # the other side is closed
                    break
                if not piece:
                    break
                found += piece
            assert child.wait(60) == 0
    finally:
        os.close(leader)
    return found.decode().replace("\r\n", "\n")


def test_a_terminal_gets_a_table_with_the_number_of_rows(shell: Shell) -> None:
    lines = _on_a_terminal(shell, "query", "shop", PEOPLE, NO_COLOR="1").splitlines()
    assert lines[:2] == ["id │ name │  age", "───┼──────┼─────"]
    assert lines[-1].startswith("3 rows in ")


def test_no_color_wins_over_force_color_and_the_terminal(shell: Shell) -> None:
    assert "\x1b[" in _on_a_terminal(shell, "query", "shop", PEOPLE)
    assert "\x1b[" not in _on_a_terminal(shell, "query", "shop", PEOPLE, NO_COLOR="1", FORCE_COLOR="1")
    forced = shell("query", "shop", PEOPLE, "--format", "table", env={"FORCE_COLOR": "1"})
    assert "\x1b[" in forced.out


def test_many_rows_on_a_terminal_stream_and_are_all_there(shell: Shell) -> None:
    statement = (
        "with recursive t(i) as (select 1 union all select i + 1 from t limit 20000) select i, 'ünï' as t from t"
    )
    lines = _on_a_terminal(shell, "query", "shop", statement, NO_COLOR="1").splitlines()
    assert sum(line.endswith("ünï") for line in lines) == 20000
    assert max(map(len, lines)) < 80


# --- ls, describe, digest, engines ---


def test_ls_lists_collections_and_counts_on_request(shell: Shell) -> None:
    assert shell.ok("ls", "shop") == '{"target":"shop","collection":"people"}\n'
    assert shell.ok("ls", "shop", "--count") == '{"target":"shop","collection":"people","rows":3}\n'


def test_describe_tells_types_keys_and_references(shell: Shell) -> None:
    shell.ok("query", "shop", "create table pets (owner integer references people (id), name text, primary key (name))")
    found = [json.loads(line) for line in shell.ok("describe", "shop.pets").splitlines()]
    assert [(each["column"], each["type"], each["key"], each["references"]) for each in found] == [
        ("owner", "int", None, "people.id"),
        ("name", "text", 1, None),
    ]
    everything = shell.ok("describe", "shop").splitlines()
    assert [json.loads(line)["collection"] for line in everything] == ["people"] * 3 + ["pets"] * 2


def test_digest_is_the_definition(shell: Shell) -> None:
    from dbfleet.values import Column, Type, digest_rows

    columns = [Column("id", Type.INT), Column("name", Type.TEXT), Column("age", Type.INT)]
    expected = digest_rows(columns, [[(1, "Ann", 41), (2, "Bob", None), (3, "", 7)]])
    record = json.loads(shell.ok("digest", "shop.people"))
    assert record.pop("seconds") >= 0
    assert record == {"target": "shop", "collection": "people", "rows": 3, "rejected": 0, "digest": str(expected)}
    assert shell.ok("digest", "sqlite:///shop.db#people", "--format", "csv").splitlines()[1].endswith(str(expected))


def test_what_fails_at_once_leaves_stdout_empty_in_every_format(shell: Shell) -> None:
    for name in ("table", "jsonl", "json", "csv", "tsv", "markdown"):
        ran = shell("describe", "shop.nowhere", "--format", name)
        assert (ran.code, ran.out) == (5, "")


def test_digests_that_are_done_are_shown_before_the_error_that_names_its_collection(shell: Shell) -> None:
    with closing(sqlite3.connect(shell.folder / "shop.db")) as connection:
        connection.executescript("create view torn as select abs(-9223372036854775808) as n")  # no such integer
    ran = shell("digest", "shop")
    assert ran.code == 5
    assert [json.loads(line)["collection"] for line in ran.out.splitlines()] == ["people"]
    assert ran.err.startswith("dbfleet: shop: ")
    assert "torn" in ran.err


def test_a_collection_without_a_digest_does_not_hide_those_behind_it(shell: Shell) -> None:
    with closing(sqlite3.connect(shell.folder / "shop.db")) as connection:
        connection.executescript(
            "create view broken as select abs(-9223372036854775808) as n; create view torn as select * from broken;"
        )
    ran = shell("digest", "shop")
    assert ran.code == 5
    assert [json.loads(line)["collection"] for line in ran.out.splitlines()] == ["people"]
    assert "2 collections have no digest" in ran.err
    assert "broken" in ran.err
    assert "torn" in ran.err


def test_the_matrix_has_a_cell_for_every_pair_and_a_line_for_every_type_of_one(shell: Shell) -> None:
    from dbfleet import registry

    cells = [json.loads(line) for line in shell.ok("engines", "--matrix").splitlines()]
    names = list(registry.names())
    assert [(each["source"], each["sink"]) for each in cells] == [(a, b) for a in names for b in names]
    assert list(cells[0]) == ["source", "sink", "fidelity", "types", "not_exact", "proven", "on"]
    assert all(each["proven"] is None or len(each["on"]) == 2 for each in cells)
    lines = [json.loads(line) for line in shell.ok("engines", "--matrix", "pg", "sqlite").splitlines()]
    (cell,) = [each for each in cells if (each["source"], each["sink"]) == ("postgres", "sqlite")]
    assert len(lines) == cell["types"]
    assert sum(each["fidelity"] not in ("native", "exact") for each in lines) == cell["not_exact"]
    interval = next(each for each in lines if each["type"] == "interval")
    assert (interval["becomes"], interval["fidelity"], interval["note"]) == ("text", "as text", "interval, as text")
    row = shell.ok("engines", "--matrix", "redis", "--format", "csv").splitlines()
    assert len(row) == len(names) + 1
    assert shell("engines", "--matrix", "pg", "sqlite", "redis").code == 2
    assert shell("engines", "--matrix", "pgg").code == 2


def test_engines_tells_what_every_engine_declares(shell: Shell) -> None:
    from dbfleet import registry

    found = [json.loads(line) for line in shell.ok("engines").splitlines()]
    assert [each["engine"] for each in found] == list(registry.names())
    assert list(found[0])[:1] == ["engine"]
    for each in found:
        assert {"paradigm", "capabilities", "limits", "types", "verified_on"} <= each.keys()
        assert list(each["limits"]) == [field.name for field in fields(Limits)]
        assert set(each["types"]) == set(Type)
    sqlserver = next(each["limits"] for each in found if each["engine"] == "sqlserver")
    assert (sqlserver["trailing_blanks_in_key"], sqlserver["subnormal_floats"], sqlserver["text_length"]) == (
        False, False, None,
    )  # fmt: skip
    table = shell.ok("engines", "sqlserver", "--format", "table")
    assert "no trailing_blanks_in_key" in table
    assert "no subnormal_floats" in table
    assert ", finite_floats, " in table
    assert json.loads(shell.ok("engines", "pg"))["engine"] == "postgres"


def test_memory_is_flat_however_many_rows(shell: Shell, tmp_path: Path) -> None:
    def peak_mb(rows: int) -> float:
        statement = ROWS_FOREVER + f" limit {rows}"
        code = (
            "import resource, sys\nfrom dbfleet.cli.exit import main\n"
            f"code = main(['query', 'shop', '{statement}', '--format', 'csv'])\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\nsys.exit(code)\n"
        )
        command = [sys.executable, "-c", code]
        ran = subprocess.run(
            command, cwd=shell.folder, env=shell.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert ran.returncode == 0
        return int(ran.stderr.split()[-1]) / 1024

    assert peak_mb(300_000) < peak_mb(3_000) + 10
