"""The options of load, dump, copy and diff that say how rows are written and read, and which: dialects, rules, and
collections that stay behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dbfleet.dialect import Dialect
    from dbfleet.rules import Rule

Delimiter = Annotated[
    str | None, typer.Option("--delimiter", metavar="SIGN", help="What stands between cells: ';', '|', tab.")
]
Quote = Annotated[
    str | None, typer.Option("--quote", metavar="SIGN", help="What stands around a cell that needs it, or none.")
]
Escape = Annotated[
    str | None, typer.Option("--escape", metavar="SIGN", help="What stands before a sign that is text: '\\', or none.")
]
Encoding = Annotated[
    str | None, typer.Option("--encoding", metavar="NAME", help="utf-8, utf-16, cp1252, latin-1, shift_jis …")
]
Decimal = Annotated[str | None, typer.Option("--decimal", metavar="SIGN", help="The decimal sign: . or a comma.")]
Null = Annotated[
    list[str] | None, typer.Option("--null", metavar="WORD", help="What stands for NULL; may be given again.")
]
IsTrue = Annotated[list[str] | None, typer.Option("--true", metavar="WORD", help="What stands for true.")]
IsFalse = Annotated[list[str] | None, typer.Option("--false", metavar="WORD", help="What stands for false.")]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="GLOB", help="Leave these collections out: 'log_*'; may be given again."),
]
KeepGoing = Annotated[
    bool, typer.Option("--keep-going", help="Leave out what cannot be read, name it at the end, and exit with 8.")
]
Retries = Annotated[
    int, typer.Option("--retries", metavar="N", help="Try again so often where the connection is lost.")
]
Rules = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        metavar="'COLUMN: RULE'",
        help="How a column is read: zero-date=null, infinity=null, nan=null, empty=null, tinyint1=int, "
        "date=%d/%m/%Y (datetime, time, instant), type=text.",
    ),
]


def dialect(
    delimiter: str | None,
    quote: str | None,
    escape: str | None,
    encoding: str | None,
    header: bool | None,
    decimal: str | None,
    null: list[str] | None,
    true: list[str] | None,
    false: list[str] | None,
    names: str | None = None,
) -> Dialect:
    """The dialect that the options name. UsageError for one that means nothing."""
    from dbfleet.dialect import asked

    return asked(
        delimiter=delimiter, quote=quote, escape=escape, encoding=encoding, header=header, decimal=decimal,
        null=null or (), true=true or (), false=false or (),
        names=[] if names is None else [name.strip() for name in names.split(",")],
    )  # fmt: skip


def rules(texts: list[str] | None) -> list[Rule]:
    """The rules that --rule names. UsageError for what is none."""
    from dbfleet.rules import parsed

    return [parsed(text) for text in texts or ()]
