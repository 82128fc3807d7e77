"""`status`: what each target is, where, and which server really answers there. Nothing is started.

What a command that was killed has staged in a target that answers is dropped (ops/_staging.py), nothing else changed.

A record: target engine runtime state product version url memory error. A service has no `engine`. `state` is the
runtime's word (running, starting, unhealthy, stopped, failed, absent), `running`/`unreachable` for somebody's server,
or `unknown` where the runtime itself does not answer; `product` and `version` are the server's own words, never the
engine's flattering name; `memory` and its cap `cap` are bytes; `error` says why, where a server does not answer as it
should, and `hint` what to do about it; `since` is when it began to be as it is, where that is known."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from dbfleet import services
from dbfleet.adapter import ServerInfo
from dbfleet.errors import DbfleetError
from dbfleet.fleet import Fleet
from dbfleet.members import is_service
from dbfleet.ops import _console, _servers, _staging
from dbfleet.runtimes import ServerState
from dbfleet.target import Target

FIELDS: Final = (
    "target",
    "engine",
    "runtime",
    "state",
    "product",
    "version",
    "url",
    "memory",
    "error",
    "hint",
    "since",
    "cap",
)
PING_TIMEOUT_S: Final = 3.0


def status(
    fleet: Fleet,
    names: Sequence[str] | None = None,
    *,
    reveal: bool = False,
    tell: Callable[[str], None] = lambda text: None,
) -> list[dict[str, Any]]:
    """A record a target, in the fleet's order; those that were dropped from the settings and still run behind
    them, and the services that were ever started at the end. `tell` hears what was dropped of killed commands."""
    chosen = _servers.targets_and_dropped(fleet, names)
    states: dict[str, ServerState] = {}
    trouble: dict[str, DbfleetError] = {}
    for runtime, servers in _servers.by_runtime(fleet, chosen):
        try:
            states |= runtime.states(servers, memory=True)
        except DbfleetError as error:  # a Docker engine that is gone must not hide the rest of the fleet
            trouble |= {server.target: error for server in servers}
    jobs: dict[str, Callable[[], ServerInfo]] = {}
    looks = _staging.left_somewhere(fleet)
    for target in chosen:
        if _worth_asking(fleet, target, states.get(target.name)):
            jobs[target.name] = partial(_ask, fleet, target, tell, looks=looks)
    answers = _servers.side_by_side(jobs)
    return [
        _record(fleet, target, states.get(target.name), answers.get(target.name), trouble.get(target.name), reveal)
        for target in chosen
    ]


def _ask(fleet: Fleet, target: Target, tell: Callable[[str], None], *, looks: bool) -> ServerInfo:
    if is_service(target):
        return _servers.ping(fleet, target, PING_TIMEOUT_S)
    with fleet.connect(target, timeout_s=PING_TIMEOUT_S) as adapter:
        info = adapter.ping()
        if looks:
            with contextlib.suppress(DbfleetError):  # it answers nevertheless
                if dropped := _staging.clean(fleet, adapter):
                    tell(f"{target.name}: dropped what a killed command had left: {', '.join(dropped)}")
        return info


def _worth_asking(fleet: Fleet, target: Target, state: ServerState | None) -> bool:
    if not target.managed:
        return True
    if fleet.runs(target).embedded:
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
    if _servers.started(fleet, target):
        word = "unknown" if trouble else (state.state if state else "absent")
        runtime = fleet.record(target.name).get("runtime")
    else:
        word = "running" if info else ("absent" if answer is None else "unreachable")
        runtime = None
    there = word != "absent"
    error, hint = _why(fleet, target, word, state, answer, trouble)
    fate = state.fate if state else None
    since = (fate.when if fate else state.started) if state else None
    return {
        "target": target.name,
        "engine": None if is_service(target) else target.engine,
        "runtime": runtime,
        "state": word,
        "product": info.product if info else None,
        "version": info.version if info else None,
        "url": _url(fleet, target, reveal) if there else None,
        "memory": state.memory if state else None,
        "error": error,
        "hint": hint,
        "since": f"{datetime.fromtimestamp(since, UTC):%Y-%m-%dT%H:%M:%SZ}" if since else None,
        "cap": state.cap if state else None,
    }


def _url(fleet: Fleet, target: Target, reveal: bool) -> str | None:
    """The address; of a service that is behind the console's door, that of its page; None of what listens on
    nothing."""
    if not is_service(target):
        return target.url(reveal=reveal)
    spec = services.spec(target.name)
    if spec.page and not spec.published:
        return _console.page(fleet) + spec.page
    return target.url(reveal=reveal) if target.host else None


def _why(
    fleet: Fleet,
    target: Target,
    word: str,
    state: ServerState | None,
    answer: ServerInfo | DbfleetError | None,
    trouble: DbfleetError | None,
) -> tuple[str | None, str | None]:
    """What is wrong, and what to do about it."""
    if trouble:
        return trouble.message, trouble.hint
    if isinstance(answer, DbfleetError) and word in ("running", "unreachable"):
        return answer.message, answer.hint
    if word == "unhealthy":
        return (state.detail if state else None) or None, f"its log: {fleet.command(f'logs {target.name}')}"
    record = fleet.record(target.name)
    if word in ("running", "starting") or not _servers.started(fleet, target) or not record.get("wanted"):
        return None, None
    # It was brought up, and nobody took it down.
    fate = fleet.fate(target)
    if fate is None:
        return (state.detail if state else None) or None, None
    return (None if record.get("stopped") else fate.what), fleet.mend(target, fate)
