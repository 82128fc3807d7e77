"""`health`: one round trip to each target and service, all at once. A record: target ok latency_ms product version
error hint; `hint` says what to do about the error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from dbfleet.adapter import ServerInfo
from dbfleet.errors import DbfleetError
from dbfleet.fleet import Fleet
from dbfleet.ops import _servers
from dbfleet.target import Target

FIELDS: Final = ("target", "ok", "latency_ms", "product", "version", "error", "hint")
TIMEOUT_S: Final = 5.0


def health(fleet: Fleet, names: Sequence[str] | None = None, *, timeout_s: float = TIMEOUT_S) -> list[dict[str, Any]]:
    """A record a target. Without names: what is up (by `up`, until `down`), somebody's servers, and files that are
    there; so a target that was never started is not ill, and one that was stopped or has died is."""
    chosen = _servers.all_or_named(fleet, names)
    if not names:
        chosen = [target for target in chosen if _expected(fleet, target)]
    answers = _servers.side_by_side(
        {target.name: lambda target=target: _servers.ping(fleet, target, timeout_s) for target in chosen}  # type: ignore[misc]
    )
    return [_record(target, answers[target.name]) for target in chosen]


def _expected(fleet: Fleet, target: Target) -> bool:
    if not target.managed:
        return True
    if fleet.runs(target).embedded:
        return Path(target.database or "").is_file()
    return bool(fleet.record(target.name).get("wanted"))


def _record(target: Target, answer: ServerInfo | DbfleetError) -> dict[str, Any]:
    good = isinstance(answer, ServerInfo)
    return {
        "target": target.name,
        "ok": good,
        "latency_ms": round(answer.latency_s * 1000, 2) if isinstance(answer, ServerInfo) else None,
        "product": answer.product if isinstance(answer, ServerInfo) else None,
        "version": answer.version if isinstance(answer, ServerInfo) else None,
        "error": answer.message if isinstance(answer, DbfleetError) else None,
        "hint": answer.hint if isinstance(answer, DbfleetError) else None,
    }
