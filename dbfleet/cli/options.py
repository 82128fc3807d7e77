"""What every command shares: the options that stand before or after a command, and the parameters that recur.

`chosen` is what this run was given. A command asks `open_fleet()` and never reads the environment itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dbfleet.fleet import Fleet


@dataclass(slots=True)
class Chosen:
    """The options of every command, as given in this run."""

    quiet: bool = False
    verbose: bool = False
    fleet: str | None = None
    runtime: str | None = None


chosen = Chosen()


def open_fleet() -> Fleet:
    """The fleet that --fleet, --runtime, the environment and dbfleet.toml name."""
    from dbfleet.fleet import Fleet

    return Fleet.open(chosen.fleet, chosen.runtime)


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
