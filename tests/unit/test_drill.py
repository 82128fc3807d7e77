"""A drill is green where the dump is what its manifest says, red where it is not, and leaves nothing either way."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from moving import Pair, fleet_in

from dbfleet import registry
from dbfleet.errors import NotFound, Unavailable, Unsupported, UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops import _drills
from dbfleet.ops import dump as dump_op
from dbfleet.ops.drill import Drilled, Watch, drill, sweep
from dbfleet.runtimes import compose, docker_labels, strays
from dbfleet.values import Column, Row, Schema, Type, digest_rows

PEOPLE = Schema("people", (Column("id", Type.INT, False), Column("name", Type.TEXT)), ("id",))
PETS = Schema("pets", (Column("id", Type.INT, False), Column("age", Type.INT)), ("id",))
ROWS: list[Row] = [(1, "Ann"), (2, None), (3, "Zoë")]
HELD = Path(__file__).parents[1] / "held_drill.py"


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    found = Pair.made(tmp_path)
    found.fill(found.a, PEOPLE, ROWS)
    found.fill(found.a, PETS, [(1, 4)])
    return found


@pytest.fixture(autouse=True)
def nothing_is_left(pair: Pair) -> Iterator[None]:
    yield
    assert list(pair.fleet.settings.state_root.glob("drill-*")) == []


def dumped(pair: Pair, folder: Path) -> Path:
    for _ in dump_op.dump(pair.fleet, pair.a, directory=folder):
        pass
    return folder


def hashes(folder: Path) -> dict[str, str]:
    return {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in folder.iterdir() if each.is_file()}


def test_a_drill_is_green_and_the_source_is_only_read(pair: Pair, tmp_path: Path) -> None:
    before = hashes(tmp_path)
    found = drill(pair.fleet, pair.a)
    assert (found.same, found.error, found.rows) == (True, None, 4)
    assert found.dump_digest == found.restored_digest
    people = next(each for each in found.collections if each.collection == "people")
    assert people.digest == people.restored_digest == str(digest_rows(PEOPLE.columns, [ROWS]))
    assert (people.rows, people.restored_rows, people.same) == (3, 3, True)
    assert found.source["product"] == found.restored["product"] == "SQLite"
    assert set(found.seconds) == {"dump", "check", "start", "load", "total"}
    assert hashes(tmp_path) == before


def test_only_the_named_collections_are_drilled(pair: Pair) -> None:
    found = drill(pair.fleet, pair.a, ["pets"])
    assert [(each.collection, each.same) for each in found.collections] == [("pets", True)]


def test_the_receipt_tells_what_the_dump_does_not_hold(pair: Pair) -> None:
    with pair.open(pair.a) as adapter:
        adapter.query("create view grown as select * from people").close()
        adapter.query("create index by_name on people (name)").close()
    found = drill(pair.fleet, pair.a)
    assert found.same is True
    assert any("by_name" in text for text in found.left)
    assert any("grown" in text for text in found.left)


def test_a_dump_can_be_kept_and_is_never_removed(pair: Pair, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    found = drill(pair.fleet, pair.a, keep_dump=kept)
    assert (found.same, found.dump) == (True, str(kept))
    before = hashes(kept)
    assert "manifest.json" in before
    again = drill(pair.fleet, pair.a, dump=kept)
    assert (again.same, again.dump, again.dump_digest) == (True, str(kept), found.dump_digest)
    assert hashes(kept) == before
    with pytest.raises(UsageError, match="not empty"):
        drill(pair.fleet, pair.a, keep_dump=kept)
    assert hashes(kept) == before


def test_a_dump_is_proven_without_its_source(pair: Pair, tmp_path: Path) -> None:
    folder = dumped(pair, tmp_path / "there")
    (tmp_path / "a.db").unlink()
    found = drill(pair.fleet, pair.a, ["people"], dump=folder)
    assert (found.same, found.rows) == (True, 3)
    assert not (tmp_path / "a.db").exists()


# --- what was tampered with -----------------------------------------------------------------------------------------


def manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    file = folder / "manifest.json"
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))


def entry(data: dict[str, Any], name: str = "people") -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in data["collections"] if each["collection"] == name)
    return found


def rewrite(folder: Path, old: bytes, new: bytes, **facts: Any) -> None:
    """Change the file of the people, and everything that the manifest says of its bytes."""
    file = folder / "people.jsonl"
    data = file.read_bytes()
    assert old in data
    file.write_bytes(data.replace(old, new))
    told = {"bytes": file.stat().st_size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest(), **facts}
    manifest(folder, lambda found: entry(found).update(told))


def a_row_is_changed(folder: Path) -> None:
    file = folder / "people.jsonl"
    file.write_bytes(file.read_bytes().replace(b"Ann", b"Eve"))


def a_row_is_changed_and_its_checksum(folder: Path) -> None:
    rewrite(folder, b"Ann", b"Eve")


def a_row_is_gone_and_its_checksum_fits(folder: Path) -> None:
    first = (folder / "people.jsonl").read_bytes().split(b"\n")[0] + b"\n"
    rewrite(folder, first, b"")


def a_row_is_gone_and_counted(folder: Path) -> None:
    first = (folder / "people.jsonl").read_bytes().split(b"\n")[0] + b"\n"
    rewrite(folder, first, b"", rows=2)


def a_key_is_there_twice(folder: Path) -> None:
    data = (folder / "people.jsonl").read_bytes().splitlines(keepends=True)
    rows = [*ROWS, ROWS[0]]
    rewrite(folder, data[0], data[0] * 2, rows=4, digest=str(digest_rows(PEOPLE.columns, [rows])))


def a_value_is_none_of_its_type(folder: Path) -> None:
    file = folder / "people.jsonl"
    rewrite(folder, file.read_bytes().split(b"\n")[0], b'{"id":"one","name":"Ann"}')


def a_file_is_cut(folder: Path) -> None:
    file = folder / "people.jsonl"
    file.write_bytes(file.read_bytes()[:-4])


def a_file_is_missing(folder: Path) -> None:
    (folder / "people.jsonl").unlink()


def a_digest_is_another(folder: Path) -> None:
    manifest(folder, lambda data: entry(data).update(digest="3:0123456789abcdef"))


def a_digest_is_none(folder: Path) -> None:
    manifest(folder, lambda data: entry(data).update(digest="none"))


def a_collection_is_left_out(folder: Path) -> None:
    manifest(folder, lambda data: data["collections"].remove(entry(data)))


def a_file_is_taken_for_another(folder: Path) -> None:
    def swap(data: dict[str, Any]) -> None:
        people, pets = entry(data), entry(data, "pets")
        people["collection"], pets["collection"] = "pets", "people"

    manifest(folder, swap)


def the_manifest_is_no_json(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")


def the_manifest_is_missing(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def the_schema_is_another(folder: Path) -> None:
    file = folder / "schema.json"
    file.write_text(file.read_text().replace('"text"', '"json"'))


def the_manifest_leads_elsewhere(folder: Path) -> None:
    shutil.copy(folder / "people.jsonl", folder.parent / "people.jsonl")
    manifest(folder, lambda data: entry(data).update(file="../people.jsonl"))


TAMPERED = [
    a_row_is_changed, a_row_is_changed_and_its_checksum, a_row_is_gone_and_its_checksum_fits, a_row_is_gone_and_counted,
    a_key_is_there_twice, a_value_is_none_of_its_type, a_file_is_cut, a_file_is_missing, a_digest_is_another,
    a_digest_is_none, a_collection_is_left_out, a_file_is_taken_for_another, the_manifest_is_no_json,
    the_manifest_is_missing, the_schema_is_another, the_manifest_leads_elsewhere,
]  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERED, ids=lambda each: each.__name__)
def test_a_dump_that_was_tampered_with_makes_the_drill_red(
    pair: Pair, tmp_path: Path, tamper: Callable[[Path], None]
) -> None:
    folder = dumped(pair, tmp_path / "there")
    tamper(folder)
    before, source = hashes(folder), (tmp_path / "a.db").read_bytes()
    found = drill(pair.fleet, pair.a, dump=folder)
    assert found.same is False
    assert found.error
    assert hashes(folder) == before
    assert (tmp_path / "a.db").read_bytes() == source


def test_a_red_drill_tells_which_collection_and_the_others_are_proven(pair: Pair, tmp_path: Path) -> None:
    folder = dumped(pair, tmp_path / "there")
    a_digest_is_another(folder)
    found = drill(pair.fleet, pair.a, dump=folder)
    assert {each.collection: each.same for each in found.collections} == {"people": False, "pets": True}
    assert found.error == "people of the restored dump is not what the manifest says"
    assert found.dump_digest != found.restored_digest


# --- what cannot be done --------------------------------------------------------------------------------------------


def test_a_source_that_does_not_answer_says_nothing_about_a_dump(pair: Pair) -> None:
    fleet = Fleet.open("t", "process", environ={**environ(pair)}, directory=pair.fleet.directory)
    found = drill(fleet, fleet.target("postgresql://me:secret@127.0.0.1:1/x"))
    assert found.same is None
    assert isinstance(found.cause, Unavailable)
    assert "secret" not in json.dumps(found.record())


def environ(pair: Pair) -> dict[str, str]:
    return dict(pair.fleet.settings.environ)


def test_a_collection_that_is_not_there_cannot_be_drilled(pair: Pair, tmp_path: Path) -> None:
    found = drill(pair.fleet, pair.a, ["nowhere"])
    assert found.same is None
    assert isinstance(found.cause, NotFound)
    with pytest.raises(UsageError, match="holds no nowhere"):
        drill(pair.fleet, pair.a, ["nowhere"], dump=dumped(pair, tmp_path / "there"))


def test_an_engine_that_nothing_here_can_start_is_unsupported(pair: Pair) -> None:
    fleet = Fleet.open("t", "process", environ=environ(pair), directory=pair.fleet.directory)
    with pytest.raises(Unsupported, match="cannot start one") as raised:
        drill(fleet, fleet.target("mssql://me:x@127.0.0.1:1/x"))
    assert raised.value.hint


@pytest.mark.parametrize("options", [{"dump": Path("/nowhere")}, {"dump": Path("/"), "keep_dump": Path("/x")}])
def test_what_cannot_be_meant_is_refused(pair: Pair, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        drill(pair.fleet, pair.a, **options)


def test_a_disk_that_refuses_the_dump_ends_the_drill(pair: Pair) -> None:
    found = drill(pair.fleet, pair.a, keep_dump=Path("/proc/nowhere"))
    assert (found.same, found.collections) == (None, [])
    assert "cannot write /proc/nowhere" in str(found.error)


class Interrupts(Watch):
    def __init__(self, at: str) -> None:
        self._at = at

    def stage(self, stage: Any, text: str) -> None:
        if stage == self._at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("stage", ["dump", "check", "start", "load", "remove"])
def test_an_interrupted_drill_leaves_nothing(pair: Pair, stage: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        drill(pair.fleet, pair.a, watch=Interrupts(stage))
    assert list(pair.fleet.settings.state_root.glob("drill-*")) == []


# --- what died ------------------------------------------------------------------------------------------------------


def held(pair: Pair, stage: str) -> subprocess.Popen[bytes]:
    """A drill in a process of its own, at this stage."""
    child = subprocess.Popen(
        [sys.executable, str(HELD), "t", pair.a.url(), stage],
        stdout=subprocess.PIPE, env={"PYTHONPATH": str(HELD.parents[1]), "PATH": "/usr/bin:/bin", **environ(pair)},
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline().decode().strip() == stage
    return child


def test_a_drill_that_is_interrupted_while_it_removes_leaves_nothing(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    went: list[Path] = []

    def interrupted(path: Path, *args: Any, **options: Any) -> None:
        went.append(path)
        if len(went) == 1:
            raise KeyboardInterrupt
        shutil.rmtree(path, *args, **options)

    monkeypatch.setattr(_drills, "shutil", SimpleNamespace(rmtree=interrupted))
    with pytest.raises(KeyboardInterrupt):
        drill(pair.fleet, pair.a)
    assert went
    assert list(pair.fleet.settings.state_root.glob("drill-*")) == []


@pytest.mark.parametrize("stage", ["dump", "check", "start", "load", "remove"])
def test_what_a_killed_drill_leaves_is_swept(pair: Pair, stage: str) -> None:
    root = pair.fleet.settings.state_root
    with held(pair, stage) as child:
        (folder,) = root.glob("drill-*")
        assert sweep(pair.fleet) == []  # it lives
        assert folder.exists()
        child.kill()
    assert folder.exists()
    (told,) = sweep(pair.fleet)
    assert told.startswith(f"{folder.name}, a drill of {pair.a.name}")
    assert not folder.exists()
    assert sweep(pair.fleet) == []


def test_a_drill_sweeps_what_others_have_left_and_leaves_those_that_live(pair: Pair) -> None:
    root = pair.fleet.settings.state_root
    with held(pair, "load") as dead:
        dead.kill()
    with held(pair, "load") as living:
        assert len(list(root.glob("drill-*"))) == 1, "its own start swept the dead one"
        assert drill(pair.fleet, pair.a).same is True
        (folder,) = root.glob("drill-*")
        living.send_signal(signal.SIGINT)
        living.wait()
    assert not folder.exists()


def test_nothing_but_a_drill_s_own_is_swept(pair: Pair) -> None:
    root = pair.fleet.settings.state_root
    root.mkdir(parents=True, exist_ok=True)
    others = ["drill-0123456789abcdef", "drill-of-mine", "default", "drill-0123456789abcde0"]
    for name in others:
        (root / name).mkdir()
        (root / name / "state.json").write_text('{"targets": {}}')
    (root / others[3] / "drill.json").write_text('{"kind": "somebody else\'s"}')
    (root / others[1] / "drill.json").write_text('{"kind": "dbfleet drill", "engine": "sqlite", "target": "x"}')
    assert sweep(pair.fleet) == []
    assert sorted(each.name for each in root.iterdir() if each.name in others) == sorted(others)
    for name in others:
        shutil.rmtree(root / name)


def test_a_drill_that_was_killed_before_its_record_is_swept_when_it_is_old(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pair.fleet.settings.state_root / "drill-0123456789abcdef"
    folder.mkdir(parents=True)
    (folder / "drill.lock").touch()
    sweep(pair.fleet)
    assert folder.exists()
    monkeypatch.setattr(_drills, "_YOUNG_S", -1.0)
    sweep(pair.fleet)
    assert not folder.exists()


def test_a_server_whose_folder_is_gone_is_found_by_where_it_works(pair: Pair, tmp_path: Path) -> None:
    root = pair.fleet.settings.state_root
    ours, others = root / "drill-0123456789abcdef", root / "drill-0123456789abcde0"
    children = []
    for folder in (ours, others):
        folder.mkdir(parents=True)
        children.append(subprocess.Popen(["sleep", "600"], cwd=folder))
    shutil.rmtree(ours)
    try:
        assert list(strays.of_lost_folders(root, _drills.NAME)) == [ours.name]
        assert children[0].poll() is not None
        assert children[1].poll() is None
    finally:
        for child in children:
            child.kill()
            child.wait()
        shutil.rmtree(others)


@pytest.mark.parametrize("name", [name for name in registry.names() if not registry.spec(name).embedded])
def test_all_that_a_stack_has_docker_make_is_labelled(name: str, tmp_path: Path) -> None:
    spec = registry.spec(name)
    docker_labels.write(tmp_path, spec, {"a": "b"})
    overlay = json.loads((tmp_path / compose.OVERLAY).read_text())
    text = compose.stack(spec).read_text("utf-8")
    mounted = set(re.findall(r"^      - ([\w-]+):/", text, re.MULTILINE))
    assert set(overlay["volumes"]) == mounted
    assert mounted
    assert overlay["services"] == {name: {"labels": {"a": "b"}}}
    assert overlay["networks"] == {"default": {"labels": {"a": "b"}}}


def test_the_receipt_survives_json(pair: Pair) -> None:
    found: Drilled = drill(pair.fleet, pair.a)
    record = json.loads(json.dumps(found.record()))
    assert record["kind"] == "drill"
    assert [each["same"] for each in record["collections"]] == [True, True]
    assert record["rows"] == 4


def test_the_fleet_of_a_drill_is_its_own(pair: Pair) -> None:
    seen: list[Fleet] = []
    connect = Fleet.connect

    def watched(self: Fleet, *given: Any, **options: Any) -> Any:
        seen.append(self)
        return connect(self, *given, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Fleet, "connect", watched)
        drill(pair.fleet, pair.a)
    names = list(dict.fromkeys(each.name for each in seen))
    assert names[0] == "t"
    assert _drills.NAME.fullmatch(names[1])
    assert len(names) == 2
    assert fleet_in(pair.fleet.directory).records() == {}
