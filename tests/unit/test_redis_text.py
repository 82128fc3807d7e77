"""Redis commands as typed: redis-cli's own quoting."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dbfleet.engines.redis.text import Command, Parameter, bind, parse
from dbfleet.errors import StatementError, UsageError


def words(text: str) -> list[tuple[object, ...]]:
    return [command.words for command in parse(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET a", (b"GET", b"a")),
        ("  get\t a  \r", (b"get", b"a")),
        ('SET k "a b"', (b"SET", b"k", b"a b")),
        (r'SET k "a\n\r\t\b\a\\\"\q"', (b"SET", b"k", b'a\n\r\t\b\a\\"q')),
        (r'SET k "\x00\xff\xZZ"', (b"SET", b"k", b"\x00\xffxZZ")),
        (r"SET k 'a\n\'b\\c'", (b"SET", b"k", rb"a\n'b\\c")),
        ("SET k ''", (b"SET", b"k", b"")),
        ('SET k ""', (b"SET", b"k", b"")),
        ('SET pre"fix ed"', (b"SET", b"prefix ed")),
        ("SET k it\\n", (b"SET", b"k", b"it\\n")),
        ("SET ключ 😀", (b"SET", "ключ".encode(), "😀".encode())),
        ("SET k #1", (b"SET", b"k", b"#1")),
        ('EVAL "return 1\n+ 2" 0', (b"EVAL", b"return 1\n+ 2", b"0")),
    ],
)
def test_words_are_those_of_redis_cli(text: str, expected: tuple[bytes, ...]) -> None:
    assert words(text) == [expected]


def test_lines_are_commands_and_comments_are_none() -> None:
    text = "# first\nSET a 1\n\n   # second\n  GET a\n#"
    assert parse(text) == [Command((b"SET", b"a", b"1"), 2), Command((b"GET", b"a"), 5)]


@pytest.mark.parametrize("text", ["", "  \n\t\n", "# nothing", "\n# a\n# b\n"])
def test_text_without_a_command(text: str) -> None:
    assert parse(text) == []


@pytest.mark.parametrize("text", ['SET k "a', "SET k 'a", 'SET k "a"b', "SET k 'a'\"b\"", 'SET k "a\\'])
def test_unbalanced_quotes_are_a_statement_error(text: str) -> None:
    with pytest.raises(StatementError, match="line 2"):
        parse("PING\n" + text)


def test_parameter_is_a_word_of_its_own_without_quotes() -> None:
    (command,) = parse("SET :key ':value' \":value\" a:b :key: ::x :1")
    assert command.words == (b"SET", Parameter("key"), b":value", b":value", b"a:b", b":key:", b"::x", b":1")
    assert command.parameters == {"key"}


def test_parameter_becomes_one_word_whatever_it_holds() -> None:
    commands = parse("SET :k :v\nGET :k")
    values = bind({"k": "a b\n\"'", "v": b"\xff"}, commands)
    assert [command.bound(values) for command in commands] == [[b"SET", b"a b\n\"'", b"\xff"], [b"GET", b"a b\n\"'"]]


@pytest.mark.parametrize(
    ("value", "word"), [(17, b"17"), (True, b"true"), (Decimal("1.50"), b"1.5"), (0.1, b"0.1"), ({"a": 1}, b'{"a":1}')]
)
def test_typed_parameters_are_written_canonically(value: object, word: bytes) -> None:
    assert bind({"n": value}, parse("ECHO :n")) == {"n": word}


def test_parameters_that_do_not_fit_are_usage_errors() -> None:
    commands = parse("ECHO :n")
    with pytest.raises(UsageError, match=":other"):
        bind({"n": 1, "other": 2}, commands)
    with pytest.raises(UsageError, match=":n"):
        commands[0].bound({})
    with pytest.raises(UsageError, match="NULL"):
        bind({"n": None}, commands)


def test_name_of_a_command() -> None:
    assert [command.name for command in parse("get a\n:x y")] == ["GET", ""]
