"""A fleet: its members (members.py), connections to them, and what became of a server that does not answer."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from dbfleet import config, registry, services
from dbfleet.abilities import MakesReader
from dbfleet.adapter import Adapter
from dbfleet.errors import AuthFailed, DbfleetError, NotReady, Unavailable, Unsupported
from dbfleet.members import FOLDER, Members, is_service
from dbfleet.target import Target

if TYPE_CHECKING:
    from dbfleet import own

LOST_S: Final = 1.5
"""How long we wait to learn what became of a server: for some tenths of a second, the Docker engine still reports a
container that the kernel has killed as running."""

NEAR_S: Final = 2.0
"""How long a container's own address may take to answer, before its published port is tried."""

READER: Final = "dbfleet_ro"
"""The account that `up` makes on the fleet's servers for reading only; its password is the secret `ro`."""


class Fleet(Members):
    """A fleet's targets, connections and records. `Fleet.open` makes one from the settings."""

    connected: ClassVar[set[Adapter]] = set()
    """The adapters that `connect` has open, of every fleet of this process: a signal must stop their statements."""

    @classmethod
    def open(
        cls,
        name: str | None = None,
        runtime: str | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> Fleet:
        """The fleet that the flags, the environment and the files name. ConfigError where one of them is wrong."""
        named = (os.environ if environ is None else environ).get(FOLDER)
        directory = directory or (Path(named) if named else config.current_directory())
        return cls(config.load(fleet=name, runtime=runtime, environ=environ, directory=directory), directory)

    def reader(self, target: Target) -> Target:
        """The same target for reading only: `connect` opens it so that the engine's guard refuses every change.

        A server of the fleet is read by an account that `up` has made; AuthFailed where it has not. Somebody's server
        is read by the account of `ro_url`, and without one by its own where the guard is not the account's rights.
        Unsupported, which says that reading only is not enforced, where nothing would refuse a change.
        """
        if target.read_only:
            return target
        spec = self.spec(target)
        if spec.guard == "none":
            raise self._not_enforced(target, f"dbfleet knows nothing of {spec.title} that would refuse a change")
        if not target.managed and (configured := self.configured_reader(target.name)) is not None:
            return configured
        if MakesReader not in spec.abilities or not (target.managed or spec.guard == "account"):
            return target.with_(read_only=True, create=False)
        if not target.managed:
            raise self._not_enforced(
                target,
                "its user's rights are not known",
                f'make an account that can only read, and name it: ro_url = "{spec.schemes[0]}://…" beside its url in '
                f"{config.FILE_NAME}",
            )
        password = self.stored_secret("ro")
        if password is None:
            self.check(target)
            raise AuthFailed(
                f"{target.name} has no account for reading only",
                engine=target.engine,
                target=target.name,
                hint=f"{self.command(f'up {target.name}')} makes it, and leaves the server as it is",
            )
        options = {**target.options, **(spec.reader_options(target) if spec.reader_options else {})}
        return target.with_(user=READER, password=password, options=options, read_only=True, create=False)

    def _not_enforced(self, target: Target, why: str, hint: str | None = None) -> Unsupported:
        return Unsupported(
            f"{target.name} cannot be opened for reading only: not enforced, as {why}",
            engine=target.engine,
            target=target.name,
            hint=hint,
        )

    @contextmanager
    def connect(
        self, target: Target, *, timeout_s: float = 10.0, create: bool = False, near: bool = False
    ) -> Iterator[Adapter]:
        """A live connection for the block; an interrupt inside it stops the running statement on the server too.

        For a managed target the server must be the fleet's own. If it is not there, this raises Unavailable, which says
        what became of it, and sends nothing to another server on its port. `near`: much will go over the connection, so
        it goes past Docker's proxy where that is possible."""
        self.check(target)
        if create:
            target = target.with_(create=True)
        try:
            adapter = (self._nearby(target) if near else None) or registry.connect(target, timeout_s=timeout_s)
        except DbfleetError as exc:
            exc.target = exc.target or target.name
            if isinstance(exc, Unavailable):
                self._explain(target, exc, wait_s=0.0)
                if isinstance(exc, AuthFailed) and target.managed and target.user == READER:
                    exc.hint = (
                        f"{self.command(f'up {target.name}')} makes its account for reading only, or puts it right"
                    )
                exc.hint = exc.hint or self._when_unavailable(target, exc)
            raise
        self.connected.add(adapter)
        try:
            yield adapter
        except GeneratorExit:
            raise
        except BaseException as exc:
            if not isinstance(exc, Exception):
                try:
                    adapter.cancel()
                except DbfleetError:
                    pass  # the engine cannot stop it, or the server is gone: the interrupt is raised anyway
            elif isinstance(exc, Unavailable) and exc.target in (None, target.name):
                self._explain(target, exc, wait_s=LOST_S)
            raise
        finally:
            adapter.close()
            self.connected.discard(adapter)  # last: if an interrupt comes before, the adapter is closed at exit

    def _nearby(self, target: Target) -> Adapter | None:
        """A connection to the container's own address; None where there is none, or nobody answers there. A URL may
        name the published port of one of the fleet's containers, too."""
        spec = self.runs(target)
        name = target.name if target.managed else self._named_by(target)
        if name is None or not getattr(spec, "direct", False) or self.record(name).get("runtime") != "docker":
            return None
        container = self._container(name, target.engine)
        address = container.address()
        if address is None or (not target.managed and container.fate(target.port, spec.inner_port) is not None):
            return None
        try:
            return registry.connect(target.with_(host=address, port=spec.inner_port), timeout_s=NEAR_S)
        except DbfleetError:  # a firewall between the two; what else is wrong is found at the port
            return None

    def _container(self, name: str, engine: str) -> own.Container:
        from dbfleet import own

        return own.Container(self.state / "docker", self.secrets_directory, name, engine)

    def _named_by(self, target: Target) -> str | None:
        """The managed target whose published port this URL names."""
        if target.host not in ("127.0.0.1", "localhost"):
            return None
        found = (name for name, record in self.records().items() if target.port and record.get("port") == target.port)
        return next((name for name in found if name in self.names and self.target(name).engine == target.engine), None)

    def check(self, target: Target) -> None:
        """Unavailable, which says what became of the server, where this is a managed target and its server is not
        up."""
        if (fate := self.fate(target)) is not None:
            raise Unavailable(
                self._told(target, fate), engine=target.engine, target=target.name, hint=self.mend(target, fate)
            )

    def fate(self, target: Target, *, lost: bool = False) -> own.Fate | None:
        """What became of a managed target's server; None where it is up and has its port, and for other targets.
        `lost`: a connection to it was lost; then a killed process of the server is reported although the rest of it is
        up."""
        if not target.managed or self.runs(target).embedded:
            return None
        from dbfleet import own

        record = self.record(target.name)
        runtime = record.get("runtime")
        if runtime == "process":
            fate = own.process(self.state, target.name, target.port)
        elif runtime:
            published = not is_service(target) or services.spec(target.name).published
            port, inside = target.port if published else None, self.runs(target).inner_port
            fate = self._container(target.name, target.engine).fate(port, inside, lost=lost)
        else:
            fate = own.Fate("it was never started")
        if fate is not None and runtime and not record.get("wanted"):
            return own.Fate("its last start failed" if record.get("failed") else "it was taken down")
        if fate is not None and record.get("stopped"):
            return own.Fate("it was stopped")
        if fate == own.NEVER_ASKED:  # and yet it is wanted
            return own.Fate("its last start failed", "logs")
        return fate

    def mend(self, target: Target, fate: own.Fate) -> str:
        """What the user can do about this fate of the target's server, as a hint."""
        name = target.name
        start = f"{self.command(f'up {name}')} starts it"
        if fate.mend == "memory":
            table = self.runs(target).kind.replace("engines", "targets")
            return f"{start} again; give it more: {config.setting(name, 'memory', table)}"
        if fate.mend == "logs":
            return f"{self.command(f'logs {name}')} says more; {start} again"
        if fate.mend == "record":
            return f"remove that file, which keeps the data; then {start}, or says where its data is"
        if fate.mend == "port":
            return f"{self.command(f'restart {name}')} puts it right"
        return "start the Docker engine, and see what dbfleet doctor says" if fate.mend == "engine" else start

    def command(self, text: str) -> str:
        """A command for the user to type, with --fleet where this fleet was chosen by it."""
        chosen = self.settings.origins.get("fleet.name") == "--fleet"
        return f"dbfleet --fleet {self.name} {text}" if chosen else f"dbfleet {text}"

    def _told(self, target: Target, fate: own.Fate) -> str:
        text = f"{target.name} is not up in fleet {self.name}: {fate.what}"
        if target.port and fate.mend != "engine" and (who := self._listener(target, target.port)):
            text += f"; {who} listens on its port {target.port}"
        return text

    def _listener(self, target: Target, port: int) -> str | None:
        """What listens on the port: a server of another fleet, by its name, or a program. None if it is free."""
        from dbfleet.runtimes import ports

        if ports.is_free(port):
            return None
        for file in self.settings.state_root.glob("*/state.json"):
            try:
                others = json.loads(file.read_bytes())["targets"]
            except (OSError, ValueError, KeyError, TypeError):
                continue
            for name, record in others.items():
                same = file.parent.name == self.name and name == target.name
                if not same and record.get("port") == port and record.get("wanted"):
                    return f"{name} of fleet {file.parent.name}, or what stands in its place,"
        return str(ports.holder(port))

    def _explain(self, target: Target, error: Unavailable, *, wait_s: float) -> None:
        """Add to the error of a failed or lost connection what became of the server, if that is known. The system may
        need a moment to know it; we wait for `wait_s`."""
        # NotReady later: a statement passed its deadline, and the server is still there.
        if isinstance(error, AuthFailed) or (wait_s and isinstance(error, NotReady)):
            return
        end = time.monotonic() + wait_s
        while (fate := self.fate(target, lost=True)) is None:
            if not wait_s or time.monotonic() > end or not target.managed:
                return
            time.sleep(0.1)
        error.message = f"{self._told(target, fate)} ({error.message})"
        error.args = (error.message,)
        error.hint = self.mend(target, fate)

    def _when_unavailable(self, target: Target, error: Unavailable) -> str:
        if self.spec(target).embedded:
            return "is this its path, and may this user read it?"
        if isinstance(error, AuthFailed):
            return "check user, password and database"
        if not target.managed:
            return "check host, port, user, password and database, and that the server is up"
        return f"see how it is with {self.command(f'status {target.name}')}"
