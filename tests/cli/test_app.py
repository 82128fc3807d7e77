"""The command line as a whole: help, version, completion, what is imported when."""

from __future__ import annotations

import subprocess
import sys

import pytest
from command_line import Shell

from dbfleet import __version__

HEAVY = {"psycopg", "mysql", "pymongo", "redis", "sqlalchemy", "python_on_whales", "faker", "rich", "psutil", "asyncio"}
HEAVY |= {"pydantic"}  # typer's, spared


def _imported(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after `code`."""
    code += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ran.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["query", "--help"], ["up", "--help"], ["--version"], ["engines"]])
def test_help_imports_no_driver_no_sqlalchemy_and_no_docker_client(arguments: list[str]) -> None:
    assert not _imported(f"from dbfleet.cli.exit import main; main({arguments!r})") & HEAVY


def test_a_query_imports_only_its_own_driver(shell: Shell) -> None:
    code = f"import os; os.chdir({str(shell.folder)!r})\n"
    code += "from dbfleet.cli.exit import main; main(['query', 'shop', 'select 1'])"
    assert not _imported(code) & (HEAVY - {"asyncio"})


def test_h_is_help(shell: Shell) -> None:
    assert shell.ok("-h") == shell.ok("--help")
    assert shell.ok("query", "-h") == shell.ok("query", "--help")


def test_the_help_lists_every_command_with_a_sentence(shell: Shell) -> None:
    lines = shell.ok("--help").splitlines()
    for name in ("up", "seed", "query", "ls", "describe", "digest", "engines", "config", "status", "down"):
        (found,) = [line for line in lines if line.split()[:1] == [name] and line.startswith("  ")]
        assert len(found.split()) > 3


def test_every_command_has_help_that_fits_a_terminal(shell: Shell) -> None:
    from dbfleet.cli.app import Commands

    for name in Commands(name="dbfleet").list_commands(None):
        out = shell.ok(name, "--help")
        assert out.startswith(f"Usage: dbfleet {name}")
        assert max(map(len, out.splitlines())) <= 80


def test_version(shell: Shell) -> None:
    assert shell.ok("--version") == f"dbfleet {__version__}\n"


def test_no_command_is_exit_2_with_the_help_on_stderr(shell: Shell) -> None:
    ran = shell()
    assert (ran.code, ran.out) == (2, "")
    assert "Usage: dbfleet" in ran.err


def test_options_of_every_command_stand_before_or_after_it(shell: Shell) -> None:
    for arguments in (("--fleet", "other", "where"), ("where", "--fleet", "other")):
        assert "other" in shell.ok(*arguments)


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_is_there_for_the_shell(shell: Shell, name: str) -> None:
    ran = shell("--show-completion", name, env={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"})
    assert ran.code == 0, ran
    assert "_DBFLEET_COMPLETE" in ran.out


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("dbfleet query sh", {"shop"}),
        ("dbfleet query shop,sh", {"shop,shop"}),
        ("dbfleet que", {"query"}),
        ("dbfleet query shop x --format js", {"json", "jsonl"}),
        ("dbfleet describe s", {"shop"}),
        ("dbfleet up con", {"control", "console"}),
        ("dbfleet logs bro", {"broker"}),
        ("dbfleet query bro", set()),
    ],
)
def test_completion_knows_targets_commands_and_formats(shell: Shell, typed: str, expected: set[str]) -> None:
    words = typed.split()
    environment = {
        "_DBFLEET_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(words) - 1),
    }
    assert set(shell.ok(env=environment).split()) == expected
