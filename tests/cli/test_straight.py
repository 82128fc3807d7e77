"""The plain question goes past the parser: held to what the parser makes of the same words."""

from __future__ import annotations

import pytest
from command_line import Shell
from test_app import _imported

from dbfleet.cli import ask


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["query", "shop", "select 1"], ("shop", "select 1", None)),
        (["query", "shop", "select 1", "--format", "csv"], ("shop", "select 1", "csv")),
        (["query", "--format", "csv", "shop", "select 1"], ("shop", "select 1", "csv")),
        (["query", "shop", ""], ("shop", "", None)),
        (["query", "shop", "-"], None),
        (["query", "shop", "select 1", "--param"], None),
        (["query", "shop", "select 1", "-f", "x"], None),
        (["query", "shop", "select 1", "--format", "--ejson"], None),
        (["query", "shop", "--", "select 1"], None),
        (["query", "shop"], None),
        (["query", "--help"], None),
        (["--fleet", "x", "query", "shop", "select 1"], None),
        (["ls", "shop", "x"], None),
        ([], None),
    ],
)
def test_what_has_another_option_is_the_parser_s(arguments: list[str], found: object) -> None:
    assert ask.plain(arguments) == found


@pytest.mark.parametrize(
    "words",
    [
        ["shop", "select * from people"],
        ["shop", "select * from people", "--format", "csv"],
        ["shop", "select * from people", "--format", "cvs"],
        ["shop", "selec 1"],
        ["shop", ""],
        ["shp", "select 1"],
        ["shop,shop", "select 1"],
    ],
)
def test_both_ways_give_the_same(shell: Shell, words: list[str]) -> None:
    past, through = shell("query", *words), shell("query", "--timeout", "60", *words)
    assert ask.plain(["query", *words])
    assert past == through


def test_a_plain_question_imports_no_parser(shell: Shell) -> None:
    code = f"import os; os.chdir({str(shell.folder)!r})\n"
    code += "from dbfleet.cli.exit import main; main(['query', 'shop', 'select 1'])"
    assert "typer" not in _imported(code)
