"""Who reads a target that is to be read only: what is enforced by nothing is refused, and says how to change that."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbfleet.errors import AuthFailed, ConfigError, Unavailable, Unsupported
from dbfleet.fleet import READER, Fleet
from dbfleet.ops.config_show import config_show, config_validate
from dbfleet.ops.query import query
from dbfleet.ops.url import url

TARGET = '[targets.shop]\nurl = "postgresql://owner:first@h/shop"\n'
READER_URL = 'ro_url = "postgresql://looker:second@h/shop"\n'


def fleet(directory: Path, text: str = "") -> Fleet:
    if text:
        (directory / "dbfleet.toml").write_text(text, "utf-8")
    environ = {"HOME": str(directory), "DBFLEET_STATE_DIR": str(directory / "state")}
    return Fleet.open(environ=environ, directory=directory)


def test_somebodys_server_is_read_by_the_account_of_the_settings(tmp_path: Path) -> None:
    one = fleet(tmp_path, TARGET + READER_URL)
    reader = one.reader(one.target("shop"))
    assert (reader.name, reader.user, reader.password, reader.read_only) == ("shop", "looker", "second", True)
    assert one.reader(reader) is reader
    assert url(one, "shop", read_only=True) == "postgresql://looker:***@h:5432/shop"
    assert url(one, "shop") == "postgresql://owner:***@h:5432/shop"


def test_settings_are_shown_without_the_readers_password(tmp_path: Path) -> None:
    one = fleet(tmp_path, TARGET + READER_URL)
    (shown,) = [record for record in config_show(one) if record["key"] == "targets.shop.ro_url"]
    assert shown["value"] == "postgresql://looker:***@h:5432/shop"
    assert shown["origin"].endswith("dbfleet.toml:3")
    assert "second" not in repr(one.settings)


@pytest.mark.parametrize("typed", ["shop", "postgresql://owner:first@h/shop"])
def test_an_account_whose_rights_nobody_knows_is_not_used(tmp_path: Path, typed: str) -> None:
    one = fleet(tmp_path, TARGET)
    with pytest.raises(Unsupported, match="not enforced") as caught:
        one.reader(one.target(typed))
    assert 'ro_url = "postgresql://' in (caught.value.hint or "")
    assert "first" not in caught.value.message + (caught.value.hint or "")


def test_nobody_is_asked_where_one_of_several_is_not_enforced(tmp_path: Path) -> None:
    one = fleet(tmp_path, '[targets.a]\nurl = "sqlite:///a.db"\n[targets.b]\nurl = "postgresql://h/b"\n')
    places = [(one.target("a"), None), (one.target("b"), None)]
    with pytest.raises(Unsupported, match="not enforced"), query(one, places, "select 1", read_only=True):
        pass


def test_a_server_that_was_never_started_says_how(tmp_path: Path) -> None:
    one = fleet(tmp_path)
    with pytest.raises(Unavailable, match="never started") as caught:
        one.reader(one.target("postgres"))
    assert "up postgres" in (caught.value.hint or "")
    assert not (tmp_path / "state").exists(), "looking writes nothing"


def test_a_fleet_of_an_earlier_dbfleet_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = fleet(tmp_path)
    monkeypatch.setattr(one, "check", lambda target: None)  # its server is up
    with pytest.raises(AuthFailed, match="no account") as caught:
        one.reader(one.target("postgres"))
    assert "up postgres" in (caught.value.hint or "")


def test_the_readers_password_is_another(tmp_path: Path) -> None:
    one = fleet(tmp_path)
    assert one.secret("ro") != one.password
    reader = one.reader(one.target("postgres"))
    assert (reader.user, reader.password) == (READER, one.secret("ro"))


def test_a_file_has_no_url_that_could_not_write(tmp_path: Path) -> None:
    one = fleet(tmp_path)
    assert one.reader(one.target("sqlite:///a.db")).read_only
    with pytest.raises(Unsupported, match="has no account") as caught:
        url(one, "sqlite:///a.db", read_only=True)
    assert "query --read-only" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[targets.postgres]\n" + READER_URL, r"toml:2: targets\.postgres\.ro_url: is for a target with a url"),
        (TARGET + 'ro_url = "mysql://h/shop"\n', r"toml:3: targets\.shop\.ro_url: it is of mysql, not postgres"),
        (TARGET + 'ro_url = "postgresql://h/shop#orders"\n', r"targets\.shop\.ro_url: .* no #collection"),
        (
            TARGET + 'ro_url = "postgresql://looker:second@h:port/shop"\n',
            r"toml:3: targets\.shop\.ro_url: the URL's port",
        ),
        (TARGET + "ro_url = 5\n", r"targets\.shop\.ro_url: must be text"),
        (TARGET + 'ro_urls = "x"\n', r"targets\.shop\.ro_urls: unknown key"),
    ],
)
def test_a_wrong_setting_is_named_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        config_validate(fleet(tmp_path, text))
    assert "second" not in caught.value.message + (caught.value.hint or "")


def test_a_damaged_password_of_the_readers_costs_no_data(tmp_path: Path) -> None:
    one = fleet(tmp_path)
    one.secret("ro")
    one.secret_file("ro").chmod(0o644)
    one.secret_file("ro").write_text("")
    with pytest.raises(ConfigError, match="damaged") as caught:
        one.reader(one.target("postgres"))
    assert "up again" in (caught.value.hint or "")
    assert "--volumes" not in (caught.value.hint or "")
