"""dump and load as people and scripts use them, in real processes; servers that die meanwhile; signals."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from command_line import Shell

from dbfleet import registry

ROWS = 150_000


def records(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


# --- one file, no server -------------------------------------------------------------------------------------------


def test_dump_and_load_give_records_and_keep_the_digest(shell: Shell) -> None:
    (dumped,) = records(shell.ok("dump", "shop", "-o", "d"))
    assert list(dumped) == ["target", "collection", "rows", "rejected", "seconds", "digest"]
    assert sorted(path.name for path in (shell.folder / "d").iterdir()) == [
        "manifest.json", "people.jsonl", "schema.json",
    ]  # fmt: skip
    ran = shell("load", "sqlite:///copy.db", "d", "--verify")
    assert ran.code == 0, ran
    (loaded,) = records(ran.out)
    assert loaded["digest"] == dumped["digest"]
    assert "people: create from" in ran.err


def test_stdout_takes_one_collection_and_nothing_else(shell: Shell) -> None:
    ran = shell("dump", "shop.people", "-o", "-")
    assert records(ran.out)[0] == {"id": 1, "name": "Ann", "age": 41}
    assert shell("dump", "shop", "-o", "-").code == 2
    assert shell.ok("dump", "shop", "people", "-o", "-", "--format", "csv") == 'id,name,age\n1,Ann,41\n2,Bob,\n3,"",7\n'


def test_a_compressed_stream_is_a_file_that_gzip_reads(shell: Shell) -> None:
    with shell.start("dump", "shop.people", "-o", "-", "--compress", "gzip") as child:
        out, _ = child.communicate(timeout=60)
    assert gzip.decompress(out).count(b"\n") == 3
    (shell.folder / "again.jsonl.gz").write_bytes(out)
    assert records(shell.ok("load", "sqlite:///copy.db", "again.jsonl.gz"))[0]["rows"] == 3


def test_a_pipe_from_dump_into_load(shell: Shell) -> None:
    out = shell.ok("dump", "shop.people", "-o", "-", "--format", "csv")
    ran = shell("load", "sqlite:///copy.db#people", "-", "--format", "csv", stdin=out.encode())
    assert ran.code == 0, ran
    assert "age  int" in ran.err  # what was inferred is shown
    assert shell("diff", "shop.people", "sqlite:///copy.db#people").code in (0, 1)


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "said"),
    [
        (["dump", "shop", "-o", "d", "--format", "jsnl"], None, 2, "did you mean jsonl"),
        (["dump", "shop", "-o", "d", "--compress", "xz"], None, 2, "gzip, zstd"),
        (["dump", "shop", "peple", "-o", "d"], None, 5, "did you mean people"),
        (["load", "shop", "nowhere"], None, 2, "nowhere is not there"),
        (["load", "shop", "-"], b"{}", 2, "stdin has no name"),
        (["load", "shop.x", "-"], b'{"a":"\xff"}\n', 2, "not UTF-8"),
        (["load", "shop.people", "-"], b'{"id":1}\n', 5, "UNIQUE"),
        (["load", "shop.people", "-", "--mode", "replace"], b'{"id":1}\n', 2, "Nobody can be asked"),
        (["load", "shop.people", "-", "--rejected", "r.jsonl"], b'{"id":1}\n{"id":9}\n', 5, "r.jsonl lists them"),
        (["load", "shop.people", "-", "--mode", "upsertt"], b'{"id":1}\n', 2, "upsert"),
    ],
)
def test_exit_codes(shell: Shell, arguments: list[str], stdin: bytes | None, code: int, said: str) -> None:
    ran = shell(*arguments, stdin=stdin)
    assert (ran.code, said in ran.err) == (code, True), ran


# --- a server that dies, and signals -------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path, shell: Shell) -> Iterator[Shell]:
    """A PostgreSQL of this test's own, which holds a table big enough to be caught in the middle."""
    local = registry.spec("postgres").local
    if local is None or local.bundled is None or local.bundled() is None:
        pytest.skip("an extra is not installed")
    (shell.folder / "dbfleet.toml").unlink()
    shell.environment |= {"DBFLEET_RUNTIME": "process"}
    shell.ok("up", "postgres")
    shell.ok("query", "postgres", "create table big (id int primary key, note text)")
    shell.ok(
        "query", "postgres",
        f"insert into big select n, repeat(md5(n::text), 8) from generate_series(1, {ROWS}) n",
    )  # fmt: skip
    yield shell
    shell("down", "postgres", "--volumes", "--yes")


def postmaster(shell: Shell) -> psutil.Process:
    """Whoever listens on the port that the fleet remembers."""
    (state,) = (shell.folder / "state").glob("*/state.json")
    port = json.loads(state.read_text())["targets"]["postgres"]["port"]
    for found in psutil.net_connections("tcp"):
        if found.status == psutil.CONN_LISTEN and found.laddr.port == port and found.pid:
            process = psutil.Process(found.pid)
            while (parent := process.parent()) and parent.name() == process.name():
                process = parent
            return process
    raise AssertionError("no postmaster")


def kill(server: psutil.Process) -> None:
    """The server ends at once and tells nobody; its lock file stays, and names a zombie where nobody reaps. Its
    processes do, too: one that is busy would not notice for a while."""
    for process in [server, *server.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def wait_until(done: object, child: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and child.poll() is None:
        if done():  # type: ignore[operator]
            return
        time.sleep(0.005)
    raise AssertionError(f"it came to nothing: {child.poll()}, {child.communicate()}")


def test_a_server_that_dies_during_a_dump_or_a_load(server: Shell) -> None:
    there = server.folder / "d"

    def has_begun() -> bool:
        return any(path.stat().st_size > 100_000 for path in there.glob("*.partial"))

    process = postmaster(server)  # looked for now: it takes as long as the dump
    with server.start("dump", "postgres", "-o", "d") as child:
        wait_until(has_begun, child)
        kill(process)
        _, err = child.communicate(timeout=60)
    assert child.returncode == 3, err
    assert b"postgres" in err
    assert not there.exists()
    server.ok("up", "postgres")
    (dumped,) = records(server.ok("dump", "postgres", "-o", "d"))
    assert dumped["rows"] == ROWS
    server.ok("query", "postgres", "drop table big")

    process = postmaster(server)
    with server.start("load", "postgres", "d") as child:
        wait_until(lambda: is_writing(server), child)
        kill(process)
        _, err = child.communicate(timeout=60)
    assert child.returncode == 3, err
    server.ok("up", "postgres")
    # What the load had made is there and empty, as its rows never were.
    (loaded,) = records(server.ok("load", "postgres", "d", "--verify"))
    assert (loaded["rows"], loaded["digest"]) == (ROWS, dumped["digest"])


def is_writing(shell: Shell) -> bool:
    """Whether a backend copies in, by its title."""
    for each in postmaster(shell).children():
        try:
            if "COPY" in " ".join(each.cmdline()):
                return True
        except psutil.NoSuchProcess:
            pass
    return False


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_and_the_same_command_ends_right_afterwards(server: Shell, number: int, code: int) -> None:
    there = server.folder / "d"
    with server.start("dump", "postgres", "-o", "d") as child:
        wait_until(lambda: any(path.stat().st_size > 100_000 for path in there.glob("*.partial")), child)
        os.kill(child.pid, number)
        _, err = child.communicate(timeout=60)
    assert child.returncode == code, err
    assert not there.exists()
    (dumped,) = records(server.ok("dump", "postgres", "-o", "d"))
    server.ok("query", "postgres", "drop table big")
    with server.start("load", "postgres", "d") as child:
        wait_until(lambda: is_writing(server), child)
        os.kill(child.pid, number)
        _, err = child.communicate(timeout=60)
    assert child.returncode == code, err
    assert server.ok("ls", "postgres") == ""  # what it had made is gone
    (loaded,) = records(server.ok("load", "postgres", "d", "--verify"))
    assert (loaded["rows"], loaded["digest"]) == (ROWS, dumped["digest"])


def test_a_full_disk_under_the_target_is_no_rows_fault(shell: Shell) -> None:
    """A bound on the size of files stands for a disk that is full. With --rejected, too: no row is listed as refused
    because there was no room for it."""
    import sqlite3

    shell.ok("dump", "shop", "-o", "d")
    (shell.folder / "many.jsonl").write_text("".join(f'{{"id":{n},"note":"{n:0200}"}}\n' for n in range(20_000)))
    with sqlite3.connect(shell.folder / "small.db") as small:
        small.execute("CREATE TABLE kept (id INTEGER)")
    script = "import resource, runpy, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    script += "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000,) * 2); "
    script += "runpy.run_module('dbfleet', run_name='__main__')"
    ran = subprocess.run(
        [sys.executable, "-c", script, "load", "sqlite:///small.db", "many.jsonl", "--rejected", "r.jsonl"],
        cwd=shell.folder, env=shell.environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 5, ran
    assert "nothing of this collection was written" in ran.stderr
    assert not (shell.folder / "r.jsonl").exists()
