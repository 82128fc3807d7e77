"""What the words of `schedule add KIND WORD…` mean, kind by kind. What they must be is checked by the kind itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import typer

from dbfleet.errors import UsageError
from dbfleet.ops.lengths import seconds

_POSITIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "drift": ("left", "right"),
    "drill": ("target",),
    "dump": ("target",),
    "load": ("target", "source"),
    "copy": ("source", "sink"),
}
"""What the first words are; the rest are collections."""


def arguments(kind: str, words: Sequence[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """The kind's arguments from the words and the options that were given. UsageError for too few words."""
    if kind == "health":
        return {"targets": list(words), **_taken(kind, given)}
    if kind == "command":
        return {"command": list(words), **_taken(kind, given)}
    names = _POSITIONS.get(kind, ())
    if len(words) < len(names):
        missing = " ".join(name.upper() for name in names)
        raise UsageError(
            f"a schedule of kind {kind} takes {missing}", hint=f"dbfleet schedule add {kind} {missing} --every 1h"
        )
    found: dict[str, Any] = dict(zip(names, words, strict=False))
    if rest := list(words[len(names) :]):
        found["collections"] = rest
    return found | _taken(kind, given)


def _taken(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options as arguments: times in seconds."""
    found = dict(given)
    if settled := found.pop("settled", None):
        time, _, column = str(settled).partition(":")
        found["settled_s"] = seconds(time, "--settled")
        if column:
            found["settled_by"] = column
    if confirm := found.pop("confirm", None):
        found["confirm_s"] = seconds(str(confirm), "--confirm")
    return found


def understood(root: Any, arguments: Sequence[str]) -> None:
    """Raise what the command line would say of these arguments, where they are no command or not what it takes. Nothing
    is run. `root` is the command of `dbfleet` itself."""
    try:
        context = root.make_context("dbfleet", list(arguments))
        while rest := [*context._protected_args, *context.args]:
            if not hasattr(context.command, "resolve_command"):
                break
            name, command, rest = context.command.resolve_command(context, rest)
            context = command.make_context(name, rest, parent=context)
    except typer.Exit:
        raise UsageError(f"{' '.join(arguments)} does nothing but tell something") from None
