"""Which role a job needs, on which of its targets: asked by every page and operation of the API that makes, schedules,
cancels or repeats one.

What is only read needs an operator; what is written into needs a writer, and what is read for that at least a reader.
A command is made on the command line alone. Where a job is about all targets, the right must be one for all (`*`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dbfleet.console.access import Refused, require
from dbfleet.console.jobs import kinds

ALL: Final = "*"
_READ_FIRST: Final = ("copy", "sync")
"""The first end is read, the second one written."""
_WRITES: Final = ("load",)
BY_HAND: Final = ("command",)
"""What nobody makes in the browser."""
ASKED: Final = ("statement",)
"""What the query page alone makes, where its statement was put on record."""


def roles(kind: str, arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Pairs of a role and the target that it must be held on."""
    if kind in BY_HAND:
        return [("admin", ALL)]
    source, target = kinds.kind(kind).ends(arguments)
    if kind in _READ_FIRST:
        write = "reader" if kind == "sync" and arguments.get("preview") else "writer"
        return [("reader", source), (write, target)]
    if kind in _WRITES:
        return [("writer", target)]
    if kind == "dump":
        return [("operator", source)]
    if kind == "health":
        return [("operator", each) for each in arguments.get("targets") or [ALL]]
    if kind in ("drift", "drill", "log"):
        return [("operator", each) for each in (source, target) if each]
    return [("writer", each) for each in (source, target) if each] or [("writer", ALL)]


def require_job(request: Any, kind: str, arguments: Mapping[str, Any]) -> None:
    """Refused, unless the person may make such a job."""
    if kind in BY_HAND:
        raise Refused(f"a job of kind {kind} is made on the command line alone")
    if kind in ASKED:
        raise Refused(f"a job of kind {kind} is made by asking it on the query page")
    require_again(request, kind, arguments)


def require_again(request: Any, kind: str, arguments: Mapping[str, Any]) -> None:
    """Refused, unless the person may stop or repeat such a job, or change its schedule."""
    for role, target in roles(kind, arguments):
        require(request, role, target)


def sees(rights: Any, kind: str, arguments: Mapping[str, Any]) -> bool:
    """Whether the person sees such a job or schedule: as viewer of each of its targets."""
    if kind == "health":
        named: Sequence[str] = arguments.get("targets") or ()
        return all(rights.may("viewer", each) for each in named) if named else rights.anywhere("viewer")
    if kind == "log":
        return bool(rights.may("operator", arguments.get("target", "")))
    return all(rights.may("viewer", target) for _, target in roles(kind, arguments))


def allowed(rights: Any, kind: str, arguments: Mapping[str, Any]) -> bool:
    """Whether the person may stop or repeat such a job: what a page shows buttons for."""
    return all(rights.may(role, target) for role, target in roles(kind, arguments))
