"""What the words of `schedule add KIND WORD…` mean, kind by kind. What they must be is checked by the kind itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dbfleet.errors import UsageError

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


def seconds(text: str, option: str) -> float:
    """The seconds of 60s, 5m, 1h or a plain number. UsageError."""
    parts = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip().lower())
    if parts is None:
        raise UsageError(f"{option} {text} is no time", hint="a number with s, m or h: 60s, 5m")
    return float(parts[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[parts[2]]
