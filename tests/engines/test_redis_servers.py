"""Servers of our own, started as the process runtime does: full, killed, loading, closed, or none at all."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis_asked import PAIR, ask, orders, rows_of

from dbfleet import registry
from dbfleet.engines.redis.local import LOCAL
from dbfleet.errors import (
    AuthFailed,
    DbfleetError,
    StatementError,
    Unavailable,
    Unsupported,
    UsageError,
)
from dbfleet.spec import ServerPlan
from dbfleet.target import Target
from dbfleet.values import Row, Schema

pytestmark = pytest.mark.engines("redis")


Start = Callable[..., Target]


def _free_port() -> int:
    """Free with the one 10000 above it, where a cluster's node listens too."""
    while True:
        port = random.randint(20000, 50000)
        with socket.socket() as free, socket.socket() as above:
            try:
                free.bind(("127.0.0.1", port))
                above.bind(("127.0.0.1", port + 10000))
            except OSError:
                continue
        return port


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a server as the process runtime does, with more settings; ended after the test."""
    folder = LOCAL.bundled() if LOCAL.bundled else None
    if folder is None:
        pytest.skip("an extra is not installed")
    root = Path(tempfile.mkdtemp(prefix="dbf"))
    running: list[subprocess.Popen[bytes]] = []

    def started(*settings: str, password: str = "s3cret") -> Target:
        port = _free_port()
        for place in ("data", "run"):
            (root / place).mkdir(exist_ok=True)
        (root / "password").write_text(password)
        plan = ServerPlan(
            {"valkey-server": folder / "valkey-server"}, root / "data", root / "run", root / "log", port, "default",
            password, root / "password", "0",
        )  # fmt: skip
        command = [os.fspath(word) for word in LOCAL.command(plan)]
        assert password not in " ".join(command)
        assert (root / "run" / "server.conf").stat().st_mode & 0o077 == 0
        with (root / "log").open("wb") as log:
            running.append(subprocess.Popen([*command, *settings], cwd=root / "data", stdout=log))
        target = Target("own", "redis", "redis", "127.0.0.1", port, "default", password, "0")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", port), 1):
                    return target
            except OSError:
                time.sleep(0.02)
        raise AssertionError((root / "log").read_text())

    started.processes = running  # type: ignore[attr-defined]
    yield started
    for process in running:
        process.kill()
        process.wait()
    shutil.rmtree(root)


def test_a_server_that_cannot_save_refuses_the_write_and_no_single_row(start: Start) -> None:
    with registry.connect(start()) as adapter:
        schema = orders("orders")
        adapter.create(schema)
        data = Path(str(ask(adapter, "CONFIG GET dir")["dir"]))
        ask(adapter, "CONFIG SET stop-writes-on-bgsave-error yes")
        ask(adapter, 'CONFIG SET save "1 1"')
        (data / "dump.rdb").unlink(missing_ok=True)
        (data / "dump.rdb" / "in the way").mkdir(parents=True)
        ask(adapter, "BGSAVE")
        until = time.monotonic() + 10
        while "rdb_last_bgsave_status:err" not in str(ask(adapter, "INFO persistence")):
            assert time.monotonic() < until
            time.sleep(0.05)
        with pytest.raises(StatementError, match="MISCONF") as caught:
            adapter.write(schema, [[(n, n, "x") for n in range(1000)]])
        assert "cannot save to its disk" in str(caught.value.hint)
        assert adapter.count("orders") == 0


def test_full_memory_rejects_rows_in_the_servers_words(start: Start) -> None:
    with registry.connect(start()) as adapter:
        schema = orders("orders")
        adapter.create(schema)
        ask(adapter, "CONFIG SET maxmemory 4mb")
        batches = ([(start + n, n, "x" * 1000) for n in range(1000)] for start in range(0, 10000, 1000))
        written = adapter.write(schema, batches)
        assert written.rows + len(written.rejected) == 10000
        assert 0 < written.rows < 5000
        assert "OOM" in written.rejected[0].reason
        assert len(rows_of(adapter, schema)) == adapter.count("orders") == written.rows
        (sets,) = ask(adapter, "EVAL \"local n = 0; for _, k in ipairs(redis.call('KEYS', 'orders:by:*')) do "
                      "n = n + redis.call('SCARD', k) end; return n\" 0")  # fmt: skip
        assert sets == written.rows
        with pytest.raises(StatementError, match="OOM") as caught:
            adapter.query("SET a :big", {"big": "x" * 1_000_000})
        assert caught.value.hint


def test_killed_server_keeps_whole_rows(start: Start) -> None:
    """After SIGKILL in the middle of a write: every row is there with its index and set, or not at all."""
    schema = orders("orders")
    with registry.connect(start()) as adapter:
        adapter.create(schema)
        process = start.processes[-1]  # type: ignore[attr-defined]

        def batches() -> Iterator[list[Row]]:
            for start_ in range(0, 1_000_000, 1000):
                if start_ == 30_000:
                    time.sleep(1.2)  # appendfsync everysec
                if start_ == 50_000:
                    process.kill()
                    process.wait()
                yield [(number, number % 100, "x") for number in range(start_, start_ + 1000)]

        with pytest.raises(Unavailable):
            adapter.write(schema, batches())
    with registry.connect(start()) as adapter:
        while True:  # it reads its append-only file
            try:
                adapter.ping()
                break
            except Unavailable as exc:
                assert "LOADING" in str(exc)  # noqa: PT017
                time.sleep(0.05)
        found = {row[0] for row in rows_of(adapter, schema)}
        assert len(found) >= 30_000
        assert adapter.count("orders") == len(found)
        members = [int(key) for n in range(100) for key in ask(adapter, f"SMEMBERS orders:by:customer_id:{n}")]
        assert sorted(members) == sorted(found)
        again = adapter.write(schema, [[(n, n % 100, "x") for n in range(40_000)]], mode="upsert")
        assert again.rows == 40_000


def test_logins_that_are_refused(start: Start) -> None:
    target = start(password='a b"\\@:/?#%')
    with registry.connect(target) as adapter:
        assert adapter.ping().product == "Valkey"
    for wrong in (
        target.with_(password="wrong"),
        target.with_(password=None),
        target.with_(user="nobody"),
        target.with_(database="99"),
        target.with_(password="wrong", options={"protocol": "2"}),
    ):
        with pytest.raises(AuthFailed) as caught:
            registry.connect(wrong)
        assert caught.value.target == "own"
    with pytest.raises(Unavailable):
        registry.connect(target.with_(port=1), timeout_s=2)


@pytest.mark.parametrize(
    "changes",
    [
        {"database": "shop"},
        {"options": {"protcol": "3"}},
        {"options": {"protocol": "4"}},
        {"options": {"ssl_keyfile": "x"}},
    ],
)
def test_urls_that_cannot_be_meant(changes: dict[str, Any]) -> None:
    target = Target("own", "redis", "redis", "127.0.0.1", 1)
    with pytest.raises(UsageError):
        registry.connect(target.with_(**changes))


def test_user_with_few_rights_gets_the_servers_words(start: Start) -> None:
    target = start()
    with registry.connect(target) as adapter:
        ask(adapter, "ACL SETUSER reader on >pw ~* +@read +@connection")
    with registry.connect(target.with_(user="reader", password="pw")) as reader:
        assert reader.ping().version[0].isdigit()  # INFO is forbidden, HELLO knows
        assert reader.collections() == []
        with pytest.raises(StatementError) as caught:
            reader.query("SET a 1")
        assert caught.value.code == "NOPERM"


def test_server_that_loads_its_data_is_not_ready_yet(start: Start) -> None:
    target = start("--appendonly", "no")
    with registry.connect(target) as adapter:
        schema = Schema("t", PAIR, ("id",))
        adapter.create(schema)
        adapter.write(schema, [[(number, "x") for number in range(1000)]])
        ask(adapter, "SAVE")
    start.processes[-1].kill()  # type: ignore[attr-defined]
    target = start("--appendonly", "no", "--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024")
    with pytest.raises(Unavailable, match="LOADING"), registry.connect(target) as adapter:
        adapter.ping()


def test_replica_says_that_it_is_one(start: Start) -> None:
    with registry.connect(start("--replicaof", "127.0.0.1", "1")) as adapter, pytest.raises(DbfleetError) as caught:
        adapter.query("SET a 1")
    assert caught.value.hint
    assert "primary" in caught.value.hint


def test_node_of_a_cluster_refuses_collections(start: Start) -> None:
    with registry.connect(start("--cluster-enabled", "yes")) as adapter:
        assert ask(adapter, "ECHO 1") == ["1"]
        assert adapter.ping().version
        with pytest.raises(Unsupported, match="Cluster"):
            adapter.collections()


def test_unix_socket(start: Start) -> None:
    target = start()
    with registry.connect(target) as adapter:
        directory = ask(adapter, "CONFIG GET dir")["dir"]
    start.processes[-1].kill()  # type: ignore[attr-defined]
    path = f"{directory}/s.sock"
    target = start("--unixsocket", path)
    by_path = Target("own", "redis", "redis+unix", password=target.password, database=path[1:], options={"db": "2"})
    with registry.connect(by_path) as adapter:
        ask(adapter, "SET a 1")
    with registry.connect(replace(target, database="2")) as adapter:
        assert ask(adapter, "GET a") == ["1"]


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", None])
def test_whoever_answers_instead_of_a_server_is_unavailable(answer: bytes | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                if answer is not None:
                    connection.sendall(answer)
                    return
                while connection.recv(1000):  # until the other side has had enough
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(Unavailable):
            registry.connect(Target("x", "redis", "redis", "127.0.0.1", server.getsockname()[1]), timeout_s=1)
        thread.join()
