"""What a service is told of the fleet: its file of targets, from where it runs, and what stands in it."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import ConfigError
from dbfleet.fleet import Fleet
from dbfleet.ops import _console
from dbfleet.ops.config_show import config_show

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


SET = """
[services.web]
oidc_url = "https://login.example.org"
oidc_client = "dbfleet"
oidc_secret = "${env:SHARED}"
totp = "required"
processes = 2
[services.worker]
slots = 8
notice_schemes = "https, mailto"
"""
SHARED = "what web and the provider share"


def with_settings(folder: Path, text: str = SET, **environ: str) -> Fleet:
    (folder / "dbfleet.toml").write_text(text, "utf-8")
    return Fleet.open(environ={"DBFLEET_STATE_DIR": str(folder / "s"), **environ}, directory=folder)


@pytest.mark.parametrize("runtime", ["process", "docker"])
def test_what_a_person_sets_of_a_service_reaches_whom_it_concerns(tmp_path: Path, runtime: str) -> None:
    fleet = with_settings(tmp_path, SHARED=SHARED, DBFLEET_WORKER_SLOTS="3", DBFLEET_CONSOLE_KEY_FILE="/elsewhere")
    web, worker = (_console.environment(fleet, name, runtime) for name in ("web", "worker"))
    assert (web["DBFLEET_CONSOLE_OIDC_URL"], web["DBFLEET_CONSOLE_TOTP"]) == ("https://login.example.org", "required")
    assert web["DBFLEET_WEB_PROCESSES"] == "2"
    assert worker["DBFLEET_WORKER_SLOTS"] == "3", "the variable wins over the file"
    assert web["DBFLEET_NOTICE_SCHEMES"] == worker["DBFLEET_NOTICE_SCHEMES"] == "https, mailto"
    assert "DBFLEET_CONSOLE_OIDC_URL" not in worker
    assert "DBFLEET_WORKER_SLOTS" not in web
    assert web.get("DBFLEET_CONSOLE_KEY_FILE") != "/elsewhere"
    assert web.get("DBFLEET_WEB_THREADS", "") == ""


@pytest.mark.parametrize("runtime", ["process", "docker"])
@pytest.mark.parametrize("given", ["${env:SHARED}", "${file:shared}", SHARED])
def test_a_secret_setting_is_a_file_of_web_s_and_stands_in_no_environment(
    tmp_path: Path, runtime: str, given: str
) -> None:
    (tmp_path / "shared").write_text(SHARED + "\n")
    fleet = with_settings(tmp_path, SET.replace("${env:SHARED}", given), SHARED=SHARED)
    _, folder = told(fleet, "web", runtime)
    assert (folder / "oidc-secret").read_text("utf-8") == SHARED
    found = _console.environment(fleet, "web", runtime)
    assert not [name for name, value in found.items() if SHARED in value]
    if runtime == "process":
        assert found["DBFLEET_CONSOLE_OIDC_SECRET"] == f"${{file:{folder / 'oidc-secret'}}}"
    assert not (folder.parent / "worker" / "oidc-secret").exists()
    shown = {each["key"]: each["value"] for each in config_show(fleet)}
    assert shown["services.web.oidc_secret"] == (given if given.startswith("$") else "***")
    assert shown["services.worker.slots"] == "8"


def test_a_container_finds_the_file_where_nothing_was_set(tmp_path: Path) -> None:
    _, folder = told(with_settings(tmp_path, ""), "web", "docker")
    assert (folder / "oidc-secret").read_text("utf-8") == ""


def test_a_secret_without_a_value_says_where_it_was_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"web\.oidc_secret.*SHARED"):
        told(with_settings(tmp_path), "web", "docker")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[services.web]\ntotpp = "required"', "dbfleet.toml:2: services.web.totpp: unknown key"),
        ('[services.web]\ntotp = "always"', "services.web.totp: must be optional or required"),
        ('[services.web]\noidc_url = "login.example.org"', "services.web.oidc_url: must be the issuer's address"),
        ('[services.web]\noidc_ca = "/etc/ca.pem"', "services.web.oidc_ca: must be ${file:PATH}"),
        ("[services.web]\nprocesses = 0", "services.web.processes: must be a number"),
        ("[services.web]\nprocesses = true", "services.web.processes: must be text or a number"),
        ("[services.beat]\nslots = 4", "services.beat.slots: unknown key"),
        ('[services.worker]\nnotice_allow = "everywhere"', "services.worker.notice_allow: must be networks"),
    ],
)
def test_a_setting_that_a_service_cannot_take_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        with_settings(tmp_path, text).names  # noqa: B018  # it is read when it is asked for


def test_a_variable_that_a_service_cannot_take_is_told_without_its_value(tmp_path: Path) -> None:
    fleet = with_settings(tmp_path, DBFLEET_CONSOLE_TOTP="hunter2")
    with pytest.raises(ConfigError, match="DBFLEET_CONSOLE_TOTP: must be optional or required") as caught:
        _console.environment(fleet, "web", "docker")
    assert "hunter2" not in str(caught.value)
