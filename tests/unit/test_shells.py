"""The engines' own clients: which command `shell` runs, and that no password stands in it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from dbfleet import registry
from dbfleet.spec import EngineSpec
from dbfleet.target import Target

PASSWORD = "a&b %s$x'y"
SPECS = [spec for spec in registry.specs() if not spec.embedded]


def command_of(spec: EngineSpec) -> tuple[Sequence[str], Mapping[str, str]]:
    assert spec.shell is not None
    return spec.shell(
        Target("t", spec.name, spec.schemes[0], "db.example", spec.default_port, "ann", PASSWORD, spec.default_database)
    )


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A client that says what it was given: its arguments, the files that they name, and what it read."""
    file = tmp_path / "client"
    file.write_text(
        '#!/bin/sh\nprintf "argument %s\\n" "$@"\n'
        'for word; do file=${word#@}; [ -f "$file" ] && stat -c "mode %a %n" "$file" && cat "$file"; done\n'
        "env | sed -n 's/.*PASSWORD.*/variable &/p'\ncat\nexit 3\n"
    )
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return file


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.shell], ids=lambda spec: spec.name)
def test_no_password_stands_in_a_command(spec: EngineSpec) -> None:
    argv, environment = command_of(spec)
    assert not [word for word in [*argv, *environment] if PASSWORD in word]


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.client], ids=lambda spec: spec.name)
def test_a_client_inside_the_container_gets_its_password_from_a_file(spec: EngineSpec) -> None:
    words = " ".join(spec.client)
    # Cassandra's stack writes the file that cqlsh reads of itself.
    assert "/run/secrets/password" in words or "_PASSWORD_FILE" in words or spec.client[0] in ("cqlsh", "psql")


@pytest.mark.parametrize(
    ("engine", "name", "holds"),
    [
        ("cassandra", "cqlsh", f"[PlainTextAuthProvider]\nusername = ann\npassword = {PASSWORD}\n"),
        ("oracle", "sqlplus", f'connect ann/"{PASSWORD}"@//db.example:1521/FREEPDB1\n'),
    ],
)
def test_a_client_that_reads_no_variable_gets_a_file_that_goes_when_it_ends(
    program: Path, engine: str, name: str, holds: str
) -> None:
    program.rename(program.with_name(name))
    argv, environment = command_of(registry.spec(engine))
    ran = subprocess.run(argv, env={**os.environ, **environment}, input="select 1;\n", capture_output=True, text=True)
    assert ran.returncode == 3, "the client's own exit code"
    assert holds in ran.stdout
    assert ran.stdout.endswith("select 1;\n")
    assert "variable" not in ran.stdout
    (given,) = [line.split(" ", 2) for line in ran.stdout.splitlines() if line.startswith("mode ")]
    assert given[1] == "600"
    assert not Path(given[2]).exists()


def test_an_engine_without_a_client_says_so() -> None:
    assert [spec.name for spec in SPECS if not spec.client and not spec.shell] == ["couchdb"]
