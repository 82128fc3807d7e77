"""The layers, and what an import may cost, held by tests."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
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


CLOCKS = ("time", "monotonic", "perf_counter", "process_time")
BOUNDS_OF_A_HANG = {
    "tests/stacks/test_double_images.py": "a container that never answers",
    "tests/engines/test_redis_servers.py": "a server that never fails to save",
    "tests/unit/test_seed.py": "a worker that never ends",
}
"""The files where one assert compares a clock with a bound, and the hang that it ends. Nobody else may."""


def times(function: ast.AST) -> set[str]:
    """The names in a function that hold a moment or a duration: what a clock gave, and what was made of it."""
    found = {"elapsed", "took", "took_s"}
    for _ in range(3):  # what is made of what is made of it
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and of_a_clock(node.value, found):
                for place in node.targets:
                    found |= {each.id for each in ast.walk(place) if isinstance(each, ast.Name)}
    return found


def asks_a_clock(node: ast.AST) -> bool:
    return any(
        isinstance(each, ast.Call)
        and isinstance(each.func, ast.Attribute)
        and each.func.attr in CLOCKS
        and isinstance(each.func.value, ast.Name)
        and each.func.value.id in ("time", "clock")
        for each in ast.walk(node)
    )


def of_a_clock(node: ast.AST, names: set[str]) -> bool:
    return asks_a_clock(node) or any(isinstance(each, ast.Name) and each.id in names for each in ast.walk(node))


def of_seconds(node: ast.Compare, names: set[str]) -> bool:
    """Whether a clock is compared with a number. A ratio is no such thing: there both sides were measured before."""
    sides = [of_a_clock(each, names) for each in (node.left, *node.comparators)]
    return any(sides) and (not all(sides) or asks_a_clock(node))


def test_no_test_asserts_how_many_seconds_something_took() -> None:
    """Seconds say more about the machine than about us. What is asserted is an event (what was called or sent, who was
    still waited for, what was still alive), or a ratio to a rival that the same test measures."""
    found: dict[str, list[str]] = {}
    for path in (*(ROOT / "tests").rglob("*.py"), *(ROOT / "dbfleet" / "conformance").rglob("*.py")):
        text = path.read_text("utf-8")
        if not any(f"{word}()" in text for word in CLOCKS):
            continue
        for function in ast.walk(ast.parse(text)):
            if not isinstance(function, ast.FunctionDef):
                continue
            names = times(function)
            compared = (
                node
                for asserted in ast.walk(function)
                if isinstance(asserted, ast.Assert)
                for node in ast.walk(asserted.test)
                if isinstance(node, ast.Compare)
            )
            for node in compared:
                if of_seconds(node, names):
                    file = str(path.relative_to(ROOT))
                    found.setdefault(file, []).append(f"{file}:{node.lineno}: {ast.unparse(node)}")
    told = "\n".join(line for lines in found.values() for line in lines)
    assert {file: len(lines) for file, lines in found.items()} == dict.fromkeys(BOUNDS_OF_A_HANG, 1), told


def test_there_is_no_import_circle() -> None:
    """Imports inside functions and for type checkers count too: what needs each other is one room, or lacks a third."""
    graph = grimp.build_graph("dbfleet", cache_dir=None)
    imported = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert [name for name in sorted(imported) if _reaches(imported, name)] == []


def _reaches(imported: dict[str, set[str]], name: str) -> bool:
    """Whether a module's imports lead back to it."""
    seen, ahead = set[str](), list(imported[name])
    while ahead:
        other = ahead.pop()
        if other == name:
            return True
        if other not in seen:
            seen.add(other)
            ahead += imported[other]
    return False


def test_an_op_asks_for_abilities_by_their_types() -> None:
    """What an adapter can do is on its spec; `getattr` and `hasattr` hide it from the type checker and the suite."""
    adapters = r"(?:get|has)attr\((?:self\._?)?(?:adapter|source|sink|reader|writer|other)\b"
    asking = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in (ROOT / "dbfleet/ops").rglob("*.py")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(adapters, line)
    ]
    assert asking == []


def rooms() -> dict[str, str]:
    """The rooms of an engine's package, with what each holds, as CONTRIBUTING.md tells them."""
    table = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("| room |")[2].partition("\n\n")[0]
    return dict(re.findall(r"^\| `([\w/]+)` \| (.+) \|$", table, re.MULTILINE))


def test_an_engine_has_no_room_that_others_would_not_know() -> None:
    packages = [path.parent for path in (ROOT / "dbfleet/engines").glob("*/adapter.py")]
    assert len(packages) >= 10
    unknown = [
        str(path.relative_to(ROOT))
        for package in packages
        for path in package.rglob("*.py")
        if path.name != "__init__.py" and str(path.relative_to(package).with_suffix("")) not in rooms()
    ]
    assert unknown == []
    for package in packages:
        assert {"connect", "errors"} <= {path.stem for path in package.glob("*.py")} or package.name == "sqlite"


def _definitions(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Functions and classes; not what only tells a type checker of an overload."""
    for each in body:
        if isinstance(each, ast.FunctionDef | ast.ClassDef) and "overload" not in map(_name, each.decorator_list):
            yield each


def test_everything_public_says_what_it_is() -> None:
    """A docstring for every public class, function and method; one that fulfils a method of a base class or of a
    Protocol which has it needs none of its own, nor does what Django itself names: a model's Meta, a migration."""
    trees = {
        path: ast.parse(path.read_text("utf-8"))
        for path in sorted((ROOT / "dbfleet").rglob("*.py"))
        if not path.name.startswith("test_") and path.parent.name != "migrations"
    }
    classes = [each for tree in trees.values() for each in ast.walk(tree) if isinstance(each, ast.ClassDef)]
    protocols = [each for each in classes if "Protocol" in map(_name, each.bases)]
    told = {(each.name, one.name) for each in classes for one in _definitions(each.body) if ast.get_docstring(one)}
    promised = {one.name for each in protocols for one in _definitions(each.body) if (each.name, one.name) in told}
    silent = []
    for path, tree in trees.items():
        for each in _definitions(tree.body):
            members = _definitions(each.body) if isinstance(each, ast.ClassDef) else ()
            for one, bases in [(each, ()), *((member, each.bases) for member in members)]:
                inherited = one.name in promised or any((_name(base), one.name) in told for base in bases)
                public = not (each.name.startswith("_") or one.name.startswith("_") or one.name == "Meta")
                if public and not ast.get_docstring(one) and not (bases != () and inherited):
                    silent.append(f"{path.relative_to(ROOT)}: {one.name}")
    assert silent == []


def _name(node: ast.expr) -> str:
    """The last word of a base class's expression."""
    return ast.unparse(node).rpartition(".")[2]


def test_the_files_of_tests_have_different_names() -> None:
    """pytest imports them by their names alone: of two with one name the second is not collected."""
    found: dict[str, list[str]] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        found.setdefault(path.name, []).append(str(path.relative_to(ROOT)))
    assert [paths for paths in found.values() if len(paths) > 1] == []
