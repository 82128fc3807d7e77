"""What runs a fleet's servers: the Runtime protocol, and readiness as a value.

Rules: a runtime takes plain data (Servers), never the fleet or its configuration. It never prints: it reports Events.
Every wait is bounded by a Deadline, which another thread may cancel; a cancelled wait raises KeyboardInterrupt in the
waiting thread. By then everything that was started is recorded, so that `down` finds it.

A server is ready after two gates: the runtime says that it runs (the container's healthcheck, a live process), then
the adapter makes a real round trip. Errors in TRANSIENT are retried until the deadline; any other ends the wait at
once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from dbfleet.adapter import ServerInfo
from dbfleet.errors import AuthFailed, DbfleetError, NotReady, RuntimeFailure, Unavailable
from dbfleet.own import Fate
from dbfleet.runtimes import ports
from dbfleet.spec import ServerSpec

State = Literal["absent", "stopped", "starting", "running", "unhealthy", "failed"]
"""absent: it was never made · stopped: made, but not running · starting: it runs and is not healthy yet · running ·
unhealthy: it runs and its healthcheck fails · failed: it ended by itself, see exit_code and detail."""

TRANSIENT: Final = (Unavailable,)
"""The errors of a server that is still starting. AuthFailed is one of them, but only for AUTH_PATIENCE_S."""

AUTH_PATIENCE_S: Final = 5.0
"""How long a refused login may be temporary: some servers refuse every login until they have made their users."""

TAIL_LINES: Final = 15


@dataclass(frozen=True, slots=True)
class Server:
    """What a runtime needs to know to run a server: its target's name, its spec, and what the fleet decided for it.

    `port` is the one on 127.0.0.1; 0 where it listens on nothing. `image` and `memory` replace the stack's defaults
    where they are set. `environment` holds the variables of a local process, or those of its stack in docker."""

    target: str
    spec: ServerSpec
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    image: str | None = None
    memory: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServerState:
    """How a server is now. `memory` is in bytes, `detail` in the runtime's words, `started` in seconds since 1970.
    `patience_s` is the start period that the stack grants it: until then it need not answer."""

    state: State
    port: int | None = None
    pid: int | None = None
    container: str | None = None
    exit_code: int | None = None
    memory: int | None = None
    started: float | None = None
    patience_s: float = 0.0
    detail: str = ""
    fate: Fate | None = None
    """What became of it, where it was started and is not up."""
    cap: int | None = None
    """The most memory that it may use, in bytes."""

    @property
    def alive(self) -> bool:
        """Whether the server runs, healthy or not."""
        return self.state in ("starting", "running", "unhealthy")


Stage = Literal[
    "pulling", "building", "creating", "initialising", "starting", "waiting", "ready", "failed", "skipped", "stopping",
    "stopped", "removed", "note",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One step of one target, for a live line: what is being done, in a few words."""

    target: str
    stage: Stage
    text: str = ""


Report = Callable[[Event], None]


def silent(_event: Event) -> None:
    """A report that ignores all events."""


@dataclass(frozen=True, slots=True)
class ClientCommand:
    """A command for the user's terminal: its argv, which never holds a password, and what to add to the environment."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


class Deadline:
    """The end of all waits of one command, so many seconds from now; `cancel` ends them at once. A deadline that the
    user gave is `firm`; any other is extended for a server whose start period is longer."""

    def __init__(self, seconds: float, *, firm: bool = True) -> None:
        self.seconds = seconds
        self.firm = firm
        self._end = time.monotonic() + seconds
        self._cancelled = threading.Event()

    @property
    def remaining_s(self) -> float:
        """The seconds that are left."""
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return self.remaining_s == 0.0

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """End every wait at once, from any thread."""
        self._cancelled.set()

    def at_least(self, seconds: float) -> Deadline:
        """A deadline at least `seconds` from now: this one, if it is firm or ends later; else a copy that ends then and
        is cancelled together with this one."""
        later = time.monotonic() + seconds - self._end
        if self.firm or later <= 0:
            return self
        extended = copy(self)
        extended.seconds, extended._end = round(self.seconds + later), self._end + later
        return extended

    def grant(self, seconds: float) -> None:
        """Extend it by the seconds of a step that does not depend on a server, unless it is firm."""
        if not self.firm:
            self.seconds, self._end = round(self.seconds + seconds), self._end + seconds

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, at most until the deadline. KeyboardInterrupt if it is cancelled."""
        if self._cancelled.wait(min(seconds, self.remaining_s)):
            raise KeyboardInterrupt


class Runtime(Protocol):
    """What the runtimes docker and process have in common. Methods about one server may run in parallel, in one thread
    for each server."""

    name: str

    def check(self) -> None:
        """Raise RuntimeFailure where this runtime cannot work on this machine at all."""
        ...

    def missing(self, spec: ServerSpec) -> str | None:
        """What this runtime needs to start it and how to get it, in one sentence; None where nothing is
        missing."""
        ...

    def prepare(self, servers: Sequence[Server], *, deadline: Deadline, report: Report) -> Mapping[str, DbfleetError]:
        """Do what is done once for all servers, before `start`: pull images, make containers and networks. Returns the
        error of each target that cannot be started; the others can."""
        ...

    def start(self, server: Server, *, deadline: Deadline, report: Report) -> None:
        """Start the server, or do nothing if it runs. RuntimeFailure, with the tail of its log, if it ends at once."""
        ...

    def stop(self, servers: Sequence[Server], *, report: Report) -> Sequence[str]:
        """Stop those of our servers that run; data is kept. Returns the targets that were stopped."""
        ...

    def kill(self, servers: Sequence[Server]) -> None:
        """End those of our servers that run at once: what they hold is about to be removed."""
        ...

    def down(self, servers: Sequence[Server], *, volumes: bool, report: Report) -> Sequence[str]:
        """Stop the servers and remove containers, networks and records; with `volumes` the data too. Returns the
        targets of which something was removed or stopped."""
        ...

    def states(self, servers: Sequence[Server], *, memory: bool = False) -> Mapping[str, ServerState]:
        """How each server is, by target. With `memory` their memory too, which may take a second or two."""
        ...

    def failure(self, server: Server, state: ServerState) -> RuntimeFailure:
        """The error of a server that should run and is in this state, with its cause as far as it is known."""
        ...

    def logs(self, server: Server, *, follow: bool = False, lines: int | None = None) -> Iterator[str]:
        """The lines of the server's own log, without their ends; only the last `lines`, if given. `follow` goes on with
        new lines until the iterator is closed."""
        ...

    def client(self, server: Server) -> ClientCommand | None:
        """The command that connects the engine's own client to the server; None where there is no such client."""
        ...

    def beside(self, server: Server, command: Sequence[str]) -> ClientCommand:
        """The command as it must be typed here to run where the server runs, with the server's own environment."""
        ...

    def places(self, server: Server) -> Mapping[str, str]:
        """Where the server's data, log, container and the like are, by name."""
        ...


def log_tail(runtime: Runtime, server: Server, lines: int = TAIL_LINES) -> str:
    """The last lines of the server's log as text; empty where there is no log."""
    try:
        return "\n".join(runtime.logs(server, lines=lines))
    except DbfleetError:
        return ""


def wait_ready(
    runtime: Runtime,
    server: Server,
    ping: Callable[[float], ServerInfo],
    *,
    deadline: Deadline,
    report: Report = silent,
) -> ServerInfo:
    """Wait for both gates, and return what answered.

    `ping(timeout_s)` opens a new connection and makes one round trip. RuntimeFailure if the server ends, AuthFailed if
    it refuses the fleet's login for longer than AUTH_PATIENCE_S, NotReady on the deadline: with the last error, the
    server's state and the tail of its log.
    """
    refused_since: float | None = None
    last: DbfleetError | None = None
    pause = 0.05
    while True:
        state = runtime.states([server])[server.target]
        if not state.alive:
            raise runtime.failure(server, state)
        if state.started is not None:
            deadline = deadline.at_least(state.started + state.patience_s - time.time())
        if state.state == "running":
            try:
                return ping(max(1.0, min(5.0, deadline.remaining_s)))
            except AuthFailed as error:
                last = error
                refused_since = refused_since or time.monotonic()
                if time.monotonic() - refused_since > AUTH_PATIENCE_S:
                    raise login_refused(server, error) from error
            except TRANSIENT as error:
                last, refused_since = error, None
        if deadline.passed:
            raise _not_ready(runtime, server, state, last, deadline) from last
        why = last.message if last and state.state == "running" else state.detail
        report(Event(server.target, "waiting", _one_line(f"{state.state}: {why}" if why else state.state)))
        deadline.sleep(pause)
        # Asking for a container's state may run the docker client (about 40 ms), so do not ask faster than needed.
        pause = min(pause * 1.5, 0.5)


def login_refused(server: Server, error: AuthFailed) -> AuthFailed:
    """The error of a server that refuses the fleet's password. In nearly every case its data was made with an older
    one."""
    return AuthFailed(
        f"{server.target} runs and refuses the fleet's login: {error.message}",
        engine=server.spec.name,
        target=server.target,
        hint="its data was made with another password, or its first start was cut off and left it half made; "
        f"dbfleet down {server.target} --volumes removes the data, dbfleet up {server.target} makes it anew",
    )


def _not_ready(
    runtime: Runtime, server: Server, state: ServerState, last: DbfleetError | None, deadline: Deadline
) -> NotReady:
    parts = [f"{server.target} is {state.state} but did not answer within {deadline.seconds:g} s"]
    if state.detail:
        parts.append(f"its state: {state.detail}")
    if last:
        parts.append(f"last answer: {last.message}")
    error = NotReady(
        "; ".join(parts),
        engine=server.spec.name,
        target=server.target,
        hint=f"it still runs: try dbfleet health {server.target} later, or dbfleet up --timeout with more seconds",
    )
    error.log_tail = log_tail(runtime, server)
    return error


def _one_line(text: str, limit: int = 200) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


class PortTaken(RuntimeFailure):
    """A server cannot start: another program listens on `port`, its own or one that it has besides."""

    def __init__(self, message: str, port: int, *, engine: str, target: str, hint: str) -> None:
        super().__init__(message, engine=engine, target=target, hint=hint)
        self.port = port


def port_taken(server: Server, port: int | None = None, variable: str | None = None) -> PortTaken:
    """The error of a server whose port another program listens on; `port` is one that it has besides its own, which
    `variable` moves."""
    elsewhere = f"set {variable}" if variable else f"set another port for {server.target} in dbfleet.toml"
    taken = port or server.port
    return PortTaken(
        f"{server.target} cannot start: port {taken} is taken by {ports.holder(taken)}",
        taken,
        engine=server.spec.name,
        target=server.target,
        hint=f"stop that program, or {elsewhere}",
    )
