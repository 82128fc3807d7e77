"""What a service is told of the fleet: its file of targets, from where it runs, and what stands in it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from dbfleet.fleet import Fleet
from dbfleet.ops import _console

SETTINGS = """
[targets.postgres]
[targets.neo4j]
[targets.away]
engine = "mongodb"
[targets.theirs]
url = "mysql://writer:w%40rite@localhost:3399/shop"
ro_url = "mysql://reader:r%3Aead@localhost:3399/shop"
[targets.nobody]
url = "postgresql://db.example.org/sales"
[targets.unguarded]
url = "postgresql://me:secret@db.example.org/sales"
[targets.sqlite]
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    (tmp_path / "dbfleet.toml").write_text(SETTINGS, "utf-8")
    found = Fleet.open(environ={"DBFLEET_STATE_DIR": str(tmp_path / "s")}, directory=tmp_path)
    for secret in ("password", "ro"):
        found.secret(secret)
    for name in ("postgres", "neo4j"):
        found.save_record(name, engine=name, runtime="docker", port=21000, wanted=True)
    return found


def told(fleet: Fleet, name: str, runtime: str) -> tuple[dict[str, Any], Path]:
    fleet.save_record(name, runtime=runtime, wanted=True)
    _console.tell(fleet, name, runtime)
    file = _console.told_file(fleet, name)
    return tomllib.loads(file.read_text("utf-8"))["targets"], file.parent


def secrets_in(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text("utf-8") for file in folder.iterdir() if file.suffix in (".ro", ".password")}


def test_web_on_this_machine_has_readers_only_at_the_addresses_of_this_machine(fleet: Fleet) -> None:
    targets, folder = told(fleet, "web", "process")
    at = f"${{file:{folder}/postgres.ro}}"
    assert targets["postgres"]["url"] == f"postgresql://dbfleet_ro:{at}@127.0.0.1:21000/dbfleet"
    assert targets["postgres"]["ro_url"] == targets["postgres"]["url"]
    assert secrets_in(folder)["postgres.ro"] == fleet.secret("ro")
    assert secrets_in(folder)["theirs.ro"] == "r:ead"
    assert not {fleet.password, "w@rite", "secret"} & set(secrets_in(folder).values())
    assert targets["unguarded"] == {"url": "postgresql://db.example.org:5432/sales"}, "nothing would refuse a change"
    assert targets["sqlite"]["url"].endswith("/sqlite.db")


def test_a_server_that_is_not_up_is_told_without_a_login(fleet: Fleet) -> None:
    targets, folder = told(fleet, "web", "process")
    assert targets["away"]["url"].startswith("mongodb://127.0.0.1:27017/")
    fleet.save_record("postgres", stopped=True)
    targets, folder = told(fleet, "web", "process")
    assert targets["postgres"] == {"url": "postgresql://127.0.0.1:21000/dbfleet"}
    assert "postgres.ro" not in secrets_in(folder)


def test_a_container_finds_the_others_by_name_and_this_machine_by_its_own(fleet: Fleet) -> None:
    targets, folder = told(fleet, "worker", "docker")
    assert (
        targets["postgres"]["url"]
        == "postgresql://dbfleet:${file:/run/dbfleet/postgres.password}@postgres:5432/dbfleet"
    )
    assert (
        targets["postgres"]["ro_url"]
        == "postgresql://dbfleet_ro:${file:/run/dbfleet/postgres.ro}@postgres:5432/dbfleet"
    )
    assert (
        targets["theirs"]["url"] == "mysql://writer:${file:/run/dbfleet/theirs.password}@host.docker.internal:3399/shop"
    )
    assert secrets_in(folder)["theirs.password"] == "w@rite"
    assert "sqlite" not in targets
    assert _console.tell(fleet, "worker", "docker") == ["sqlite"]


def test_the_worker_s_file_can_be_read_by_a_dbfleet_with_the_same_targets(fleet: Fleet, tmp_path: Path) -> None:
    _, folder = told(fleet, "worker", "docker")
    text = (folder / "dbfleet.toml").read_text("utf-8").replace("/run/dbfleet", str(folder))
    (tmp_path / "inside.toml").write_text(text, "utf-8")
    environ = {"DBFLEET_CONFIG": str(tmp_path / "inside.toml"), "DBFLEET_STATE_DIR": str(tmp_path / "inside")}
    inside = Fleet.open(environ=environ, directory=tmp_path)
    assert set(inside.names) == set(fleet.names) - {"sqlite"}
    assert (inside.target("theirs").password, inside.target("postgres").password) == ("w@rite", fleet.password)
    reader = inside.reader(inside.target("postgres"))
    assert (reader.user, reader.password, reader.read_only) == ("dbfleet_ro", fleet.secret("ro"), True)


def test_pgadmin_has_the_servers_of_its_engine_and_their_passwords_as_libpq_reads_them(fleet: Fleet) -> None:
    _, folder = told(fleet, "pgadmin", "docker")
    servers = json.loads((folder / "servers.json").read_text("utf-8"))["Servers"]
    by_name = {each["Name"]: each for each in servers.values()}
    assert set(by_name) == {"postgres"}
    assert (by_name["postgres"]["Host"], by_name["postgres"]["Username"]) == ("postgres", "dbfleet_ro")
    assert (folder / "pgpass").read_text("utf-8") == f"postgres:5432:*:dbfleet_ro:{fleet.secret('ro')}\n"
    assert fleet.password not in "".join(file.read_text("utf-8") for file in folder.iterdir())


def test_the_folder_is_closed_on_this_machine_and_open_inside_a_container(fleet: Fleet) -> None:
    _, folder = told(fleet, "web", "docker")
    modes = [oct(each.stat().st_mode)[-3:] for each in (folder.parent, folder, folder / "dbfleet.toml")]
    assert modes == ["700", "755", "444"]


def test_what_is_not_told_any_more_does_not_stay(fleet: Fleet) -> None:
    _, folder = told(fleet, "worker", "docker")
    assert "theirs.password" in secrets_in(folder)
    fleet.save_record("postgres", stopped=True)
    _, folder = told(fleet, "worker", "docker")
    assert "postgres.password" not in secrets_in(folder)


@pytest.mark.parametrize("name", ["web", "worker"])
def test_what_a_person_sets_of_the_console_reaches_its_processes(tmp_path: Path, name: str) -> None:
    given = {
        "DBFLEET_CONSOLE_OIDC_URL": "https://login.example.org",
        "DBFLEET_CONSOLE_OIDC_SECRET": "${file:/run/oidc}",
        "DBFLEET_CONSOLE_TOTP": "required",
        "DBFLEET_NOTICE_SCHEMES": "https",
    }
    other = {"DBFLEET_STATE_DIR": str(tmp_path / "s"), "DBFLEET_CONSOLE_KEY_FILE": "/elsewhere", "SECRET": "x"}
    found = _console.environment(Fleet.open(environ={**given, **other}, directory=tmp_path), name, "process")
    assert given.items() <= found.items()
    assert found["DBFLEET_CONSOLE_KEY_FILE"] != "/elsewhere"
    assert "SECRET" not in found
