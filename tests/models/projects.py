"""A Django project in a folder: settings of `env --format django`, the apps of `models --format django`, and Python
that runs in it as a user's would, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dbfleet import datasets
from dbfleet.fleet import Fleet
from dbfleet.ops import models as op
from dbfleet.ops.env import django_settings, env
from dbfleet.target import Target

ROOT = Path(__file__).parents[2]
_MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""


@dataclass
class Project:
    """A project in its folder: `apps` by target."""

    folder: Path
    environ: Mapping[str, str]
    apps: dict[str, op.App] = field(default_factory=dict)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`python manage.py …`, which must succeed."""
        return self._run([sys.executable, "-Wd", "manage.py", *arguments])

    def run(self, code: str) -> str:
        """What the code prints, with Django set up and the apps importable. It must succeed."""
        head = "import django\ndjango.setup()\n"
        return self._run([sys.executable, "-c", head + code]).stdout

    def _run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, cwd=self.folder, env=dict(self.environ), capture_output=True, text=True)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done


def project(fleet: Fleet, located: Sequence[tuple[Target, Sequence[str]]], folder: Path) -> Project:
    """A project for the targets, with an app of each: of these collections, or of all where none is named. It passes
    its checks without a word."""
    # A target of the fleet by its name, every other by its URL.
    names = [each.name if each.name in fleet.names else each.url(reveal=True) for each, _ in located]
    settings = django_settings(fleet, names)
    apps = op.models(fleet, [(target, each) for target, chosen in located for each in chosen or (None,)])
    op.planned(apps, folder / "fleet").carry_out()
    installed = [f"fleet.{app.label}" for app in apps]
    (folder / "settings.py").write_text(f"{settings}\nSECRET_KEY = 'x'\nINSTALLED_APPS = {installed!r}\n", "utf-8")
    (folder / "manage.py").write_text(_MANAGE, "utf-8")
    environ = {
        **os.environ,
        **dict(env(fleet, names)),
        "DJANGO_SETTINGS_MODULE": "settings",
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
    }
    made = Project(folder, environ, {app.target: app for app in apps})
    checked = made.manage("check")
    assert "no issues" in checked.stdout, checked.stdout + checked.stderr
    assert checked.stderr == ""
    return made


def drop_shop(fleet: Fleet, targets: Iterable[Target]) -> None:
    """Leave the servers, which other tests have too, without the shop."""
    names = [schema.name for schema in datasets.load("shop").schemas()]
    for target in targets:
        with fleet.connect(target) as adapter:
            for name in reversed(names):  # what refers to others goes first
                adapter.drop(name)
