"""The layers, and what an import may cost, held by tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dbfleet import registry

ROOT = Path(__file__).parents[1]


def test_layers_hold() -> None:
    found = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    "statement",
    ["import dbfleet.registry; dbfleet.registry.specs()", "import dbfleet.fleet", "import dbfleet.conformance.plugin"],
)
def test_nothing_imports_a_driver_before_it_connects(statement: str) -> None:
    """In a real interpreter, as the tests' own has them all."""
    heavy = ("psycopg", "mysql", "_mysql_connector", "pymongo", "redis", "sqlalchemy", "faker", "python_on_whales",
             "tree_sitter", "typer", "rich")  # fmt: skip
    code = f"import sys\n{statement}\nprint(*[m for m in {heavy!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.split() == []


@pytest.mark.parametrize("statement", ["import dbfleet.registry; dbfleet.registry.specs()", "import dbfleet.fleet"])
def test_openssl_is_not_loaded_before_a_driver_is(statement: str) -> None:
    """It would keep MySQL's driver from loading its C extension: `values.digest_rows` has the reason."""
    code = f"import sys\n{statement}\nprint(*[m for m in ('ssl', '_hashlib') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.split() == []


def test_an_engine_is_never_asked_for_by_name_outside_its_file() -> None:
    """What differs between engines is data on the spec."""
    names = registry.names()
    assert len(names) >= 11
    found = []
    for path in (ROOT / "dbfleet").rglob("*.py"):
        if "engines" in path.parts or "conformance" in path.parts:
            continue
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if any(f'== "{name}"' in line or f'!= "{name}"' in line for name in names):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert found == []
