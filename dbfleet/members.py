"""Who is in a fleet: the targets and services that the settings name, and what a text means.

A target is named by its name in the fleet, by an alias of its engine if only one target has that engine, or by a URL.
`name.collection` and `URL#collection` name one collection of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

from dbfleet import config, registry, secrets, services
from dbfleet.errors import ConfigError, UnknownEngine, UsageError, did_you_mean, nearest
from dbfleet.spec import EngineSpec, ServerSpec, Setting
from dbfleet.state import StateFolder
from dbfleet.target import Target

FOLDER: Final = "DBFLEET_FOLDER"
"""The variable that tells a service in which folder `up` was typed: what is relative in the settings is meant there."""

TARGETS_ARE: Final = "the targets are: "
"""How a hint begins that names them all, as none of them is near to what was typed."""


class Members(StateFolder):
    """A fleet's targets and services, by their names. Nothing is connected to."""

    def __init__(self, settings: config.Settings, directory: Path) -> None:
        super().__init__(settings.state_root, settings.fleet)
        self.settings = settings
        self.directory = directory

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
            if name in services.groups():
                raise ConfigError(
                    f"{self._place(name)}: {name} means several services of dbfleet's own, so no target can be called "
                    f"so",
                    hint=f"give it another name; dbfleet up {name} starts {', '.join(services.group(name))}",
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

    def check_settings(self, target: Target) -> None:
        """ConfigError where something is set of a target or a service that it cannot take: by a file, or by a
        variable."""
        self.settings_of(target)
        if not is_service(target):
            return
        for variable in services.spec(target.name).more_ports:
            self.settings.variable_port(variable)
        for where, setting, value in self.set_of(target.name):
            if setting.secret:
                self.secret_setting(where, value)

    def secret_setting(self, where: str, value: str) -> str:
        """A secret setting's own text. ConfigError, which says where it was set, for a placeholder that has none."""
        try:
            return secrets.expand(value, environ=self.settings.environ, directory=self.directory)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error.message}", hint=error.hint) from error

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
            f"no target is called {typed!r}", hint=hint or f"{TARGETS_ARE}{', '.join(self.names)}, or a URL"
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
