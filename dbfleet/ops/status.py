"""`status`: what each target is, where, and which server really answers there. Nothing is started or changed.

A record: target engine runtime state product version url memory error. `state` is the runtime's word (running,
starting, unhealthy, stopped, failed, absent), `running`/`unreachable` for somebody's server, or `unknown` where the
runtime itself does not answer; `product` and `version` are the server's own words, never the engine's flattering name;
`memory` is bytes; `error` says why, where a server does not answer as it should.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from dbfleet.adapter import ServerInfo, Target
from dbfleet.errors import DbfleetError
from dbfleet.fleet import Fleet
from dbfleet.ops import _servers
from dbfleet.runtimes import ServerState

FIELDS: Final = ("target", "engine", "runtime", "state", "product", "version", "url", "memory", "error")
PING_TIMEOUT_S: Final = 3.0


def status(fleet: Fleet, names: Sequence[str] | None = None, *, reveal: bool = False) -> list[dict[str, Any]]:
    """A record a target, in the fleet's order; those that were dropped from the settings and still run at the end."""
    chosen = _servers.targets(fleet, names) + ([] if names else _servers.dropped(fleet))
    states: dict[str, ServerState] = {}
    trouble: dict[str, DbfleetError] = {}
    for runtime, servers in _servers.by_runtime(fleet, chosen):
        try:
            states |= runtime.states(servers, memory=True)
        except DbfleetError as error:  # a Docker engine that is gone must not hide the rest of the fleet
            trouble |= {server.target: error for server in servers}
    jobs: dict[str, Callable[[], ServerInfo]] = {}
    for target in chosen:
        if _worth_asking(fleet, target, states.get(target.name)):
            jobs[target.name] = lambda target=target: _servers.ping(fleet, target, PING_TIMEOUT_S)  # type: ignore[misc]
    answers = _servers.side_by_side(jobs)
    return [
        _record(fleet, target, states.get(target.name), answers.get(target.name), trouble.get(target.name), reveal)
        for target in chosen
    ]


def _worth_asking(fleet: Fleet, target: Target, state: ServerState | None) -> bool:
    if not target.managed:
        return True
    if fleet.spec(target).embedded:
        return Path(target.database or "").is_file()
    return state is not None and state.alive


def _record(
    fleet: Fleet,
    target: Target,
    state: ServerState | None,
    answer: ServerInfo | DbfleetError | None,
    trouble: DbfleetError | None,
    reveal: bool,
) -> dict[str, Any]:
    info = answer if isinstance(answer, ServerInfo) else None
    word: str
    if _servers.started(target, fleet.spec(target)):
        word = "unknown" if trouble else (state.state if state else "absent")
        runtime = fleet.record(target.name).get("runtime")
    else:
        word = "running" if info else ("absent" if answer is None else "unreachable")
        runtime = None
    there = word != "absent"
    return {
        "target": target.name,
        "engine": target.engine,
        "runtime": runtime,
        "state": word,
        "product": info.product if info else None,
        "version": info.version if info else None,
        "url": target.url(reveal=reveal) if there else None,
        "memory": state.memory if state else None,
        "error": _why(word, state, answer, trouble),
    }


def _why(
    word: str, state: ServerState | None, answer: ServerInfo | DbfleetError | None, trouble: DbfleetError | None
) -> str | None:
    if trouble:
        return f"{trouble.message} ({trouble.hint})" if trouble.hint else trouble.message
    if isinstance(answer, DbfleetError) and word in ("running", "unreachable"):
        return answer.message
    return state.detail or None if state and word in ("unhealthy", "failed") else None
