"""What no shell is kept from giving: arguments that are no text, streams that are closed, a place and an environment
that are broken. Each is answered with a documented code; none is a bug.

DBFLEET_FUZZ says how many command lines are made up (40).
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from command_line import Ran, Shell
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FUZZ = int(os.environ.get("DBFLEET_FUZZ", "40"))


def run(
    shell: Shell,
    *arguments: str | bytes,
    env: Mapping[str, str] | None = None,
    before: Callable[[], object] | None = None,
    stdin: bytes = b"",
    closed: tuple[int, ...] = (),
) -> Ran:
    def prepare() -> None:
        for descriptor in closed:
            os.close(descriptor)
        if before:
            before()

    ran = subprocess.run(
        [sys.executable, "-m", "dbfleet", *arguments],
        cwd=shell.folder,
        env={**shell.environment, **(env or {})},
        input=stdin,
        capture_output=True,
        preexec_fn=prepare,
        timeout=120,
    )
    found = Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode(errors="replace"))
    for word in ("Traceback", "Exception ignored", "a bug in dbfleet"):
        assert word not in found.err, (arguments, found)
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        ("query", "shop", b"sel\xffect 1"),
        ("query", "shop", b"select '\xff'"),
        ("query", "postgres://u@127.0.0.1:1/d", b"select '\xff'"),
        ("query", "shop", "select :a", "--param", b"a=\xff"),
        ("query", "shop", "select :a", "--param", b'a:json="\xff"'),
        ("query", "shop", "select :a", "--param", r'a:json="\ud800"'),
        ("query", "shop", "select :a", "--param", r'a:json={"\ud800": 1}'),
        ("query", b"postgres://u:\xff@127.0.0.1:1/d", "select 1"),
        ("query", b"couchdb://u:\xff@127.0.0.1:1/d", "people {}"),
        ("diff", "shop", "shop", "--where", b"name = '\xff'"),
        (b"\xff",),
        ("query", b"--\xff"),
        ("query", b"\xff", "select 1"),
    ],
)
def test_an_argument_that_is_not_utf8(shell: Shell, arguments: tuple[str | bytes, ...]) -> None:
    assert run(shell, *arguments).code == 2


def test_a_statement_with_a_nul(shell: Shell) -> None:
    assert run(shell, "query", "shop", "-", stdin=b"select 1\0; select 2;").code == 5


def test_a_path_may_be_any_bytes(shell: Shell) -> None:
    assert run(shell, "dump", "shop", "-o", b"\xff.dump").code == 0
    assert (shell.folder / os.fsdecode(b"\xff.dump")).is_dir()


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
@pytest.mark.parametrize(
    "arguments", [("query", "shop", "select 1"), ("query", "shop", "-"), ("--help",), ("nonsense",)]
)
def test_closed_streams(shell: Shell, closed: tuple[int, ...], arguments: tuple[str, ...]) -> None:
    ran = run(shell, *arguments, closed=closed)
    if 1 in closed and arguments[0] == "query" and arguments[2] != "-":
        assert ran.code == 7
    else:
        assert ran.code in (0, 2, 7)


@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C", "LANG": "C"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"PYTHONIOENCODING": "latin-1"},
        {"COLUMNS": "0", "TERM": ""},
        {"COLUMNS": "nonsense", "TERM": "nonsense", "TZ": "Nowhere/else"},
    ],
    ids=str,
)
def test_output_is_utf8_in_every_locale(shell: Shell, env: dict[str, str]) -> None:
    for form in ("jsonl", "table", "csv"):
        ran = run(shell, "query", "shop", "select 'ä€😀' as x", "--format", form, env=env)
        assert ran.code == 0, ran
        assert "ä€😀" in ran.out
    assert run(shell, "ä€😀", env=env).code == 2


def test_a_folder_that_is_gone(shell: Shell, tmp_path: Path) -> None:
    gone = tmp_path / "gone"

    def leave() -> None:
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()

    for arguments in (("query", "shop", "select 1"), ("status",), ("init",), ("config", "show")):
        assert run(shell, *arguments, before=leave).code == 2
    assert run(shell, "--help", before=leave).code == 0


@pytest.mark.parametrize("most", [8, 12, 20])
def test_few_file_descriptors(shell: Shell, most: int) -> None:
    for command in (("query", "shop", "select 1"), ("digest", "shop"), ("seed", f"sqlite:///{most}.db", "--rows", "1")):
        ran = run(shell, *command, before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)))
        assert ran.code in (0, 3, 7), ran


_KNOWN = """
query digest describe ls dump load copy diff seed health status engines up down logs url where doctor config show init
help env shell stop restart shop nowhere sqlite:///shop.db sqlite:/// postgres://@:0/ redis://127.0.0.1:1/x
mongodb://127.0.0.1:1/?a=%zz shop.people shop#people sqlite:///shop.db#people - -- --yes --dry-run --format jsonl json
nonsense --rows 0 -1 1e9 nan --where 1=1 id=' --param a=1 a:int=x --columns , --ignore --strict --verify --timeout 0.001
--mode replace --key --jobs --sync --stats --resume -o out -q -v --fleet --runtime process docker --help -h --version
--file --ejson --consistency ONE
"""
_WORD = st.one_of(
    st.sampled_from(_KNOWN.split()),
    st.text(max_size=8).filter(lambda text: "\0" not in text),
)


@settings(max_examples=FUZZ, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(_WORD, max_size=6))
def test_made_up_command_lines(shell: Shell, words: list[str]) -> None:
    environment = {"DBFLEET_RUNTIME": "process", "PATH": "/nowhere"}
    if not {"up", "restart", "shell", "down", "stop"} & set(words):
        ran = run(shell, *(word.encode("utf-8", "replace") for word in words), env=environment)
        assert ran.code in range(9), (words, ran)
