"""The state directory and the files in it, whatever somebody has done to them: an error that names the file, never a
bug, and the fleet as it was where that can be."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from dbfleet.errors import ConfigError, NotReady, RuntimeFailure, UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops.doctor import doctor
from dbfleet.ops.init import init
from dbfleet.ops.stop import stop
from dbfleet.runtimes import Event
from dbfleet.runtimes.compose import Projects
from dbfleet.runtimes.homes import Home

DAMAGED = {
    "nothing": b"",
    "NUL": b"\0\0",
    "a list": b"[]",
    "a number": b"5",
    "an empty object": b"{}",
    "not UTF-8": b'{"targets": {"\xff": {}}}',
    "too deep": b"[" * 100_000,
    "half of it": b'{"targets": {"redis": {"port": 63',
    "targets as a list": b'{"targets": [1]}',
    "a target as a number": b'{"targets": {"redis": 5}}',
    "a port as text": b'{"targets": {"redis": {"port": "6379"}}}',
    "a port that is none": b'{"targets": {"redis": {"port": 70000}}}',
    "a runtime that is none": b'{"targets": {"redis": {"runtime": "podman"}}}',
}


def fleet(state: Path, **more: str) -> Fleet:
    return Fleet.open(environ={"DBFLEET_STATE_DIR": str(state), "DBFLEET_CONFIG": "", **more}, directory=state.parent)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_state_is_told_with_its_file(state: Path, data: bytes) -> None:
    file = fleet(state).made_state() / "state.json"
    file.write_bytes(data)
    with pytest.raises(ConfigError, match=r"state\.json is damaged") as caught:
        fleet(state).records()
    assert "remove it" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["state.json", "secrets/password", "lock"])
def test_a_folder_in_the_place_of_a_file(state: Path, name: str) -> None:
    (fleet(state).made_state() / name).mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot be used"):
        _use(fleet(state))


def _use(one: Fleet) -> None:
    _ = one.password
    with one.lock(timeout_s=1):
        one.save_record("redis", port=6379)


@pytest.mark.parametrize("below", ["", "sub", "sub/deeper"])
def test_a_state_directory_that_is_a_file(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    one = fleet(tmp_path / "file" / below)
    for act in (one.records, one.made_state, lambda: one.password, lambda: one.target("redis")):
        with pytest.raises(ConfigError, match="cannot be used"):
            act()
    findings = {record["check"]: record for record in doctor(one)}
    assert findings["state"]["level"] == "fail"
    assert "DBFLEET_STATE_DIR" in findings["state"]["hint"]


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xfe"])
def test_a_password_that_is_none_is_not_taken_for_one(state: Path, data: bytes) -> None:
    one = fleet(state)
    assert one.password
    one.password_file.chmod(0o644)
    one.password_file.write_bytes(data)
    with pytest.raises(ConfigError, match="holds no password"):
        _ = fleet(state).password


def test_each_secret_is_made_once_and_is_another_one(state: Path) -> None:
    one = fleet(state)
    assert one.stored_secret("ro") is None
    assert not state.exists(), "looking makes nothing"
    made = one.secret("ro")
    assert made == one.secret("ro") == fleet(state).secret("ro") == one.secret_file("ro").read_text("ascii")
    assert len({made, one.secret("control"), one.password}) == 3
    assert oct(one.secret_file("ro").stat().st_mode)[-3:] == "444"
    assert oct(one.secrets_directory.stat().st_mode)[-3:] == "700"
    assert sorted(each.name for each in one.secrets_directory.iterdir()) == ["control", "password", "ro"]


def test_a_full_disk_leaves_the_state_as_it_was_and_no_rest(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = fleet(state)
    one.save_record("redis", port=6379)
    before = sorted(each.name for each in one.state.iterdir())

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        one.save_record("redis", port=1)
    assert one.record("redis") == {"port": 6379}
    assert sorted(each.name for each in one.state.iterdir()) == before


def test_looking_and_stopping_make_no_state(state: Path) -> None:
    one = fleet(state)
    assert one.records() == {}
    assert stop(one) == []
    assert not state.exists()


@pytest.mark.parametrize("data", [*DAMAGED.values(), b'{"home": 1, "run": 2}', b'{"home": "", "run": "", "pid": "x"}'])
def test_a_damaged_record_of_a_process(state: Path, data: bytes) -> None:
    home = Home(state, "redis")
    home.folder.mkdir(parents=True)
    (home.folder / "record.json").write_bytes(data)
    with pytest.raises(RuntimeFailure, match="cannot be read"):
        home.record()


@pytest.mark.parametrize("data", [b"[]", b"", b'{"": 5}', b"\xff", b"[" * 100_000])
def test_a_damaged_record_of_projects(tmp_path: Path, data: bytes) -> None:
    projects = Projects("default", tmp_path, tmp_path)
    (tmp_path / "projects.json").write_bytes(data)
    with pytest.raises(RuntimeFailure, match="is damaged"):
        projects.forget("x")


# --- dbfleet.toml -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"[targets.redis]\n# \xff\n", "is not UTF-8"),
        ("[targets.redis]\n".encode("utf-16"), "is not UTF-8"),
        (b"\0", "toml:1"),
        (b"x = " + b"[" * 5000, "nested too deeply"),
        (b"targets = []", "must be a table"),
        (b"[targets.redis.more]\nport = 1", "unknown key"),
        (b"targets = {redis = {prot = 1}}", "unknown key"),
        (b"[targets.redis]\r\nprot = 1\r\n", "toml:2"),
    ],
)
def test_a_settings_file_that_is_wrong_is_named(tmp_path: Path, data: bytes, told: str) -> None:
    (tmp_path / "dbfleet.toml").write_bytes(data)
    with pytest.raises(ConfigError, match=told) as caught:
        Fleet.open(environ={"HOME": str(tmp_path)}, directory=tmp_path)
    assert str(tmp_path / "dbfleet.toml") in caught.value.message


def test_a_settings_file_that_is_a_folder_is_not_overlooked(tmp_path: Path) -> None:
    (tmp_path / "dbfleet.toml").mkdir()
    with pytest.raises(ConfigError, match="Is a directory"):
        Fleet.open(environ={"HOME": str(tmp_path)}, directory=tmp_path)
    with pytest.raises(UsageError, match="is a folder"):
        init(tmp_path)


def test_the_mark_that_some_editors_begin_a_file_with_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "dbfleet.toml").write_bytes(b"\xef\xbb\xbf[targets.redis]\n")
    assert Fleet.open(environ={"HOME": str(tmp_path)}, directory=tmp_path).names == ("redis",)


def test_a_folder_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UsageError, match="is gone"):
        Fleet.open(environ={"HOME": str(tmp_path)})


def test_who_waits_for_another_dbfleet_is_told_so(state: Path) -> None:
    """Not that the directory cannot be used: the lock's timeout is an OSError as well."""
    with fleet(state).lock(), pytest.raises(NotReady, match="another dbfleet"), fleet(state).lock(timeout_s=0.2):
        pass


def test_a_command_waits_its_turn_and_says_so(state: Path) -> None:
    from dbfleet.ops._servers import alone

    one, other, said = fleet(state), fleet(state), []

    def heard(event: Event) -> None:
        said.append(event.text)
        held.close()

    held = ExitStack()
    held.enter_context(one.lock())
    with alone(other, heard, timeout_s=10):
        assert said == ["another dbfleet is at work on this fleet; waiting for it"]
