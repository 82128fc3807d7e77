"""`dbfleet models` on the command line, its names, and the app that it writes: what is refused, and when it is told."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from dbfleet.ops.models._names import OF_MODELS, Taken, app_label, class_name, field_name
from tests.zoo.walk import run


@pytest.fixture
def url(tmp_path: Path) -> str:
    file = tmp_path / "a.db"
    with sqlite3.connect(file) as connection:
        connection.executescript(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE log (line TEXT);"
        )
    connection.close()
    return f"sqlite:///{file}"


def test_one_target_goes_to_stdout_and_what_is_left_out_is_told(url: str) -> None:
    ran = run("models", url)
    assert ran.code == 0
    assert b"class User(models.Model):" in ran.out
    assert b"# No model: log: it has no key, and Django's models need one" in ran.out
    assert "log: it has no key" in ran.err


def test_a_collection_that_was_named_and_cannot_be_a_model_is_an_error(url: str) -> None:
    ran = run("models", f"{url}#log")
    assert (ran.code, ran.out) == (6, b"")
    assert "log cannot be a model: it has no key" in ran.err


def test_a_collection_that_is_not_there_comes_with_the_nearest(url: str) -> None:
    ran = run("models", f"{url}#usres")
    assert (ran.code, ran.out) == (5, b"")
    assert "users" in ran.err


def test_several_targets_need_a_folder(url: str) -> None:
    ran = run("models", url, "postgresql://nobody@127.0.0.1:1/x")
    assert (ran.code, ran.out) == (2, b"")
    assert "--output fleet" in ran.err


def test_nothing_is_written_where_one_of_several_targets_cannot_be_reached(url: str, tmp_path: Path) -> None:
    ran = run("models", url, "postgresql://nobody@127.0.0.1:1/x", "--output", str(tmp_path / "fleet"))
    assert ran.code == 3
    assert not (tmp_path / "fleet").exists()


@pytest.mark.parametrize(("place", "code"), [("file", 2), ("file/x", 7), ("/proc/x", 7)])
def test_a_folder_that_cannot_be_is_told_in_words(url: str, tmp_path: Path, place: str, code: int) -> None:
    (tmp_path / "file").write_text("mine\n")
    ran = run("models", url, "--output", str(tmp_path / place))
    assert ran.code == code, ran.err
    assert "bug" not in ran.err
    assert (tmp_path / "file").read_text() == "mine\n"


def test_files_that_differ_are_not_overwritten_without_yes(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    assert run("models", url, "-o", str(folder)).code == 0
    models = folder / "sqlite" / "models.py"
    text = models.read_text("utf-8")
    assert run("models", url, "-o", str(folder)).code == 0, "the same text is no other file"
    models.write_text("mine\n", "utf-8")
    ran = run("models", url, "-o", str(folder))
    assert ran.code == 2
    assert "models.py" in ran.err
    assert models.read_text("utf-8") == "mine\n"
    assert run("models", url, "-o", str(folder), "--yes").code == 0
    assert models.read_text("utf-8") == text
    assert sorted(path.name for path in folder.rglob("*.py")) == ["__init__.py", "__init__.py", "apps.py", "models.py"]


@pytest.mark.parametrize("name", ["not-a-word", "2nd"])
def test_a_folder_that_cannot_be_a_package_is_refused(url: str, tmp_path: Path, name: str) -> None:
    ran = run("models", url, "-o", str(tmp_path / name))
    assert ran.code == 2
    assert "--output fleet" in ran.err
    assert not (tmp_path / name).exists()


def test_a_project_s_own_folder_is_refused(url: str, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "manage.py").touch()
    assert run("models", url, "-o", str(project)).code == 2
    assert [path.name for path in project.iterdir()] == ["manage.py"]


def test_an_unknown_format_is_refused(url: str) -> None:
    assert run("models", url, "--format", "rails").code == 2
    assert run("env", url, "--format", "djanggo").err.count("django") == 1


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("total", "total"), ("createdAt", "created_at"), ("ORDER_ID", "order_id"), ("Order Id", "order_id"),
        ("class", "class_field"), ("None", "none"), ("id", "id_field"), ("pk", "pk_field"), ("__x__", "x"),
        ("1a", "field_1a"),
        ("", "field"), ("💥", "field"), ("a--b", "a_b"), ("été", "été"), ("HTTPStatus", "httpstatus"),
        ("match", "match"),
    ],
)  # fmt: skip
def test_names_of_fields(column: str, name: str) -> None:
    assert field_name(column) == name


def test_the_key_may_be_called_id() -> None:
    assert field_name("id", key=True) == "id"


@pytest.mark.parametrize(
    ("collection", "name"),
    [
        ("orders", "Order"), ("order_items", "OrderItem"), ("categories", "Category"), ("status", "Status"),
        ("address", "Address"), ("addresses", "Address"), ("series", "Series"), ("public.boxes", "Box"),
        ("Users", "User"),
        ("2fa", "Collection2fa"), ("-", "Collection"), ("dies", "Die"), ("analysis", "Analysis"), ("s", "S"),
    ],
)  # fmt: skip
def test_names_of_classes(collection: str, name: str) -> None:
    assert class_name(collection) == name


@pytest.mark.parametrize(
    ("target", "label"), [("postgres", "postgres"), ("my-db", "my_db"), ("2nd", "target_2nd"), ("as", "as_app")]
)
def test_labels(target: str, label: str) -> None:
    assert app_label(target) == label


def test_a_name_that_is_taken_gets_a_number() -> None:
    taken = Taken(["a", "b_id"])
    assert [taken.take("a"), taken.take("a"), taken.take("b", "_id"), taken.take("c9"), taken.take("c9")] == [
        "a_2", "a_3", "b_2", "c9", "c9_n2",
    ]  # fmt: skip


def test_what_models_have_already_is_known() -> None:
    """Every public name of Django's Model, and those that a model class gets."""
    code = "import django\nfrom django.db import models\nprint(*(name for name in dir(models.Model) if name[0] != '_'))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(found) <= OF_MODELS


# --- the app ----------------------------------------------------------------------------------------------------------

_CHECKED = """
from django.conf import settings
settings.configure(USE_TZ={use_tz}, DATABASES={databases}, DATABASE_ROUTERS=["dbfleet.django.Router"],
                   INSTALLED_APPS=["fleet.sqlite", "django.contrib.contenttypes"])
import django
django.setup()
from django.core import checks
from django.db import connections, router
from fleet.sqlite.models import User
from django.contrib.contenttypes.models import ContentType
print([each.id for each in checks.run_checks()])
print(router.db_for_write(User), router.db_for_read(ContentType), router.allow_migrate_model("sqlite", User),
      router.allow_migrate_model("sqlite", ContentType), router.allow_migrate_model("default", ContentType))
"""


@pytest.mark.parametrize(
    ("use_tz", "engine", "found"),
    [
        (True, "dbfleet.django.sqlite", []),
        (False, "dbfleet.django.sqlite", ["dbfleet.E001"]),
        (True, "django.db.backends.sqlite3", ["dbfleet.E003"]),
        (True, None, ["dbfleet.E002"]),
    ],
)
def test_wrong_settings_are_told_by_the_checks(
    url: str, tmp_path: Path, use_tz: bool, engine: str | None, found: list[str]
) -> None:
    assert run("models", url, "-o", str(tmp_path / "fleet")).code == 0
    databases = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    if engine is not None:
        databases["sqlite"] = {"ENGINE": engine, "NAME": url.removeprefix("sqlite:///")}
    code = _CHECKED.format(use_tz=use_tz, databases=databases)
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    ids, routes = ran.stdout.splitlines()
    assert ids == str(found)
    assert routes == "sqlite default False False True"
