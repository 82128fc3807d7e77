"""The parameters that recur, and what the shell completes them with."""

from __future__ import annotations

from typing import Annotated

import typer

from dbfleet.cli.chosen import open_fleet


def complete_target(incomplete: str) -> list[str]:
    """Target names for the shell; of a comma list, the last one. An error of any kind completes to nothing."""
    before, comma, _ = incomplete.rpartition(",")
    try:
        names = list(open_fleet().targets)
    except Exception:
        return []
    return [before + comma + name for name in names]


def complete_format(incomplete: str) -> list[str]:
    from dbfleet import formats

    return list(formats.names())


TargetName = Annotated[
    str, typer.Argument(metavar="TARGET", help="A fleet name or a URL.", autocompletion=complete_target)
]
TargetNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TARGET]...", help="Fleet names; all if none is given.", autocompletion=complete_target),
]
Located = Annotated[
    str,
    typer.Argument(
        metavar="TARGET[.COLLECTION]",
        help="A target, or one collection of it: postgres.orders, URL#orders.",
        autocompletion=complete_target,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="table, jsonl, json, csv, tsv or markdown; without it a table on a terminal, jsonl elsewhere.",
        autocompletion=complete_format,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; needed where there is no terminal.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show passwords.")]
