"""Settings, URLs and secrets: who wins, and what an error says."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbfleet import config, secrets
from dbfleet.config import load, parse_url
from dbfleet.errors import ConfigError, UnknownEngine, UsageError
from dbfleet.fleet import Fleet


def write(directory: Path, text: str) -> Path:
    (directory / "dbfleet.toml").write_text(text, "utf-8")
    return directory


def environ(directory: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(directory / "home"), "DBFLEET_STATE_DIR": str(directory / "state"), **more}


def test_without_any_source_the_fleet_is_the_default(tmp_path: Path) -> None:
    settings = load(environ=environ(tmp_path), directory=tmp_path)
    assert (settings.fleet, settings.runtime, settings.targets) == ("default", "auto", None)


def test_flag_beats_environment_beats_file(tmp_path: Path) -> None:
    below = write(tmp_path, '[fleet]\nname = "file"\nruntime = "docker"\n') / "a" / "b"
    below.mkdir(parents=True)
    settings = load(environ=environ(tmp_path), directory=below)
    assert (settings.fleet, settings.runtime) == ("file", "docker")
    assert settings.origins["fleet.runtime"].endswith("dbfleet.toml:3")
    settings = load(environ=environ(tmp_path, DBFLEET_FLEET="env"), directory=below)
    assert (settings.fleet, settings.origins["fleet.name"]) == ("env", "DBFLEET_FLEET")
    settings = load(fleet="flag", environ=environ(tmp_path, DBFLEET_FLEET="env"), directory=below)
    assert (settings.fleet, settings.origins["fleet.name"]) == ("flag", "--fleet")


def test_users_file_is_below_the_projects(tmp_path: Path) -> None:
    user = tmp_path / "home" / ".config" / "dbfleet"
    user.mkdir(parents=True)
    (user / "config.toml").write_text('[fleet]\nruntime = "process"\nname = "mine"\n')
    write(tmp_path, '[fleet]\nname = "project"\n')
    settings = load(environ=environ(tmp_path), directory=tmp_path)
    assert (settings.fleet, settings.runtime) == ("project", "process")


@pytest.mark.parametrize(
    ("text", "line", "says", "hint"),
    [
        ('[fleet]\nnmae = "x"\n', 2, "fleet.nmae", "name"),
        ("[fleet]\n\n[targets.pg]\nprot = 1\n", 4, "targets.pg.prot", "port"),
        ("[targets.pg]\nport = 0\n", 2, "1 to 65535", None),
        ("[targets.pg]\nport = true\n", 2, "1 to 65535", None),
        ('[targets.pg]\nport = "5432"\n', 2, "1 to 65535", None),
        ('[fleet]\nruntime = "dcoker"\n', 2, "dcoker", "docker"),
        ("[fleet\n", 1, "", None),
        ("[fleet]\nname = [\n\n", 2, "Invalid value", None),
        ('[flet]\nname = "x"\n', 1, "flet", "fleet"),
        ('[targets.pg]\nmemory = "lots"\n', 2, "512m", None),
        ('[targets.pg]\nurl = "postgresql://h/db"\nport = 5\n', 2, "not started", None),
    ],
)
def test_wrong_file_is_named_with_line_and_key(
    tmp_path: Path, text: str, line: int, says: str, hint: str | None
) -> None:
    write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(environ=environ(tmp_path), directory=tmp_path)
    assert f"dbfleet.toml:{line}" in str(caught.value)
    assert says in str(caught.value)
    if hint:
        assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[targets.pg]\nurl = "postgresql://u:s3cr3t@h:port/db"\n', ":2: targets.pg.url: the URL's port"),
        ('[targets.pg]\nurl = "postgresql://${env:NOWHERE}@h/db"\n', ":2: targets.pg.url: ${env:NOWHERE}"),
        ('[targets.pg]\nurl = "postgresql://h/db#x"\n', ":2: targets.pg.url: a target's URL has no #collection"),
        ('[targets.pg]\nengine = "redis"\nurl = "postgresql://h"\n', ":3: targets.pg.url: it is of postgres"),
        ("[targets.shop]\n", ": targets.shop has neither an engine nor a url"),
    ],
)
def test_a_target_that_cannot_be_is_named_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        print(Fleet.open(environ=environ(tmp_path), directory=tmp_path).targets)
    assert f"dbfleet.toml{says}" in str(caught.value)
    assert "s3cr3t" not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@h:5433/db", ("u", "p", "h", 5433, "db")),
        ("postgresql://u@h/db", ("u", None, "h", None, "db")),
        ("postgresql://h", (None, None, "h", None, None)),
        ("postgresql://u:%40%3A%2F%3F%23%25@h/db", ("u", "@:/?#%", "h", None, "db")),
        ("postgresql://u:p@ss:w@h/db", ("u", "p@ss:w", "h", None, "db")),
        ("postgresql://u:@h/db", ("u", "", "h", None, "db")),
        ("postgresql://u:p@[::1]:5/db", ("u", "p", "::1", 5, "db")),
        ("mongodb://u:p@a:1,b:2/db", ("u", "p", "a:1,b:2", None, "db")),
        ("sqlite:///rel/x.db", (None, None, None, None, "rel/x.db")),
        ("sqlite:////abs/x.db", (None, None, None, None, "/abs/x.db")),
        ("postgresql://u:${env:A/B}@h/db", ("u", "${env:A/B}", "h", None, "db")),
        ("postgresql://u:${file:/run/s@x}@h/${env:DB}", ("u", "${file:/run/s@x}", "h", None, "${env:DB}")),
    ],
)
def test_url_is_taken_apart(url: str, expected: tuple[object, ...]) -> None:
    found = parse_url(url)
    assert (found.user, found.password, found.host, found.port, found.database) == expected


def test_fragment_is_the_collection_and_query_the_options() -> None:
    found = parse_url("postgresql://h/db?sslmode=require&x=a%26b#order%20items")
    assert (found.collection, found.options) == ("order items", {"sslmode": "require", "x": "a&b"})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2/x@h/db",
        "postgresql://u:12/hunter2@h/db",
        "postgresql://u:hunter2#x@h/db",
        "postgresql://u:hunter2?x@h/db",
        "postgresql://u:x@h:hunter2/db",
        "postgresql//u:hunter2@h/db",
        "postgresql:/u:hunter2@h/db",
        "u:hunter2@h",
        "://u:hunter2@h/db",
        "post gres://u:hunter2@h",
    ],
)
def test_malformed_url_never_echoes_what_may_be_a_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Fleet.open(environ=environ(tmp_path), directory=tmp_path).target(url)
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


def test_target_never_shows_its_password(tmp_path: Path) -> None:
    target = Fleet.open(environ=environ(tmp_path), directory=tmp_path).target("sqlite:///x.db?password=hunter2")
    assert "hunter2" not in repr(target)
    assert "hunter2" not in target.url()
    assert "hunter2" in target.url(reveal=True)


def test_url_names_the_same_target_again() -> None:
    from dbfleet.target import Target

    for parts in (
        {"host": "::1", "port": 5, "user": "ü", "password": "@:/?#% ", "database": "a b"},
        {"database": "/abs/x y.db"},
        {"host": "a:1,b:2", "user": "u", "database": "db", "options": {"authSource": "admin"}},
    ):
        found = parse_url(Target("t", "e", "x", **parts).url(reveal=True))  # type: ignore[arg-type]
        for key, value in parts.items():
            assert getattr(found, key) == value


def test_placeholders(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("p@:/\n")
    expand = {"environ": {"X": "1"}, "directory": tmp_path}
    assert secrets.expand("a${env:X}${file:secret}", **expand) == "a1p@:/"  # type: ignore[arg-type]
    for wrong in ("${env:Y}", "${file:nope}"):
        with pytest.raises(ConfigError):
            secrets.expand(wrong, **expand)  # type: ignore[arg-type]


def test_secret_of_a_placeholder_may_hold_any_character(tmp_path: Path) -> None:
    write(tmp_path, '[targets.x]\nurl = "sqlite:///${env:FILE}"\n')
    fleet = Fleet.open(environ=environ(tmp_path, FILE="/a@b?c#d:e.db"), directory=tmp_path)
    assert fleet.target("x").database == "/a@b?c#d:e.db"


def test_redaction_hides_all_up_to_the_last_at() -> None:
    assert secrets.redact("x://u:a@b/c@d/e") == "x://***@d/e"
    assert secrets.redact("no url") == "no url"


def test_passwords_are_random_and_of_three_classes() -> None:
    found = {secrets.generate_password() for _ in range(50)}
    assert len(found) == 50
    for password in found:
        assert len(password) == 24
        assert password.isascii()
        assert password.isalnum()
        assert password[0].isalpha()


def test_names_aliases_and_collections(tmp_path: Path) -> None:
    fleet = Fleet.open(environ=environ(tmp_path), directory=tmp_path)
    assert fleet.target("sqlite3").name == "sqlite"
    assert fleet.locate("sqlite.orders")[1] == "orders"
    assert fleet.locate("sqlite.main.orders")[1] == "main.orders"
    assert fleet.locate("sqlite:///x.db#orders")[1] == "orders"
    with pytest.raises(UsageError):
        fleet.target("sqlite.orders")
    with pytest.raises(UnknownEngine) as caught:
        fleet.target("sqlit")
    assert "sqlite" in (caught.value.hint or "")


def test_variable_sets_a_port_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    settings = load(environ=environ(tmp_path, DBFLEET_POSTGRES_PORT="5999"), directory=tmp_path)
    assert settings.target("postgres").port == 5999
    with pytest.raises(ConfigError, match="DBFLEET_POSTGRES_PORT"):
        load(environ=environ(tmp_path, DBFLEET_POSTGRES_PORT="x"), directory=tmp_path).target("postgres")


def test_a_state_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    fleet = Fleet.open(environ=environ(tmp_path) | {"DBFLEET_STATE_DIR": str(tmp_path / "file")}, directory=tmp_path)
    with pytest.raises(ConfigError, match="file/default cannot be used: Not a directory") as caught:
        fleet.made_state()
    assert "DBFLEET_STATE_DIR" in (caught.value.hint or "")


def test_looking_writes_nothing(tmp_path: Path) -> None:
    fleet = Fleet.open(environ=environ(tmp_path), directory=tmp_path)
    assert fleet.targets
    assert not (tmp_path / "state").exists()


def test_password_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    fleet = Fleet.open(environ=environ(tmp_path), directory=tmp_path)
    assert fleet.password == fleet.password
    assert fleet.secrets_directory.stat().st_mode & 0o777 == 0o700
    other = Fleet.open("other", environ=environ(tmp_path), directory=tmp_path)
    assert other.password != fleet.password


def test_records_are_kept_and_forgotten(tmp_path: Path) -> None:
    fleet = Fleet.open(environ=environ(tmp_path), directory=tmp_path)
    with fleet.lock():
        fleet.save_record("sqlite", port=5, pid=7)
        fleet.save_record("sqlite", pid=None)
    assert Fleet.open(environ=environ(tmp_path), directory=tmp_path).records() == {"sqlite": {"port": 5}}
    with fleet.lock():
        fleet.forget("sqlite")
    assert fleet.records() == {}


def test_damaged_state_is_said(tmp_path: Path) -> None:
    fleet = Fleet.open(environ=environ(tmp_path), directory=tmp_path)
    (fleet.made_state() / "state.json").write_text("{")
    with pytest.raises(ConfigError, match=r"state\.json"):
        fleet.records()


def test_every_runtime_is_known() -> None:
    assert config.RUNTIMES == ("auto", "docker", "process")
