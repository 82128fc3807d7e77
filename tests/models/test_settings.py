"""`env --format django`: Python that Django takes, the same for the same targets, and without a password."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.core.exceptions import ImproperlyConfigured

from dbfleet import registry
from dbfleet.errors import UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops.env import django_settings, env
from tests.models.written import same_as_golden

PASSWORD = "p@ss:/w%rd"
TOML = f"""
[targets.shop]
url = "postgresql://me:{quote(PASSWORD, safe="")}@db.example:5433/shop?sslmode=require&sslpassword=hush&search_path=app"
[targets.orders]
url = "mysql://me:{quote(PASSWORD, safe="")}@db.example/shop?ssl_mode=verify_identity&ssl-ca=/ca.pem"
[targets.maria]
url = "mariadb://me@db.example/shop"
[targets.ora]
url = "oracle://me:x@db.example/FREEPDB1"
[targets.ms]
url = "sqlserver://me:x@db.example/shop"
[targets.file]
url = "sqlite:////srv/shop.db"
[targets.mongo]
url = "mongodb://me:x@one.example:27017,two.example:27018/shop?replicaSet=rs&authSource=admin"
[targets.kv]
url = "rediss://me:x@db.example/3"
[targets.couch]
url = "couchdb://me:x@db.example"
[targets.graph]
url = "bolt://me:x@db.example"
[targets.wide]
url = "cassandra://me:x@db.example/ks"
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    (tmp_path / "dbfleet.toml").write_text(TOML)
    return Fleet.open(environ={"DBFLEET_STATE_DIR": str(tmp_path)}, directory=tmp_path)


@pytest.fixture
def exported(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in env(fleet):
        monkeypatch.setenv(name, value)


def run(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    exec(text, found)
    return found


def test_the_settings_of_every_engine_are_as_they_were(fleet: Fleet) -> None:
    assert {target.engine for target in fleet.targets.values()} == set(registry.names())
    same_as_golden("settings.py", django_settings(fleet))


def test_no_password_is_in_the_text(fleet: Fleet) -> None:
    text = django_settings(fleet)
    for secret in (PASSWORD, quote(PASSWORD, safe=""), "hush"):
        assert secret not in text


@pytest.mark.usefixtures("exported")
def test_the_text_runs_and_passwords_come_from_the_environment(fleet: Fleet) -> None:
    found = run(django_settings(fleet))
    shop = found["DATABASES"]["shop"]
    assert (shop["HOST"], shop["PORT"], shop["PASSWORD"]) == ("db.example", 5433, PASSWORD)
    assert shop["OPTIONS"] == {"sslmode": "require", "sslpassword": "hush", "options": "-c search_path=app"}
    assert found["DATABASES"]["orders"]["PASSWORD"] == PASSWORD
    assert "PASSWORD" not in found["DATABASES"]["maria"]
    assert found["CACHES"]["kv"]["LOCATION"] == "rediss://db.example:6379/4"
    assert found["DBFLEET"] == {name: f"DBFLEET_{name.upper()}_URL" for name in ("kv", "couch", "graph", "wide")}


def test_a_variable_that_is_not_set_is_named(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBFLEET_SHOP_URL", raising=False)
    with pytest.raises(ImproperlyConfigured, match="DBFLEET_SHOP_URL"):
        run(django_settings(fleet, ["shop"]))


@pytest.mark.usefixtures("exported")
@pytest.mark.parametrize(
    ("names", "default"),
    [([], "shop"), (["mongo", "shop"], "mongo"), (["couch", "file"], "file")],
    ids=["the backend that comes with Django", "the first that is named", "the first that has a backend"],
)
def test_the_default_database(fleet: Fleet, names: list[str], default: str) -> None:
    databases = run(django_settings(fleet, names))["DATABASES"]
    assert databases["default"] == {**databases[default], "TEST": {"MIRROR": default}}


def test_without_a_database_backend_default_is_django_s_dummy(fleet: Fleet) -> None:
    assert run(django_settings(fleet, ["graph"]))["DATABASES"] == {"default": {}}


def test_engines_without_a_backend_are_told_with_what_to_use_instead(fleet: Fleet) -> None:
    text = " ".join(django_settings(fleet).replace("#", " ").split())
    for name in ("kv", "couch", "graph", "wide"):
        assert f"dbfleet models --format django {name}" in text


def test_two_targets_of_one_name_are_refused(fleet: Fleet) -> None:
    with pytest.raises(UsageError, match="two targets would have their URLs in one variable, DBFLEET_SQLITE_URL"):
        django_settings(fleet, ["sqlite:///a.db", "sqlite:///b.db"])


def test_a_target_called_default_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dbfleet.toml").write_text('[targets.default]\nurl = "sqlite:///a.db"\n')
    fleet = Fleet.open(environ={"DBFLEET_STATE_DIR": str(tmp_path)}, directory=tmp_path)
    with pytest.raises(UsageError, match="called default"):
        django_settings(fleet)


def test_the_op_imports_no_django() -> None:
    code = "import sys, dbfleet.ops.env, dbfleet.ops.models; print('django' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
