"""A drill of each engine of this run: green, red where the dump was tampered with, and nothing left in any case."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.conformance.plugin import Make
from dbfleet.errors import RuntimeFailure
from dbfleet.fleet import Fleet
from dbfleet.ops import dump as dump_op
from dbfleet.ops.digest import digest
from dbfleet.ops.drill import Watch, drill, sweep
from dbfleet.runtimes import Event, docker_labels
from dbfleet.runtimes.accounts import SHARED
from dbfleet.runtimes.ports import short_hash
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Column, Row, Schema, Type

HELD = Path(__file__).parents[1] / "held_drill.py"


def schema_of(name: str) -> Schema:
    columns = (Column("id", Type.INT, False), Column("name", Type.TEXT, length=40), Column("amount", Type.INT))
    return Schema(name, columns, ("id",))


ROWS: list[Row] = [(number, f"it's {number} ☃", number * 3) for number in range(200)]


@pytest.fixture
def table(adapter: Adapter, made: Make, name: str) -> Schema:
    schema = made(schema_of(name))
    adapter.write(schema, [ROWS])
    return schema


def left(fleet: Fleet) -> list[str]:
    """What is there of drills of this state directory: folders, processes, Docker's containers, volumes, networks."""
    root = fleet.settings.state_root
    folders = [*root.glob("drill-*"), *(each for place in SHARED for each in place.glob("drill-*") if ours(root, each))]
    works = [(each.info["cwd"] or "", each.pid) for each in psutil.process_iter(["cwd"])]
    found = list(map(str, folders))
    found += [f"process {pid} in {cwd}" for cwd, pid in works if cwd.startswith(f"{root}/drill-")]
    found += [f"process {pid} in {cwd}" for cwd, pid in works if any(cwd.startswith(f"{each}/") for each in folders)]
    try:
        return found + [f"docker {each}" for each in docker_labels.drills(root)]
    except RuntimeFailure:  # the command is there, and its server is not: nothing of it runs
        if fleet.settings.runtime == "docker":
            raise
        return found


def ours(root: Path, folder: Path) -> bool:
    """Whether a folder that servers' own accounts can reach is of this state directory."""
    name, _, mark = folder.name.rpartition("-")
    return mark == short_hash(os.fsencode(root.resolve() / name))


@pytest.fixture(autouse=True)
def nothing_is_left(fleet: Fleet) -> Iterator[None]:
    yield
    sweep(fleet, by_label=True)  # what a failing test leaves is not the next one's
    assert left(fleet) == []


def red(folder: Path, collection: str) -> None:
    """Have the manifest tell of another digest."""
    file = folder / "manifest.json"
    data = json.loads(file.read_text("utf-8"))
    for each in data["collections"]:
        if each["collection"] == collection:
            each["digest"] = "200:0123456789abcdef"
    file.write_text(json.dumps(data), "utf-8")


def test_a_drill_is_green_and_the_source_is_as_it_was(
    target: Target, fleet: Fleet, spec: EngineSpec, adapter: Adapter, table: Schema
) -> None:
    before = [str(each.digest) for each in digest(fleet, target, table.name)]
    began, heard = [], []

    class Hears(Watch):
        def stage(self, stage: Any, text: str) -> None:
            began.append(stage)
            if stage == "load":
                heard.extend(left(fleet))

    # By an account that can only read, where there is one: the other way is the same but for it, and is tried below.
    found = drill(fleet, target, [table.name], watch=Hears(), read_only=spec.guard != "none")
    assert (found.same, found.error, found.rows) == (True, None, 200)
    assert began == ["dump", "check", "start", "load", "remove"]
    assert heard, "there was something to remove"
    assert found.dump_digest == found.restored_digest == before[0]
    assert found.source["product"] == found.restored["product"]
    if target.managed and not spec.embedded:
        assert found.restored["runtime"] == fleet.record(target.name)["runtime"]
    assert left(fleet) == []
    assert [str(each.digest) for each in digest(fleet, target, table.name)] == before
    assert sorted(row for batch in adapter.scan(table) for row in batch) == ROWS


@pytest.mark.engines("postgres", "redis", "mongodb")  # what finds it is the same for all, and a server a time is dear
def test_a_dump_that_was_tampered_with_is_red_and_leaves_nothing(
    target: Target, fleet: Fleet, table: Schema, tmp_path: Path
) -> None:
    folder = tmp_path / "there"
    for _ in dump_op.dump(fleet, target, [table.name], directory=folder):
        pass
    red(folder, table.name)
    found = drill(fleet, target, dump=folder)
    assert (found.same, [each.same for each in found.collections]) == (False, [False])
    assert table.name in str(found.error)


# --- one engine of each runtime is enough ---------------------------------------------------------------------------

LIGHT = pytest.mark.engines("redis")


def held(fleet: Fleet, target: Target, stage: str, collection: str) -> subprocess.Popen[bytes]:
    """A drill in a process of its own, at this stage."""
    environ = {**os.environ, **fleet.settings.environ, "DBFLEET_STATE_DIR": str(fleet.settings.state_root)}
    environ["PYTHONPATH"] = str(HELD.parents[1])
    child = subprocess.Popen(
        [sys.executable, str(HELD), fleet.name, target.name, stage, collection],
        stdout=subprocess.PIPE, env=environ, cwd=fleet.directory,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline().decode().strip() == stage
    return child


@LIGHT
@pytest.mark.parametrize("stage", ["dump", "start", "server starting", "server ready", "load", "remove"])
def test_what_a_killed_drill_leaves_is_swept(target: Target, fleet: Fleet, table: Schema, stage: str) -> None:
    with held(fleet, target, stage, table.name) as child:
        assert sweep(fleet, by_label=True) == []  # it lives
        child.kill()
    (folder,) = fleet.settings.state_root.glob("drill-*")
    if stage in ("server ready", "load", "remove"):
        assert len(left(fleet)) > 1, "its server goes on"
    (told,) = sweep(fleet)
    assert told.startswith(f"{folder.name}, a drill of {target.name}")
    assert left(fleet) == []


@LIGHT
def test_what_is_left_without_its_folder_is_found_by_its_label(target: Target, fleet: Fleet, table: Schema) -> None:
    import shutil

    with held(fleet, target, "load", table.name) as child:
        child.kill()
    (folder,) = fleet.settings.state_root.glob("drill-*")
    shutil.rmtree(folder)
    assert left(fleet) != []
    (told,) = sweep(fleet, by_label=True)
    assert told.startswith(folder.name)
    assert left(fleet) == []


class Cancels(Watch):
    def server(self, event: Event) -> None:
        raise KeyboardInterrupt


@LIGHT
def test_a_drill_that_is_cancelled_while_its_server_starts_leaves_nothing(
    target: Target, fleet: Fleet, table: Schema
) -> None:
    with pytest.raises(KeyboardInterrupt):
        drill(fleet, target, [table.name], watch=Cancels())
    assert left(fleet) == []


@LIGHT
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_leaves_nothing(target: Target, fleet: Fleet, table: Schema, number: int) -> None:
    environ = {**os.environ, **fleet.settings.environ, "DBFLEET_STATE_DIR": str(fleet.settings.state_root)}
    environ["PYTHONPATH"] = str(HELD.parents[1])
    for pause in (0.0, 0.3):
        with subprocess.Popen(
            [sys.executable, "-m", "dbfleet", "--fleet", fleet.name, "drill", target.name, table.name],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, cwd=fleet.directory,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as child:  # fmt: skip
            while not list(fleet.settings.state_root.glob("drill-*/drill.json")):
                assert child.poll() is None
                time.sleep(0.01)
            time.sleep(pause)
            child.send_signal(number)
            out, err = child.communicate()
        assert child.returncode == 128 + number, err
        assert out == b""
        assert left(fleet) == []


@LIGHT
def test_two_drills_of_one_target_at_once_are_both_green(target: Target, fleet: Fleet, table: Schema) -> None:
    environ = {**os.environ, **fleet.settings.environ, "DBFLEET_STATE_DIR": str(fleet.settings.state_root)}
    environ["PYTHONPATH"] = str(HELD.parents[1])

    def run(_: int) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "dbfleet", "--fleet", fleet.name, "drill", target.name, table.name]
        return subprocess.run(argv, capture_output=True, text=True, env=environ, cwd=fleet.directory, timeout=300)

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(run, range(2)))
    assert [each.returncode for each in done] == [0, 0], [each.stderr for each in done]
    assert [json.loads(each.stdout)["same"] for each in done] == [True, True]


@LIGHT
def test_up_and_down_sweep_too(target: Target, fleet: Fleet, table: Schema) -> None:
    from dbfleet.ops.down import down
    from dbfleet.ops.up import up

    for verb in (lambda: up(fleet, ["sqlite"]), lambda: down(fleet, ["sqlite"])):
        with held(fleet, target, "load", table.name) as child:
            verb()
            assert left(fleet) != [], "it lives"
            child.kill()
        verb()
        assert left(fleet) == []


@pytest.mark.engines("postgres")
def test_no_row_of_the_source_is_written(target: Target, fleet: Fleet, adapter: Adapter, table: Schema) -> None:
    """As its own counters have it."""
    changes = f"select n_tup_ins, n_tup_upd, n_tup_del from pg_stat_user_tables where relname = '{table.name}'"
    names = "select count(*) from pg_class"

    def now() -> list[Any]:
        with registry.connect(target) as asking:  # statistics of a connection are told when it ends
            return [next(iter(asking.query(text)))[0] for text in (changes, names)]

    adapter.query("select pg_stat_force_next_flush()").close()
    before = now()
    assert before[0][0] == 200
    assert drill(fleet, target, [table.name]).same is True
    assert now() == before
