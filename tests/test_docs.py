"""The documentation is true: every command in the README runs here, in order, and gives what stands below it.

Commands on an engine that this run does not have are run where it does (`make test-fleet`); here their verb must exist.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from matrix_picture import picture
from test_end_to_end import CommandLine

from dbfleet import registry, services
from dbfleet.cli.examples import EXAMPLES
from dbfleet.conformance.plugin import chosen, environment

ROOT = Path(__file__).parents[1]
DBFLEET = (sys.executable, "-m", "dbfleet")
README = (ROOT / "README.md").read_text("utf-8")
PICTURE = ROOT / "docs" / "matrix.svg"


@dataclass(frozen=True)
class Shown:
    command: str
    output: str


def shown() -> list[Shown]:
    """The commands of the console blocks, each with the lines below it."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append(Shown(command, output))
    return found


def support_table() -> str:
    lines = ["| engine | language | verified on |", "|---|---|---|"]
    specs = sorted(registry.specs(), key=lambda spec: spec.title)
    lines += [f"| {spec.title} | {spec.language} | {'; '.join(spec.verified_on)} |" for spec in specs]
    return "\n".join(lines)


def services_table() -> str:
    lines = ["| service | what it is for | needs | port |", "|---|---|---|---|"]
    for name in services.in_order(services.names()):
        spec = services.spec(name)
        port = str(spec.default_port or "") if spec.published else "behind nginx"
        lines.append(f"| `{name}` | {spec.purpose} | {', '.join(spec.needs)} | {port} |")
    return "\n".join(lines)


def settings_table() -> str:
    lines = ["| service | key | variable | what it is |", "|---|---|---|---|"]
    for name in services.in_order(services.names()):
        for key, setting in services.spec(name).settings.items():
            lines.append(f"| `{name}` | `{key}` | `{setting.variable}` | {setting.means} |")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def line(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    engines = [name for name in chosen(request.config) if "://" not in name]
    if "postgres" not in engines or "redis" not in engines:
        pytest.skip("no such engine in this run")
    found = CommandLine(tmp_path_factory.mktemp("docs"), engines, environment(request.config))
    others = sorted(set(engines) - {"postgres", "redis", "sqlite"})
    try:
        if others:
            found.run("up", *others)
        yield found
    finally:
        found.run("down", "--volumes", "--yes")


def test_every_command_of_the_readme_runs_and_gives_what_it_shows(line: CommandLine) -> None:
    for each in shown():
        words = shlex.split(each.command)
        assert words[0] == "dbfleet"
        named = {word.split(".")[0] for word in words[2:3]} & set(registry.names())
        if named - {*line.engines, "sqlite"}:
            line.run(words[1], "--help")
            continue
        done = line.run(*words[1:])
        if each.output:
            assert done.stdout == each.output, each.command


def test_every_verb_stands_in_the_readme() -> None:
    done = subprocess.run([sys.executable, "-m", "dbfleet", "--help"], capture_output=True, text=True, check=True)
    verbs = re.findall(r"^  ([a-z]+)  ", done.stdout.partition("The fleet:")[2], re.MULTILINE)
    assert len(verbs) > 15
    for verb in verbs:
        assert re.search(rf"dbfleet {verb}\b", README), f"{verb} is not in the README"


NEED_A_CONSOLE = ("console", "schedule", "jobs", "receipts")
"""tests/console/test_desk.py runs these."""


def _embedded(command: str) -> bool:
    """Whether an example needs nothing but the embedded engine."""
    words = shlex.split(command)
    if words[1] in NEED_A_CONSOLE or "--on" in words:
        return False
    others = {*registry.names()} - {"sqlite"}
    named = {re.split(r"[.:]", word)[0] for word in words[2:]} & {*others, "postgresql"}
    return words[0] == "dbfleet" and not named and "--all" not in words and "--watch" not in words


def test_every_example_of_the_help_runs_and_gives_what_it_shows(tmp_path: Path) -> None:
    found = CommandLine(tmp_path, ["sqlite"], {**os.environ, "DBFLEET_RUNTIME": "process"})
    for verb, examples in EXAMPLES.items():
        shown = subprocess.run([*DBFLEET, *verb.split(), "--help"], capture_output=True, text=True, check=True).stdout
        for command, gives in examples:
            assert f"$ {command}" in shown
            assert max(map(len, [f"    $ {command}", *gives.splitlines()])) <= 80
            if not _embedded(command):
                assert f"dbfleet {verb}" in command or "$(dbfleet" in command or "dbfleet diff" in command
                continue
            done = found.run(*shlex.split(command)[1:])
            if gives:
                assert done.stdout.strip() == gives, command


def test_every_verb_has_an_example() -> None:
    from dbfleet.cli.app import Commands

    assert set(Commands(name="dbfleet").list_commands(None)) <= set(EXAMPLES)


def test_support_table_is_the_code_s() -> None:
    assert support_table() in README, "make docs writes the README's table anew"


def test_services_table_is_the_code_s() -> None:
    assert services_table() in README, "make docs writes the README's table anew"
    assert settings_table() in README, "make docs writes the README's table anew"


def test_the_picture_of_the_matrix_is_the_code_s() -> None:
    assert picture() == PICTURE.read_text("utf-8"), "make docs draws it anew"
    assert f"]({PICTURE.relative_to(ROOT)})" in README


def test_exit_codes_are_the_code_s() -> None:
    from dbfleet.cli.exit import Code

    for code in Code:
        assert re.search(rf"\| (?:\d+, )*{code.value}(?:, \d+)* \|", README), code


def test_files_that_are_linked_exist() -> None:
    own = [str(file.relative_to(ROOT)) for file in (ROOT / "examples").glob("*/README.md")]
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "stacks/README.md", *own):
        for link in re.findall(r"\]\((?!http)([^)#]+)", (ROOT / name).read_text("utf-8")):
            assert ((ROOT / name).parent / link).exists(), (name, link)


def test_the_outside_engine_is_offered_as_contributing_says() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    folder = ROOT / "examples" / "dbfleet-duckdb"
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    ((group, engines),) = project["entry-points"].items()
    assert group == registry.GROUP
    ((name, package),) = engines.items()
    assert f'[project.entry-points."{group}"]\n       {name} = "{package}"' in text
    for file in re.findall(r"`(dbfleet[\w/]*\.py)`", text):
        if "<" not in file:
            assert (ROOT / file).exists(), file
    for file in re.findall(r"^\| `([\w/.]+)` \|", (folder / "README.md").read_text("utf-8"), re.MULTILINE):
        assert (folder / file).exists(), file


def test_the_outside_engine_is_500_lines_or_less() -> None:
    """What any engine over a DB-API 2.0 driver would write too belongs into dbfleet/sql."""
    files = (ROOT / "examples" / "dbfleet-duckdb" / "dbfleet_duckdb").rglob("*.py")
    assert sum(len(file.read_text("utf-8").splitlines()) for file in files) <= 500


if __name__ == "__main__":
    fresh = re.sub(r"(holds it to the code -->\n)(?:\|.*\n)+", lambda found: f"{found[1]}{support_table()}\n", README)
    fresh = re.sub(r"(the services' specs -->\n)(?:\|.*\n)+", lambda found: f"{found[1]}{services_table()}\n", fresh)
    fresh = re.sub(r"(services' settings -->\n)(?:\|.*\n)+", lambda found: f"{found[1]}{settings_table()}\n", fresh)
    (ROOT / "README.md").write_text(fresh, "utf-8")
    PICTURE.write_text(picture(), "utf-8")
