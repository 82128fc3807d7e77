"""What people type besides what is right: other tools' words, slips of the hand, half a URL. And what the shell
completes."""

from __future__ import annotations

import re

import pytest
from command_line import Shell

from dbfleet import __version__


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("qeury shop x", "did you mean query?"),
        ("backup shop", "did you mean dump?"),
        ("tables shop", "did you mean ls?"),
        ("query shop x --formt csv", "did you mean --format?"),
        ("--flet x status", "did you mean --fleet?"),
        ("query ./shop.db x", "sqlite:///./shop.db"),
        ("ls other.db", "sqlite:///other.db"),
        ("ls /tmp/other.db", "sqlite:////tmp/other.db"),
        ("digest shop people", "dbfleet digest shop.people"),
        ("describe sqlite:///shop.db people", "dbfleet describe sqlite:///shop.db#people"),
        ("ls shop people", "dbfleet describe shop.people"),
        ("query shop select 1", "put it in quotes"),
        ("--show-completion fis", "did you mean fish?"),
        ("psql", "did you mean shell postgres?"),
        ("mysql", "dbfleet query mysql 'STATEMENT'"),
        ("\\dt", "did you mean ls?"),
        ("exec shop", "did you mean query or shell?"),
        ("drop people", "dbfleet query TARGET 'STATEMENT'"),
        ("up -d", "leave it out"),
        ("up all", "name no target, and all are meant"),
        ("down --all", "without a name all are meant"),
        ("up shop,redis", "name them with blanks between: shop redis"),
        ("query shop -c x", "dbfleet query TARGET 'STATEMENT'"),
        ("query shop x --json", "did you mean --format json?"),
        ("query shop x -o out.txt", "> FILE"),
        ("query -U me shop x", "named by a URL"),
        ("--format json status", "stands behind the command: dbfleet status --format json"),
        ("schedule remove x", "did you mean dbfleet schedule rm?"),
        ("jobs kill 7", "did you mean dbfleet jobs cancel?"),
        ("jobs --follow", "did you mean --watch?"),
        ("query nosuch x", "the targets are: "),
        ("init --force", "did you mean --yes?"),
        ("dump shop --keep-ttl", "copy has it"),
        ("schedule add drift a b --time-zone Europe/Paris", "did you mean --tz?"),
        ("schedule add drift a b --interval 5m", "did you mean --every?"),
        ("query x.csv y", "dbfleet load TARGET x.csv"),
        ("query sqlite:x.db y", "sqlite:///x.db"),
        ("query localhost y", "postgresql://localhost/DATABASE"),
        ("query postgres:5432 y", "postgres://localhost:5432/DATABASE"),
        ("query jdbc:postgresql://localhost/db y", "leave jdbc: out"),
        ("query postgresql://me:***@127.0.0.1/db y", "dbfleet url TARGET --reveal"),
        ("config shw", "did you mean dbfleet config show?"),
        ("config set x", "edit dbfleet.toml"),
        ("logs", "for example: dbfleet logs postgres"),
        ("up --timeout", "dbfleet up --help"),
        ("diff shop shop people", "dbfleet diff shop.people shop.people"),
        ("ls shop.people", "the target is shop"),
    ],
)
def test_a_slip_is_led_to_the_right_spelling(shell: Shell, typed: str, hint: str) -> None:
    ran = shell(*typed.split())
    assert ran.code in (2, 5), ran
    assert ran.err.startswith("dbfleet: ")
    assert hint in ran.err


def test_the_target_stands_before_the_statement(shell: Shell) -> None:
    ran = shell("query", "select 1", "shop")
    assert (ran.code, ran.out) == (2, "")
    assert "the target stands first: dbfleet query TARGET 'STATEMENT'" in ran.err


def test_a_statement_that_begins_with_a_comment_is_no_option(shell: Shell) -> None:
    assert "query TARGET -- '-- a comment'" in shell("query", "shop", "-- all of them\nselect 1").err
    assert shell.ok("query", "shop", "--", "-- all of them\nselect 1 as x") == '{"x":1}\n'


def test_a_list_of_targets_may_have_blanks(shell: Shell) -> None:
    assert shell.ok("query", "shop, shop", "select 1 as x").count('"x":1') == 2


def test_help_says_each_thing_once_and_cuts_nothing(shell: Shell) -> None:
    for command in ("up", "query", "copy", "health", "config", "config show"):
        told = shell.ok(*command.split(), "--help")
        assert not re.search(r"\[\[|<str>|list\[|x>=|\{[A-Z]|\w\.\.\.$", told, re.MULTILINE), told


@pytest.mark.parametrize("option", ["--revel", "--reve", "--revea", "--reveall"])
def test_nobody_is_led_to_show_a_password(shell: Shell, option: str) -> None:
    ran = shell("url", "shop", option)
    assert ran.code == 2
    assert "--reveal?" not in ran.err


def test_a_password_in_a_word_too_many_is_not_echoed_by_the_hint(shell: Shell) -> None:
    ran = shell("digest", "postgresql://me:hidden@127.0.0.1/db", "people")
    assert ran.code == 2
    assert "hidden" not in ran.err


def test_other_words_for_the_same(shell: Shell) -> None:
    assert shell.ok("version") == shell.ok("--version") == f"dbfleet {__version__}\n"
    assert shell.ok("help") == shell.ok("--help")
    assert shell.ok("help", "copy") == shell.ok("copy", "--help")
    assert shell.ok("help", "config", "show") == shell.ok("config", "show", "--help")
    assert shell.ok("ps") == shell.ok("status")
    assert "shop: ready SQLite" in shell("start", "shop").err
    assert "\n  ps " not in shell.ok("--help")


def _complete(shell: Shell, typed: str) -> list[str]:
    environment = {
        "_DBFLEET_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - (0 if typed.endswith(" ") else 1)),
    }
    return shell.ok(env=environment).split()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("dbfleet digest shop.", ["shop.people"]),
        ("dbfleet describe sh", ["shop"]),
        ("dbfleet dump shop pe", ["people"]),
        ("dbfleet copy shop dst ", ["people"]),
        ("dbfleet digest nowhere.", []),
    ],
)
def test_completion_knows_collections_and_is_silent_where_it_does_not(
    shell: Shell, typed: str, expected: list[str]
) -> None:
    assert _complete(shell, typed) == expected


def test_completion_of_a_target_that_is_silent_is_silent(shell: Shell) -> None:
    (shell.folder / "dbfleet.toml").write_text('[targets.gone]\nurl = "postgresql://me@127.0.0.1:1/db"\n')
    assert _complete(shell, "dbfleet digest gone.") == []


@pytest.mark.parametrize(
    ("name", "mark"), [("bash", "complete -o"), ("zsh", "#compdef dbfleet"), ("fish", "complete --command")]
)
def test_show_completion_gives_the_named_shell_s_script(shell: Shell, name: str, mark: str) -> None:
    assert mark in shell.ok("--show-completion", name)
