"""A fleet: the targets that the settings name, where they are, and what is recorded about them.

A target is named by its name in the fleet, by an alias of its engine if only one target has that engine, or by a URL.
`name.collection` and `URL#collection` name one collection of it.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from dbfleet import config, registry, secrets, services
from dbfleet.abilities import MakesReader
from dbfleet.adapter import Adapter
from dbfleet.errors import (
    AuthFailed,
    ConfigError,
    DbfleetError,
    NotReady,
    Unavailable,
    UnknownEngine,
    Unsupported,
    UsageError,
    did_you_mean,
    nearest,
)
from dbfleet.spec import EngineSpec, ServerSpec, Setting
from dbfleet.state import StateFolder
from dbfleet.target import Target

if TYPE_CHECKING:
    from dbfleet import own

FOLDER: Final = "DBFLEET_FOLDER"
"""The variable that tells a service in which folder `up` was typed: what is relative in the settings is meant there."""

LOST_S: Final = 1.5
"""How long we wait to learn what became of a server: for some tenths of a second, the Docker engine still reports a
container that the kernel has killed as running."""

READER: Final = "dbfleet_ro"
"""The account that `up` makes on the fleet's servers for reading only; its password is the secret `ro`."""


class Fleet(StateFolder):
    """A fleet's targets, connections and records. `Fleet.open` makes one from the settings."""

    connected: ClassVar[set[Adapter]] = set()
    """The adapters that `connect` has open, of every fleet of this process: a signal must stop their statements."""

    def __init__(self, settings: config.Settings, directory: Path) -> None:
        super().__init__(settings.state_root, settings.fleet)
        self.settings = settings
        self.directory = directory

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

    # --- targets ---

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The targets' names. No engine's module is imported. ConfigError where a target or a table of services has a
        name that it may not have."""
        for name in self.settings.targets or ():
            if name in services.names():
                raise ConfigError(
                    f"{self._place(name)}: {name} is a service of dbfleet's own, so no target can be called so",
                    hint=f"give it another name; [services.{name}] has the service's port, image and memory",
                )
        for name in self.settings.services:
            if name not in services.names():
                known = f"the services are: {', '.join(services.names())}"
                raise ConfigError(
                    f"{self.settings.origins.get(f'services.{name}', self.target_file)}: no service is called {name!r}",
                    hint=did_you_mean(name, services.names(), known),
                )
            for key, value in self.settings.services[name].more.items():
                self._check_setting(name, key, value)
        return tuple(self.settings.targets) if self.settings.targets is not None else registry.names()

    def _check_setting(self, name: str, key: str, value: str) -> None:
        """ConfigError for a key that the service does not have, or a value that it cannot take."""
        known = services.spec(name).settings
        where = f"{self.settings.origins.get(f'services.{name}.{key}', self.target_file)}: services.{name}.{key}"
        if key not in known:
            keys = (*config.SERVICE_KEYS, *known)
            raise ConfigError(f"{where}: unknown key", hint=did_you_mean(key, keys, f"known keys: {', '.join(keys)}"))
        if not re.fullmatch(known[key].form, value):
            raise ConfigError(f"{where}: must be {known[key].means}")

    def set_of(self, name: str) -> Iterator[tuple[str, Setting, str]]:
        """What a person has set that the service is told: where, the setting, and its value. A variable wins over a
        table; ConfigError, without its value, for one that the service cannot take."""
        for table, key, setting in services.settings_of(name):
            value = self.settings.environ.get(setting.variable, "")
            if value and not re.fullmatch(setting.form, value):
                raise ConfigError(f"{setting.variable}: must be {setting.means}")
            where = setting.variable if value else f"services.{table}.{key}"
            value = value or self.settings.service(table).more.get(key, "")
            if value:
                yield where, setting, value

    @property
    def target_file(self) -> str:
        """The path of the file that names the fleet's targets; the plain file name where there is none."""
        return str(self.settings.files[0]) if self.settings.files else config.FILE_NAME

    @property
    def targets(self) -> Mapping[str, Target]:
        """Every target of the fleet, by name."""
        return {name: self._of_fleet(name) for name in self.names}

    def target(self, text: str) -> Target:
        """The target that a name, an alias or a URL means. UnknownEngine, with the nearest name, if there is none."""
        target, collection = self.locate(text)
        if collection:
            raise UsageError(
                f"{secrets.redact(text)} names a collection; a target is meant here",
                hint=f"the target is {target.name}",
            )
        return target

    def locate(self, text: str) -> tuple[Target, str | None]:
        """The target that the text means, and the collection if it names one."""
        if "://" in text or text.startswith("${"):
            return self._of_url(text)
        if text in self.names:
            return self._of_fleet(text), None
        # A target's name has no dot, a collection's may: sales.public.orders is public.orders of sales.
        name, _, collection = text.partition(".")
        if name in services.names():
            raise UsageError(
                f"{name} is a service, and a target is meant here",
                hint=f"up, stop, restart, down, status, health and logs take services; the targets are: "
                f"{', '.join(self.names)}, or a URL",
            )
        return self._of_fleet(self._resolve(name, text)), collection or None

    def spec(self, target: Target) -> EngineSpec:
        """The spec of the target's engine."""
        return registry.spec(target.engine)

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

    def configured_reader(self, name: str) -> Target | None:
        """The target at the `ro_url` of the settings; None where they have none."""
        text = self.settings.target(name).ro_url if name in self.names else None
        if not text:
            return None
        found = self._of_setting(name, "ro_url", text)
        if found.engine != (engine := self._engine(name)):
            raise ConfigError(
                f"{self._place(name, 'ro_url')}: targets.{name}.ro_url: it is of {found.engine}, not {engine}"
            )
        return found.with_(name=name, read_only=True)

    def _not_enforced(self, target: Target, why: str, hint: str | None = None) -> Unsupported:
        return Unsupported(
            f"{target.name} cannot be opened for reading only: not enforced, as {why}",
            engine=target.engine,
            target=target.name,
            hint=hint,
        )

    def service(self, name: str) -> Target:
        """A service, as a target of its own name. No data is read from it by this: it is in no list of targets."""
        spec = services.spec(name)
        port = self.record(name).get("port") or self.settings.service(name).port or spec.default_port
        return Target(
            name,
            name,
            spec.scheme,
            host="127.0.0.1" if spec.default_port else None,
            port=port,
            user=spec.default_user,
            password=self.stored_secret(spec.secret) if spec.secret else None,
            database=spec.default_database,
            managed=True,
        )

    def member(self, name: str) -> Target:
        """The target or the service of exactly this name."""
        return self.service(name) if name in services.names() else self._of_fleet(name)

    def runs(self, target: Target) -> ServerSpec:
        """The spec of what a runtime starts for this target: its engine's, or the service's."""
        return services.spec(target.name) if is_service(target) else self.spec(target)

    def settings_of(self, target: Target) -> config.TargetSettings:
        """The settings of a target or of a service."""
        return self.settings.service(target.name) if is_service(target) else self.settings.target(target.name)

    @contextmanager
    def connect(self, target: Target, *, timeout_s: float = 10.0, create: bool = False) -> Iterator[Adapter]:
        """A live connection for the block; an interrupt inside it stops the running statement on the server too.

        For a managed target the server must be the fleet's own. If it is not there, this raises Unavailable, which says
        what became of it, and sends nothing to another server on its port."""
        self.check(target)
        if create:
            target = target.with_(create=True)
        try:
            adapter = registry.connect(target, timeout_s=timeout_s)
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
            folder, inside = self.state / "docker", self.runs(target).inner_port
            container = own.Container(folder, self.secrets_directory, target.name, target.engine)
            published = not is_service(target) or services.spec(target.name).published
            fate = container.fate(target.port if published else None, inside, lost=lost)
        else:
            fate = own.Fate("it was never started")
        if fate is not None and runtime and not record.get("wanted"):
            return own.Fate("its last start failed" if record.get("failed") else "it was taken down")
        if fate is not None and record.get("stopped"):
            return own.Fate("it was stopped")
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

    def _resolve(self, name: str, typed: str) -> str:
        if name in self.names:
            return name
        try:
            engine = registry.spec(name).name
        except UnknownEngine:
            engine = None
        same = [target for target in self.names if engine and self._engine(target) == engine]
        if len(same) == 1:
            return same[0]
        if same:
            raise UsageError(f"{name!r} may mean {' or '.join(same)}", hint="name one of them")
        if engine:
            raise UnknownEngine(
                f"this fleet has no {engine}",
                hint=f"{self.target_file} names its targets: {', '.join(self.names)}; add [targets.{engine}] there",
            )
        known = {*self.names, *(alias for spec in registry.every() for alias in spec.aliases)}
        if "@" in typed:  # most likely a URL without its //, which may hold a password
            raise UnknownEngine(
                "what was given is no target's name and no URL",
                hint="a URL begins with engine://, then who and where: postgresql://localhost/shop",
            )
        hint = _target_meant(typed) or did_you_mean(name, known)
        raise UnknownEngine(
            f"no target is called {typed!r}", hint=hint or f"the targets are: {', '.join(self.names)}, or a URL"
        )

    def _engine(self, name: str) -> str:
        settings = self.settings.target(name)
        if settings.engine:
            return self._spec_of(name, settings.engine).name
        if settings.url:
            return self._of_fleet(name).engine
        return self._spec_of(name, name).name

    def _spec_of(self, name: str, engine: str) -> EngineSpec:
        try:
            return registry.spec(engine)
        except UnknownEngine as exc:
            if self.settings.target(name).engine is None:
                raise ConfigError(
                    f"{self._place(name)}: targets.{name} has neither an engine nor a url",
                    hint=f'say what it is: engine = "{nearest(name, registry.names()) or "postgres"}"',
                ) from exc
            raise ConfigError(f"{self._place(name, 'engine')}: {exc.message}", hint=exc.hint) from exc

    def _place(self, name: str, key: str = "") -> str:
        """Where this setting of a target comes from: file and line, or a variable; the file where no line is known."""
        files = self.settings.files
        return self.settings.origins.get(f"targets.{name}.{key}", str(files[0]) if files else f"targets.{name}")

    def _of_fleet(self, name: str) -> Target:
        settings = self.settings.target(name)
        if settings.url:
            target = self._of_setting(name, "url", settings.url)
            if settings.engine and self._spec_of(name, settings.engine).name != target.engine:
                place = f"{self._place(name, 'url')}: targets.{name}.url"
                raise ConfigError(f"{place}: it is of {target.engine}, the engine says {settings.engine}")
            return target.with_(name=name)
        spec = self._spec_of(name, settings.engine or name)
        if spec.embedded:
            return Target(name, spec.name, spec.schemes[0], database=str(self.state / f"{name}.db"), managed=True)
        self._check_port(name, settings.port)
        record = self.record(name)
        return Target(
            name,
            spec.name,
            spec.schemes[0],
            host=record.get("host", "127.0.0.1"),
            port=record.get("port") or settings.port or spec.default_port,
            user=spec.default_user,
            password=self.stored_password(),
            database=spec.default_database,
            options=spec.default_options,
            managed=True,
        )

    def _of_setting(self, name: str, key: str, url: str) -> Target:
        """The target at the URL of this setting."""
        place = f"{self._place(name, key)}: targets.{name}.{key}"
        try:
            target, collection = self._of_url(url)
        except UsageError as exc:
            raise ConfigError(f"{place}: {exc.message}", hint=exc.hint) from exc
        if collection:
            raise ConfigError(f"{place}: a target's URL has no #collection")
        file = target.database or ":"
        if FOLDER in self.settings.environ and self.spec(target).embedded and not file.startswith(":"):
            target = target.with_(database=str(self.directory / file))
        return target

    def _check_port(self, name: str, port: int | None) -> None:
        for other in self.names if port else ():
            settings = self.settings.target(other)
            if other != name and settings.port == port and not settings.url:
                raise ConfigError(
                    f"{self._place(name, 'port')}: {other} and {name} have one port, {port}",
                    hint="each server needs its own; without a port in the settings, a free one is found",
                )

    def _of_url(self, text: str) -> tuple[Target, str | None]:
        expand = {"environ": self.settings.environ or os.environ, "directory": self.directory}
        if (whole := secrets.PLACEHOLDER.fullmatch(text)) is not None:
            text = secrets.expand(whole[0], **expand)  # type: ignore[arg-type]
        url = config.parse_url(text)
        if url.password == secrets.HIDDEN:
            raise UsageError(
                f"the URL's password is {secrets.HIDDEN}, which stands for a password that was not shown",
                hint="dbfleet url TARGET --reveal shows it; a target of the fleet is named without a URL",
            )
        spec = registry.by_scheme(url.scheme)

        def value(part: str | None) -> str | None:
            return None if part is None else secrets.expand(part, **expand)  # type: ignore[arg-type]

        host, port = value(url.host), url.port
        if not spec.embedded:
            host = host or "127.0.0.1"
            port = port or (None if "," in host or "+srv" in url.scheme else spec.default_port)
        elif host:
            raise UsageError(
                f"a {spec.title} URL has no host: {spec.schemes[0]}:///relative or {spec.schemes[0]}:////absolute"
            )
        database = value(url.database)
        return Target(
            f"{spec.name}://{host or ''}{':' + str(port) if port else ''}/{database or ''}",
            spec.name,
            url.scheme,
            host=host,
            port=port,
            user=value(url.user),
            password=value(url.password),
            database=database,
            options={key: value(option) or "" for key, option in url.options.items()},
        ), url.collection


def is_service(target: Target) -> bool:
    """Whether this is a service of the fleet's and no database: its engine then is its own name."""
    return target.managed and target.engine == target.name and target.name in services.names()


def _target_meant(typed: str) -> str | None:
    """What to type instead of a text that is no target's name, where its form shows what was meant."""
    scheme = next((spec.schemes[0] for spec in registry.specs() if spec.embedded), "sqlite")
    stem, _, end = typed.rpartition(".")
    if typed in ("all", "*"):
        return "name no target, and all are meant (seed: --all)"
    if " " in typed.strip():
        return "the target stands first: dbfleet query TARGET 'STATEMENT'"
    if "," in typed:
        return f"name them with blanks between: {' '.join(part for part in typed.split(',') if part)}"
    if stem and end in ("csv", "tsv", "json", "jsonl", "ndjson", "parquet"):
        return f"a file of rows is loaded into a target: dbfleet load TARGET {typed}"
    if "/" in typed or end in ("db", "db3", "sqlite", "sqlite3"):
        return f"a file is named by a URL: {scheme}:///{typed.removeprefix(f'{scheme}:')}"
    name, colon, port = typed.partition(":")
    if typed == "localhost" or (colon and port.isdecimal()):
        where = f"localhost:{port}" if colon and name in registry.names() else typed
        engine = name if name in registry.names() else "postgresql"
        return f"a server that is not of the fleet is named by a URL: {engine}://{where}/DATABASE"
    return None
