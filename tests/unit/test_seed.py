"""Seeding, on SQLite files: rows in the way stop all targets, one target's failure stops no other, Ctrl-C stops all."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dbfleet import datasets, registry
from dbfleet.adapter import Adapter, Rejected, WriteMode, Written
from dbfleet.errors import (
    ConstraintViolated,
    DbfleetError,
    FleetPartlyFailed,
    PartialWrite,
    RuntimeFailure,
    Unavailable,
    UsageError,
    VerifyFailed,
)
from dbfleet.ops import _workers
from dbfleet.ops.seed import Planned, Seeded, plan, seed, worker
from dbfleet.target import Target
from dbfleet.values import Batch, Schema, digest_rows

SHOP = datasets.load("shop")


@pytest.fixture
def targets(tmp_path: Path) -> list[Target]:
    return [Target(name, "sqlite", "sqlite", database=str(tmp_path / f"{name}.db")) for name in ("one", "two", "three")]


@pytest.fixture(params=["process", "thread"], autouse=True)
def carrier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "process" and not _workers._FORKS:
        pytest.skip("not on this machine")
    monkeypatch.setattr(_workers, "_FORKS", request.param == "process")


def digests(target: Target) -> dict[str, str]:
    with registry.connect(target) as adapter:
        return {
            name: str(digest_rows((schema := adapter.describe(name)).columns, adapter.scan(schema)))
            for name in adapter.collections()
        }


def expected(rows: int, number: int = 0) -> dict[str, str]:
    return {
        schema.name: str(digest_rows(schema.columns, SHOP.batches(schema.name, seed=number, rows=rows)))
        for schema in SHOP.schemas()
    }


class Odd:
    """The real adapter, with one method changed."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)


def picky(refused: int) -> type[Odd]:
    """An adapter that refuses so many of the last collection's rows."""

    class Picky(Odd):
        def write(
            self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
        ) -> Written:
            written = self._adapter.write(schema, batches, mode=mode)
            if schema.name == "follows":
                written.rejected += [Rejected((n,), f"reason {n}") for n in range(refused)]
                written.rows -= refused
            return written

    return Picky


@contextmanager
def connected(target: Target, kind: type[Odd] = Odd) -> Iterator[Any]:
    with registry.connect(target.with_(create=True)) as adapter:
        yield kind(adapter)


def test_every_target_gets_the_same_rows_in_reference_order(targets: list[Target]) -> None:
    records = list(seed(targets, rows=300, seed=7))
    assert all(digests(target) == expected(300, 7) for target in targets)
    for target in targets:
        mine = [record for record in records if record.target == target.name]
        assert [record.collection for record in mine] == [schema.name for schema in SHOP.schemas()]
        assert [record.rows for record in mine] == [SHOP.rows(schema.name, 300) for schema in SHOP.schemas()]
        assert all(record.rejected == 0 and record.digest is None and record.seconds >= 0 for record in mine)


def test_verify_gives_the_digest_of_what_was_read_back(targets: list[Target]) -> None:
    records = list(seed(targets[:1], rows=50, verify=True))
    assert {record.collection: record.digest for record in records} == expected(50)


def test_what_does_not_read_back_as_it_was_written_is_told(targets: list[Target]) -> None:
    class Forgetful(Odd):
        def write(
            self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
        ) -> Written:
            lost = 1 if schema.name == "follows" else 0
            return self._adapter.write(schema, (batch[lost:] for batch in batches), mode=mode)

    records: list[Seeded] = []
    with pytest.raises(VerifyFailed, match=r"follows of .* is not what was written"):
        records.extend(seed(targets[:1], rows=50, verify=True, connect=lambda target: connected(target, Forgetful)))
    assert {record.collection for record in records if record.verified is not True} == {"follows"}


def test_progress_counts_every_row_of_every_target(targets: list[Target]) -> None:
    told: dict[str, list[tuple[str, int, int]]] = {}

    def progress(target: str, collection: str, done: int, total: int) -> None:
        told.setdefault(target, []).append((collection, done, total))

    list(seed(targets, rows=200, progress=progress))
    total = sum(SHOP.rows(schema.name, 200) for schema in SHOP.schemas())
    for target in targets:
        assert [done for _, done, _ in told[target.name]] == sorted(done for _, done, _ in told[target.name])
        assert told[target.name][-1] == ("follows", total, total)


def test_rows_in_the_way_of_one_target_stop_all_before_anything_is_written(targets: list[Target]) -> None:
    list(seed(targets[1:2], rows=10))
    before = digests(targets[1])
    with pytest.raises(UsageError, match=r"two has customers \(7 rows\), products \(5 rows\) and 4 more") as caught:
        list(seed(targets, rows=20))
    assert "--reset" in str(caught.value.hint)
    assert digests(targets[1]) == before
    assert digests(targets[0]) == digests(targets[2]) == {}


def test_reset_replaces_what_is_there_and_leaves_other_collections_alone(targets: list[Target]) -> None:
    list(seed(targets[:2], rows=30))
    with sqlite3.connect(str(targets[0].database)) as connection:
        connection.execute("CREATE TABLE mine (id INTEGER PRIMARY KEY)")
    connection.close()
    list(seed(targets, rows=10, seed=1, reset=True))
    assert {k: v for k, v in digests(targets[0]).items() if k != "mine"} == expected(10, 1)
    assert "mine" in digests(targets[0])
    assert digests(targets[1]) == digests(targets[2]) == expected(10, 1)


def test_reset_asks_before_it_drops_rows_and_drops_nothing_where_it_may_not(targets: list[Target]) -> None:
    asked: list[str] = []

    def refuse(told: str) -> None:
        asked.append(told)
        raise UsageError("nothing was changed")

    list(seed(targets[:1], rows=10, reset=True, agree=refuse))
    assert asked == []
    with pytest.raises(UsageError, match="nothing was changed"):
        list(seed(targets, rows=20, reset=True, agree=refuse))
    assert asked == ["one has customers (7 rows), products (5 rows) and 4 more"]
    assert digests(targets[0]) == expected(10)
    assert digests(targets[1]) == {}


def test_empty_collections_are_filled_and_those_of_another_shape_are_not(targets: list[Target]) -> None:
    with registry.connect(targets[0].with_(create=True)) as adapter:
        adapter.create(SHOP.schemas()[0])
    list(seed(targets[:1], rows=10))
    assert digests(targets[0]) == expected(10)
    with sqlite3.connect(str(targets[1].database)) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    connection.close()
    with pytest.raises(UsageError, match=r"two has orders \(other columns\)"):
        list(seed(targets[1:2], rows=10))


def test_a_target_that_cannot_be_reached_does_not_stop_the_others(targets: list[Target], tmp_path: Path) -> None:
    bad = targets[1].with_(database=str(tmp_path / "no" / "such" / "dir" / "\0"))
    with pytest.raises(FleetPartlyFailed, match="1 of 3 targets") as caught:
        list(seed([targets[0], bad, targets[2]], rows=10))
    assert set(caught.value.failures) == {"two"}
    assert digests(targets[0]) == digests(targets[2]) == expected(10)


def test_a_target_that_fails_midway_does_not_stop_the_others(targets: list[Target]) -> None:
    class Full(Odd):
        def write(
            self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
        ) -> Written:
            if schema.name == "orders" and self._adapter.target.name == "two":
                next(iter(batches))
                raise ConstraintViolated("no room", engine="sqlite", target="two", code="13") from OSError("disk")
            return self._adapter.write(schema, batches, mode=mode)

    records: list[Seeded] = []
    with pytest.raises(FleetPartlyFailed) as caught:
        records.extend(seed(targets, rows=10, connect=lambda target: connected(target, Full)))
    error = caught.value.failures["two"]
    assert isinstance(error, ConstraintViolated)
    assert (error.message, error.code, error.target) == ("no room", "13", "two")
    assert "disk" in str(error.__cause__)
    assert {record.collection for record in records if record.target == "two"} == {"customers", "products"}
    assert digests(targets[0]) == digests(targets[2]) == expected(10)


def test_a_single_target_fails_with_its_own_error(targets: list[Target]) -> None:
    def refuse(target: Target) -> Any:
        raise Unavailable("nobody answers", engine="sqlite", target=target.name, hint="start it")

    with pytest.raises(Unavailable, match="nobody answers") as caught:
        list(seed(targets[:1], rows=10, connect=refuse))
    assert caught.value.hint == "start it"


def test_rejected_rows_are_counted_and_the_first_is_named(targets: list[Target]) -> None:
    records: list[Seeded] = []
    with pytest.raises(PartialWrite, match=r"250 of [\d,]+ rows were refused, the first because: reason 0") as caught:
        records.extend(seed(targets[:1], rows=1000, connect=lambda target: connected(target, picky(250))))
    assert records[-1].rejected == 250
    assert isinstance(caught.value.written, Written)
    assert len(caught.value.written.rejected) == 100


def test_a_bug_in_a_worker_comes_back_as_it_was(targets: list[Target]) -> None:
    def broken(target: Target) -> Any:
        raise KeyError("oops")

    with pytest.raises(KeyError, match="oops") as caught:
        list(seed(targets, rows=10, connect=broken))
    assert "in broken" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rows": 0}, "--rows is 0"),
        ({"rows": -5}, "--rows is -5"),
        ({"rows": 10**12}, "--rows is 1,000,000,000,000"),
        ({"jobs": 0}, "--jobs is 0"),
        ({"dataset": "shp"}, "no dataset is called 'shp'"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_a_connection_is_made(
    targets: list[Target], options: dict[str, Any], said: str
) -> None:
    def never(target: Target) -> Any:
        raise AssertionError("connected")

    with pytest.raises(UsageError, match=said):
        list(seed(targets, connect=never, **options))


def test_no_target_and_the_same_target_twice_are_refused(targets: list[Target]) -> None:
    with pytest.raises(UsageError, match="no target"):
        list(seed([]))
    with pytest.raises(UsageError, match="one is named twice"):
        list(seed([targets[0], targets[0]]))


@pytest.fixture
def two_writers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file takes one writer after another: what matters here is who writes which rows."""
    monkeypatch.setattr(worker, "shared", lambda spec, targets: targets == 1)
    monkeypatch.setattr(worker, "_SHARED_ROWS", 100)


@pytest.mark.usefixtures("two_writers")
def test_two_processes_make_the_rows_of_one(targets: list[Target]) -> None:
    told: list[tuple[str, int]] = []
    records = list(
        seed(
            targets[:1], rows=300, seed=7, verify=True, progress=lambda _, name, done, total: told.append((name, done))
        )
    )
    assert digests(targets[0]) == expected(300, 7)
    assert [record.rows for record in records] == [SHOP.rows(schema.name, 300) for schema in SHOP.schemas()]
    assert {record.collection: record.digest for record in records} == expected(300, 7)
    assert max(done for _, done in told) == sum(SHOP.rows(schema.name, 300) for schema in SHOP.schemas())


@pytest.mark.usefixtures("two_writers")
@pytest.mark.parametrize("failing", ["first", "second"])
def test_the_failure_of_one_of_two_processes_ends_both(targets: list[Target], failing: str) -> None:
    class Full(Odd):
        def write(
            self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
        ) -> Written:
            rows = [row for batch in batches for row in batch]
            if schema.name == "orders" and (rows[0][0] == 1) == (failing == "first"):
                raise ConstraintViolated("no room", engine="sqlite", target="one")
            return self._adapter.write(schema, [rows], mode=mode)

    records: list[Seeded] = []
    with pytest.raises(ConstraintViolated, match="no room"):
        records.extend(seed(targets[:1], rows=300, connect=lambda target: connected(target, Full)))
    assert not multiprocessing.active_children()
    assert [record.collection for record in records] == ["customers", "products"]
    assert not set(digests(targets[0])) & {"order_items", "reviews"}, "neither went on alone"


@pytest.mark.usefixtures("two_writers")
def test_refused_rows_of_both_processes_are_counted(targets: list[Target]) -> None:
    records: list[Seeded] = []
    with pytest.raises(PartialWrite, match=r"300 of [\d,]+ rows were refused") as caught:
        records.extend(seed(targets[:1], rows=1000, connect=lambda target: connected(target, picky(150))))
    assert records[-1].rejected == 300
    assert isinstance(caught.value.written, Written)
    assert len(caught.value.written.rejected) == 100


def test_jobs_bounds_how_many_targets_are_filled_at_once(targets: list[Target]) -> None:
    running: list[tuple[str, str]] = []
    for record in seed(targets, rows=50, jobs=1):
        running.append((record.target, record.collection))  # noqa: PERF401
    names = [target for target, _ in running]
    assert names == sorted(names, key=names.index)
    assert all(digests(target) == expected(50) for target in targets)


def test_a_plan_writes_nothing_and_says_what_would_be(targets: list[Target]) -> None:
    list(seed(targets[:1], rows=10))
    planned = list(plan(targets, rows=20, reset=True))
    assert planned[0] == Planned("one", "customers", 9, "replace")
    assert planned[-1] == Planned("three", "follows", SHOP.rows("follows", 20), "create")
    assert not Path(str(targets[1].database)).exists()
    assert digests(targets[0]) == expected(10)
    with pytest.raises(UsageError, match="one has customers"):
        list(plan(targets, rows=20))


def test_stopping_halfway_leaves_no_worker_and_no_half_written_collection(targets: list[Target]) -> None:
    records = seed(targets, rows=8000)
    first = next(records)
    records.close()  # type: ignore[attr-defined]
    assert not multiprocessing.active_children()
    filled = 0
    for target in targets:
        with registry.connect(target) as adapter:
            counts = {name: adapter.count(name) for name in adapter.collections()}
        assert all(rows in (0, SHOP.rows(name, 8000)) for name, rows in counts.items())
        filled += sum(rows > 0 for rows in counts.values())
    assert filled < len(targets) * len(SHOP.schemas()), "they were stopped before they had written all"
    assert first.collection == "customers"


def test_a_dataset_file_is_seeded_like_the_shop(targets: list[Target]) -> None:
    records = list(seed(targets[:2], dataset="library", rows=40, verify=True))
    library = datasets.load("library")
    assert {record.collection for record in records} == {schema.name for schema in library.schemas()}
    assert digests(targets[0]) == digests(targets[1])


SCRIPT = """
import os, sys
from dbfleet.adapter import Target
from dbfleet.ops.seed import seed
targets = [Target(n, "sqlite", "sqlite", database=os.path.join(sys.argv[1], n + ".db")) for n in ("one", "two")]
def progress(target, collection, done, total):
    if collection == "orders" and done > 25_500:
        print("going", flush=True)
for record in seed(targets, rows=100_000, progress=progress): pass
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "going\n"
        yield process
        process.kill()


def children(pid: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


@pytest.mark.skipif(not _workers._FORKS, reason="not on this machine")
@pytest.mark.parametrize("carrier", ["process"], indirect=True)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupt_or_the_owner_s_death_ends_the_workers(
    running: subprocess.Popen[str], tmp_path: Path, how: signal.Signals
) -> None:
    workers = children(running.pid)
    assert len(workers) == 2
    running.send_signal(how)
    running.wait(10)
    deadline = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{pid}/fd") and os.listdir(f"/proc/{pid}/fd") for pid in workers):
        assert time.monotonic() < deadline, "a worker is left"
        time.sleep(0.05)
    if how is signal.SIGINT:
        assert running.stderr is not None
        text = running.stderr.read()
        assert "KeyboardInterrupt" in text
        assert "Process one" not in text
    for name in ("one", "two"):
        with registry.connect(Target(name, "sqlite", "sqlite", database=str(tmp_path / f"{name}.db"))) as adapter:
            assert "orders" not in adapter.collections() or adapter.count("orders") == 0


@pytest.mark.parametrize("carrier", ["process"], indirect=True)
def test_a_worker_that_dies_is_that_target_s_failure(targets: list[Target]) -> None:
    class Dying(Odd):
        def write(
            self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
        ) -> Written:
            if self._adapter.target.name == "two":
                os.kill(os.getpid(), signal.SIGKILL)
            return self._adapter.write(schema, batches, mode=mode)

    with pytest.raises(FleetPartlyFailed) as caught:
        list(seed(targets, rows=10, connect=lambda target: connected(target, Dying)))
    error = caught.value.failures["two"]
    assert isinstance(error, RuntimeFailure)
    assert "killed by signal 9" in error.message
    assert digests(targets[0]) == expected(10)


def test_errors_of_every_kind_survive_the_way_from_a_worker() -> None:
    errors: list[DbfleetError] = [
        UsageError("a", hint="b"),
        PartialWrite("c", written=Written(3, [Rejected((1, "x"), "why")]), engine="e", target="t"),
        FleetPartlyFailed("d", failures={"t": Unavailable("u")}),
        RuntimeFailure("r", command=["x"], exit_code=3, log_tail="l"),
    ]
    for error in errors:
        back = _workers._unpacked(_workers._packed(error))
        assert type(back) is type(error)
        assert str(back) == str(error)
        assert {k: str(v) for k, v in vars(back).items()} == {k: str(v) for k, v in vars(error).items()}


def command(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dbfleet", *arguments],
        env={**os.environ, "DBFLEET_STATE_DIR": str(tmp_path), "DBFLEET_FLEET": "seedtest"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("carrier", ["process"], indirect=True)
def test_the_command_gives_a_record_a_collection_and_refuses_a_second_run(tmp_path: Path) -> None:
    dry = command(tmp_path, "seed", "sqlite", "--rows", "40", "--dry-run")
    assert [json.loads(line)["action"] for line in dry.stdout.splitlines()] == ["create"] * 6
    first = command(tmp_path, "seed", "sqlite", "--rows", "40", "--verify")
    assert first.returncode == 0, first.stderr
    records = [json.loads(line) for line in first.stdout.splitlines()]
    assert [list(record) for record in records] == [
        ["target", "collection", "rows", "rejected", "seconds", "digest"]
    ] * 6
    assert {record["collection"]: record["digest"] for record in records} == expected(40)
    assert "sqlite: 199 rows in" in first.stderr
    again = command(tmp_path, "seed", "sqlite")
    assert (again.returncode, again.stdout) == (2, "")
    assert "sqlite has customers (13 rows)" in again.stderr
    assert "--reset" in again.stderr
    unasked = command(tmp_path, "seed", "sqlite", "--reset")
    assert unasked.returncode == 2
    assert "--yes" in unasked.stderr
    assert command(tmp_path, "seed", "sqlite", "--reset", "--yes", "--rows", "3").returncode == 0


@pytest.mark.parametrize("carrier", ["process"], indirect=True)
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no target to seed"),
        (["sqlite", "--all"], "not both"),
        (["sqlite", "--rows", "0"], "--rows is 0"),
        (["sqlite", "--rows", "many"], "valid integer"),
        (["sqlit"], "did you mean sqlite?"),
        (["sqlite", "--dataset", "nowhere.toml"], "there is no file nowhere.toml"),
    ],
)
def test_the_command_says_what_cannot_be_meant_with_exit_code_2(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = command(tmp_path, "seed", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize("carrier", ["process"], indirect=True)
def test_the_command_lists_datasets(tmp_path: Path) -> None:
    done = command(tmp_path, "datasets", "--format", "jsonl")
    assert done.returncode == 0
    assert {json.loads(line)["dataset"] for line in done.stdout.splitlines()} == {"shop", "library"}
