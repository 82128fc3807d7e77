"""The parameters that several commands have, and the shell's completion of them."""

from __future__ import annotations

import threading
from typing import Annotated

import typer

from dbfleet.cli.chosen import open_fleet


def complete_target(incomplete: str) -> list[str]:
    """The target names; in a comma list the last one is completed. On any error there are none."""
    before, comma, _ = incomplete.rpartition(",")
    try:
        names = list(open_fleet().targets)
    except Exception:
        return []
    return [before + comma + name for name in names]


def complete_server(incomplete: str) -> list[str]:
    """The names of targets, services and their groups."""
    from dbfleet import services

    return list(dict.fromkeys([*complete_target(""), *services.names(), *services.groups()]))


def complete_engine(incomplete: str) -> list[str]:
    """The engines' names, also those of outside engines."""
    from dbfleet import registry

    return [spec.name for spec in registry.every()]


def complete_located(incomplete: str) -> list[str]:
    """The targets; after a target and a dot, its collections, if it answers within a second."""
    target, dot, _ = incomplete.partition(".")
    if not dot or "://" in incomplete:
        return complete_target(incomplete)
    return [f"{target}.{name}" for name in _collections(target)]


def complete_collection(ctx: typer.Context, incomplete: str) -> list[str]:
    """The collections of the target that was given before."""
    return _collections(str(ctx.params.get("where") or ctx.params.get("source") or ""))


def _collections(target: str) -> list[str]:
    """The target's collections; none if it does not answer within a second, because a shell waits for this."""
    names: list[str] = []

    def ask() -> None:
        try:
            fleet = open_fleet()
            with fleet.connect(fleet.target(target), timeout_s=1.0) as adapter:
                names.extend(adapter.collections())
        except Exception:
            return

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(1.0)
    return list(names)


def complete_format(incomplete: str) -> list[str]:
    """The names of the output formats."""
    from dbfleet import formats

    return list(formats.names())


TargetName = Annotated[
    str, typer.Argument(metavar="TARGET", help="A fleet name or a URL.", autocompletion=complete_target)
]
TargetNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TARGET]...", help="Fleet names; all if none is given.", autocompletion=complete_target),
]
ServerName = Annotated[
    str, typer.Argument(metavar="TARGET", help="A fleet name, or a service.", autocompletion=complete_server)
]
ServerNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TARGET]...", help="Fleet names and services; all if none is given.", autocompletion=complete_server
    ),
]
Located = Annotated[
    str,
    typer.Argument(
        metavar="TARGET[.COLLECTION]",
        help="A target, or one collection of it: postgres.orders, URL#orders.",
        autocompletion=complete_located,
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
