"""What runs a fleet's servers: the Runtime protocol, and readiness as a value.

Rules: a runtime takes plain data (a Server each), never the fleet or its configuration. It never prints: it reports
Events. Every wait is bounded by a Deadline, which another thread may cancel; a cancelled wait raises KeyboardInterrupt
in the thread that waits, after what was started is on record, so that `down` finds it.

A server is ready after two gates: the runtime says that it runs (the container's healthcheck, a live process), then
the adapter makes a real round trip. Errors in TRANSIENT are retried until the deadline, any other ends the wait at
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
from dbfleet.spec import EngineSpec

State = Literal["absent", "stopped", "starting", "running", "unhealthy", "failed"]
"""absent: nothing was ever made · stopped: made, not running · starting: runs, not healthy yet · running ·
unhealthy: runs and its healthcheck fails · failed: it ended by itself, see exit_code and detail."""

TRANSIENT: Final = (Unavailable,)
"""What a server that is still starting answers. AuthFailed is one of them, but only for AUTH_PATIENCE_S."""

AUTH_PATIENCE_S: Final = 5.0
"""Some servers refuse every login while they still make their users; a wrong password stays wrong for longer."""

TAIL_LINES: Final = 15


@dataclass(frozen=True, slots=True)
class Server:
    """A server to be: its target's name, its engine, and what the fleet decided for it.

    `port` is the one on 127.0.0.1. `image` and `memory` replace the stack's defaults where they are set.
    """

    target: str
    spec: EngineSpec
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    image: str | None = None
    memory: str | None = None


@dataclass(frozen=True, slots=True)
class ServerState:
    """How a server is, now. `memory` in bytes, `detail` in the runtime's words. `started` in seconds since 1970, and
    `patience_s`: for so long since then nothing is wrong with a server that does not answer, by its stack's word."""

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
    """What became of it, where it was started and is not there; `cap` in bytes bounds its memory."""
    cap: int | None = None

    @property
    def alive(self) -> bool:
        return self.state in ("starting", "running", "unhealthy")


Stage = Literal[
    "pulling", "creating", "initialising", "starting", "waiting", "ready", "failed", "skipped", "stopping", "stopped",
    "removed", "note",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One step of one target, for a live line: what goes on, in a few words."""

    target: str
    stage: Stage
    text: str = ""


Report = Callable[[Event], None]


def silent(_event: Event) -> None:
    """The report of who does not listen."""


@dataclass(frozen=True, slots=True)
class ClientCommand:
    """A command for the user's terminal: argv, never with a password in it, and what to add to the environment."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


class Deadline:
    """So many seconds from now, for every wait of one command; `cancel` ends them all. One that nobody asked for is
    not `firm`: a server that says that it needs longer gets it."""

    def __init__(self, seconds: float, *, firm: bool = True) -> None:
        self.seconds = seconds
        self.firm = firm
        self._end = time.monotonic() + seconds
        self._cancelled = threading.Event()

    @property
    def remaining_s(self) -> float:
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        return self.remaining_s == 0.0

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def cancel(self) -> None:
        self._cancelled.set()

    def at_least(self, seconds: float) -> Deadline:
        """This one; or, unless it is firm, one that ends so many seconds from now if that is later, and is cancelled
        with this one."""
        later = time.monotonic() + seconds - self._end
        if self.firm or later <= 0:
            return self
        found = copy(self)
        found.seconds, found._end = round(self.seconds + later), self._end + later
        return found

    def grant(self, seconds: float) -> None:
        """So much later, unless it is firm: what took it was no server's doing."""
        if not self.firm:
            self.seconds, self._end = round(self.seconds + seconds), self._end + seconds

    def sleep(self, seconds: float) -> None:
        """Wait so long, or until the deadline. KeyboardInterrupt when cancelled."""
        if self._cancelled.wait(min(seconds, self.remaining_s)):
            raise KeyboardInterrupt


class Runtime(Protocol):
    """What docker and process have in common. Methods about one server may run side by side, a thread a server."""

    name: str

    def check(self) -> None:
        """RuntimeFailure where this runtime cannot work at all on this machine."""
        ...

    def missing(self, spec: EngineSpec) -> str | None:
        """None where this runtime can start the engine; else what is missing and how to get it, in one sentence."""
        ...

    def prepare(self, servers: Sequence[Server], *, deadline: Deadline, report: Report) -> Mapping[str, DbfleetError]:
        """What is done once for all of them, before `start`: images pulled, containers and networks made. Returns
        the error of each target that cannot be started; the others can."""
        ...

    def start(self, server: Server, *, deadline: Deadline, report: Report) -> None:
        """Start it, or do nothing where it runs. RuntimeFailure, with the tail of its log, where it ends at once."""
        ...

    def stop(self, servers: Sequence[Server], *, report: Report) -> Sequence[str]:
        """Stop what runs and is ours; the targets that were stopped. Data is kept."""
        ...

    def down(self, servers: Sequence[Server], *, volumes: bool, report: Report) -> Sequence[str]:
        """Stop and remove containers, networks, records; with `volumes` the data too. The targets that had anything."""
        ...

    def states(self, servers: Sequence[Server], *, memory: bool = False) -> Mapping[str, ServerState]:
        """How each is, by target. `memory` asks for their memory too, which may cost a second or two."""
        ...

    def failure(self, server: Server, state: ServerState) -> RuntimeFailure:
        """The error of a server that should run and is in this state: its cause as far as it can be told."""
        ...

    def logs(self, server: Server, *, follow: bool = False, lines: int | None = None) -> Iterator[str]:
        """The server's own log, its lines without their ends; the last `lines`; `follow` goes on until it is closed."""
        ...

    def client(self, server: Server) -> ClientCommand | None:
        """How to run the engine's own client against it; None where there is no such client here."""
        ...

    def places(self, server: Server) -> Mapping[str, str]:
        """Where its things are: data, log, container and the like, by name."""
        ...


def log_tail(runtime: Runtime, server: Server, lines: int = TAIL_LINES) -> str:
    """The last lines of its log, as text; empty where there is none."""
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
    """Wait for both gates; what answered.

    `ping(timeout_s)` connects anew and makes one round trip. RuntimeFailure where the server ends, AuthFailed where it
    refuses the fleet's login for good, NotReady on the deadline: with the last error, the server's state and the tail
    of its log.
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
        # A container's state costs a run of the docker client (about 40 ms), so do not ask faster than needed.
        pause = min(pause * 1.5, 0.5)


def login_refused(server: Server, error: AuthFailed) -> AuthFailed:
    """The fleet's password is refused: as good as always the data is older than the password."""
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


def port_taken(server: Server) -> RuntimeFailure:
    """The error of a port that somebody else listens on."""
    return RuntimeFailure(
        f"{server.target} cannot start: port {server.port} is taken by {ports.holder(server.port)}",
        engine=server.spec.name,
        target=server.target,
        hint=f"stop that program, or set another port for {server.target} in dbfleet.toml",
    )
