"""A test is skipped for a reason of the table tests/skips.toml, and for no other."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TABLE = tomllib.loads((ROOT / "tests" / "skips.toml").read_text("utf-8"))
FILES = sorted([*(ROOT / "tests").rglob("*.py"), *(ROOT / "dbfleet" / "conformance").rglob("*.py")])


def reasons(file: Path) -> Iterator[tuple[int, str | None]]:
    """Each place where a test may be skipped: its line, and its reason where it is one literal text."""
    text = file.read_text("utf-8")
    if "skip" not in text:
        return
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        match ast.unparse(node.func):
            case "pytest.skip" | "pytest.mark.skip":
                given = [*node.args, *(each.value for each in node.keywords if each.arg == "reason")]
            case "pytest.mark.skipif" | "pytest.importorskip":
                given = [each.value for each in node.keywords if each.arg == "reason"]
            case _:
                continue
        found = given[0].value if given and isinstance(given[0], ast.Constant) else None
        yield node.lineno, found if isinstance(found, str) else None


def test_every_reason_is_in_the_table() -> None:
    found = [(f"{file.relative_to(ROOT)}:{line}", reason) for file in FILES for line, reason in reasons(file)]
    assert len(found) > 30
    assert [(place, reason) for place, reason in found if reason not in TABLE] == []
    assert set(TABLE) == {reason for _, reason in found}, "a reason that nobody gives is taken out of the table"


@pytest.mark.parametrize("reason", TABLE)
def test_a_reason_says_what_it_means_and_how_often_it_may_come(reason: str) -> None:
    entry = TABLE[reason]
    assert set(entry) - {"also", "outside"} == {"means", "test", "fleet"}
    assert entry["means"]
    assert min(entry["test"], entry.get("outside", 0), entry["fleet"]) >= 0


def test_the_suite_that_ships_is_run_here_as_a_whole() -> None:
    """A file of it that tests/conformance does not name would run in no run of CI."""
    files = {path.stem for path in (ROOT / "dbfleet" / "conformance").glob("test_*.py")}
    text = (ROOT / "tests" / "conformance" / "test_contract.py").read_text("utf-8")
    named = {
        node.module.rpartition(".")[2]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    assert named == files
