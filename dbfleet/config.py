"""Where settings come from: flag > environment > nearest dbfleet.toml upward > user's config > built-in default.

    [fleet]                          [targets.NAME]
    name = "default"                 engine = "postgres"      # NAME itself, where it is an engine
    runtime = "auto"                 url = "postgresql://…"   # somebody's server: nothing is started
                                     ro_url = "postgresql://…" # the same, as an account that can only read
                                     port = 5433              # the rest is for servers that dbfleet starts
                                     image = "postgres:18.6"
                                     memory = "512m"
    [services.NAME]                  port, image and memory of a service, and what its spec has besides

The user's config is `dbfleet/config.toml` in the user's configuration folder, with the same keys. A file that has
`targets` names the whole fleet; if no file has any, the fleet is every engine, under its own name. Variables:
DBFLEET_FLEET, DBFLEET_RUNTIME, DBFLEET_STATE_DIR, DBFLEET_CONFIG (a file to read instead of searching upward; empty for
none), and DBFLEET_<TARGET>_PORT, _IMAGE and _MEMORY. An unknown key is an error that names the nearest known one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from dbfleet.errors import ConfigError, UsageError, did_you_mean
from dbfleet.secrets import PLACEHOLDER

FILE_NAME: Final = "dbfleet.toml"
RUNTIMES: Final = ("auto", "docker", "process")
_FLEET_KEYS: Final = ("name", "runtime")
_TARGET_KEYS: Final = ("engine", "url", "ro_url", "port", "image", "memory")
SERVICE_KEYS: Final = ("port", "image", "memory")
"""What every service's table may have."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")
_MEMORY: Final = re.compile(r"\d+(\.\d+)?[bkmgBKMG]?[bB]?")


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """A target as configured: `engine`, `url` and `ro_url` as typed; the other settings are for a server that dbfleet
    starts."""

    name: str
    engine: str | None = None
    url: str | None = field(default=None, repr=False)
    ro_url: str | None = field(default=None, repr=False)
    port: int | None = None
    image: str | None = None
    memory: str | None = None
    more: Mapping[str, str] = field(default_factory=dict, repr=False)  # a service's own keys, which the fleet checks


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force. `targets` is None where no file names any: that is the default fleet. Whether there is
    such a service as a key of `services` says, is for the fleet to know. `origins` says for each key (`fleet.runtime`,
    `targets.pg.port`) which source won; a key that has its default is not in it."""

    fleet: str = "default"
    runtime: str = "auto"
    targets: Mapping[str, TargetSettings] | None = None
    state_root: Path = Path()
    files: tuple[Path, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    services: Mapping[str, TargetSettings] = field(default_factory=dict)

    def target(self, name: str) -> TargetSettings:
        """The settings of a target: its variables win over its file; what is not set has its default."""
        return self._with_variables((self.targets or {}).get(name) or TargetSettings(name))

    def service(self, name: str) -> TargetSettings:
        """The settings of a service, found as a target's are."""
        return self._with_variables(self.services.get(name) or TargetSettings(name))

    def variable_port(self, variable: str) -> int | None:
        """The port that a variable of the environment sets; None where it sets none. ConfigError where it is no
        port."""
        value = self.environ.get(variable)
        if not value:
            return None
        port: int = _checked("port", int(value) if value.isdecimal() else value, variable)
        return port

    def _with_variables(self, settings: TargetSettings) -> TargetSettings:
        name = settings.name
        changes: dict[str, Any] = {}
        for key in ("port", "image", "memory"):
            variable = _variable(name, key)
            if value := self.environ.get(variable):
                changes[key] = _checked(key, int(value) if key == "port" and value.isdecimal() else value, variable)
        if not changes:
            return settings
        return replace(settings, **changes)


@dataclass(frozen=True, slots=True)
class Url:
    """The parts of a URL, percent-decoded; `collection` is the fragment. `database` is None where there is no path."""

    scheme: str
    user: str | None
    password: str | None = field(repr=False)
    host: str | None
    port: int | None
    database: str | None
    options: Mapping[str, str]
    collection: str | None


def current_directory() -> Path:
    """The folder in which the command runs. ConfigError where it was removed meanwhile."""
    try:
        return Path.cwd()
    except FileNotFoundError as exc:
        raise ConfigError("the folder that this runs in is gone", hint="cd to one that is there") from exc


def load(
    *,
    fleet: str | None = None,
    runtime: str | None = None,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Settings:
    """The settings, from every source. ConfigError, with line and key, for a file or variable that is wrong."""
    environ = os.environ if environ is None else environ
    directory = directory or current_directory()
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    targets: dict[str, TargetSettings] | None = None
    services: dict[str, TargetSettings] = {}
    files = [file for file in (_user_file(environ), _nearest_file(directory, environ)) if file]
    for file in files:
        data, text = _read(file)
        section, named = _check(file, data, text)
        for name, settings in _services(file, data, text).items():
            services[name] = settings
            origins[f"services.{name}"] = f"{file}:{_line(text, ['services'], name)}"
            for key in data["services"][name]:
                origins[f"services.{name}.{key}"] = f"{file}:{_line(text, ['services', name], key)}"
        for key, value in section.items():
            values[key] = value
            origins[f"fleet.{key}"] = f"{file}:{_line(text, ['fleet'], key)}"
        if named is not None:
            targets = named
            origins = {key: origin for key, origin in origins.items() if not key.startswith("targets.")}
            for name, entry in data["targets"].items():
                for key in entry:
                    origins[f"targets.{name}.{key}"] = f"{file}:{_line(text, ['targets', name], key)}"
    for key, flag in (("name", fleet), ("runtime", runtime)):
        option = "fleet" if key == "name" else key
        variable = f"DBFLEET_{option.upper()}"
        if flag:
            values[key], origins[f"fleet.{key}"] = _checked(key, flag, f"--{option}"), f"--{option}"
        elif environ.get(variable):
            values[key], origins[f"fleet.{key}"] = _checked(key, environ[variable], variable), variable
    root, origin = _state_root(environ)
    if origin:
        origins["state"] = origin
    return Settings(
        values.get("name", "default"),
        values.get("runtime", "auto"),
        targets,
        root,
        tuple(reversed(files)),
        origins,
        dict(environ),
        services,
    )


def setting(target: str, key: str, table: str = "targets") -> str:
    """How a user sets this key of a target, or of a service, as a hint says it."""
    return f"{key} under [{table}.{target}] in {FILE_NAME}, or {_variable(target, key)}"


def _variable(target: str, key: str) -> str:
    return f"DBFLEET_{re.sub(r'[^A-Z0-9]', '_', target.upper())}_{key.upper()}"


def _state_root(environ: Mapping[str, str]) -> tuple[Path, str | None]:
    if folder := environ.get("DBFLEET_STATE_DIR"):
        return Path(folder).expanduser().absolute(), "DBFLEET_STATE_DIR"
    if folder := environ.get("XDG_STATE_HOME"):
        return Path(folder).expanduser().absolute() / "dbfleet", "XDG_STATE_HOME"
    return Path(environ.get("HOME") or Path.home()) / ".local" / "state" / "dbfleet", None


def _user_file(environ: Mapping[str, str]) -> Path | None:
    home = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or Path.home()) / ".config"
    file = Path(home) / "dbfleet" / "config.toml"
    return file if os.path.lexists(file) else None


def _nearest_file(directory: Path, environ: Mapping[str, str]) -> Path | None:
    if (named := environ.get("DBFLEET_CONFIG")) is not None:
        if named and not os.path.exists(named):
            raise ConfigError(f"DBFLEET_CONFIG: no file {named}")
        return Path(named) if named else None
    for folder in (directory, *directory.parents):
        # Not Path.is_file, which raises for a folder above that this user may not enter.
        if os.path.lexists(file := folder / FILE_NAME):
            return file
    return None


def _read(file: Path) -> tuple[dict[str, Any], str]:
    import tomllib  # here, as a run without a file does not need it

    try:
        text = file.read_text("utf-8-sig")  # some editors begin a file with a byte order mark
        return tomllib.loads(text), text
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{file}: is not UTF-8") from exc
    except OSError as exc:
        raise ConfigError(f"{file}: {exc.strerror}") from exc
    except RecursionError as exc:
        raise ConfigError(f"{file}: is nested too deeply") from exc
    except tomllib.TOMLDecodeError as exc:
        position = re.search(r"\(at line (\d+), column (\d+)\)", str(exc))
        # Without a number the message says "at end of document": we name the last line that is not empty.
        place = f":{position[1]}:{position[2]}" if position else f":{len(text.rstrip().splitlines())}"
        raise ConfigError(f"{file}{place}: {str(exc).split(' (at ')[0]}") from exc


def _check(file: Path, data: dict[str, Any], text: str) -> tuple[dict[str, Any], dict[str, TargetSettings] | None]:
    """The checked [fleet] section, and the targets if the file names any."""

    def wrong(path: list[str], key: str, what: str, known: Iterable[str] = ()) -> ConfigError:
        hint = did_you_mean(key, known, (f"known keys: {', '.join(known)}" if known else None))
        return ConfigError(f"{file}:{_line(text, path, key)}: {'.'.join([*path, key])}: {what}", hint=hint)

    for key, value in data.items():
        if key not in ("fleet", "targets", "services"):
            raise wrong([], key, "unknown key", ("fleet", "targets", "services"))
        if not isinstance(value, dict):
            raise wrong([], key, "must be a table")
    for key, value in data.get("fleet", {}).items():
        if key not in _FLEET_KEYS:
            raise wrong(["fleet"], key, "unknown key", _FLEET_KEYS)
        _checked(key, value, f"{file}:{_line(text, ['fleet'], key)}: fleet.{key}")
    if "targets" not in data:
        return data.get("fleet", {}), None
    targets = {}
    for name, entry in data["targets"].items():
        if not isinstance(entry, dict):
            raise wrong(["targets"], name, "must be a table: [targets.NAME]")
        if not _NAME.fullmatch(name):
            raise wrong(["targets"], name, "a target's name has small letters, digits, - and _")
        for key, value in entry.items():
            if key not in _TARGET_KEYS:
                raise wrong(["targets", name], key, "unknown key", _TARGET_KEYS)
            _checked(key, value, f"{file}:{_line(text, ['targets', name], key)}: targets.{name}.{key}")
        if "url" in entry and len(set(entry) & {"port", "image", "memory"}):
            raise wrong(["targets", name], "url", "a target with a url is not started: no port, image or memory")
        if "ro_url" in entry and "url" not in entry:
            raise wrong(["targets", name], "ro_url", "is for a target with a url; dbfleet makes the reader of its own")
        targets[name] = TargetSettings(name, **entry)
    return data.get("fleet", {}), targets


def _services(file: Path, data: dict[str, Any], text: str) -> dict[str, TargetSettings]:
    """The services that the file has settings for."""
    services = {}
    for name, entry in data.get("services", {}).items():
        if not isinstance(entry, dict):
            raise ConfigError(f"{file}:{_line(text, ['services'], name)}: services.{name}: must be a table")
        for key, value in entry.items():
            where = f"{file}:{_line(text, ['services', name], key)}: services.{name}.{key}"
            if key in SERVICE_KEYS:
                _checked(key, value, where)
            elif type(value) not in (str, int):
                raise ConfigError(f"{where}: must be text or a number")
        more = {key: str(value) for key, value in entry.items() if key not in SERVICE_KEYS}
        services[name] = TargetSettings(name, **{key: entry[key] for key in entry if key in SERVICE_KEYS}, more=more)
    return services


def _checked(key: str, value: Any, where: str) -> Any:
    if key == "port":
        if type(value) is not int or not 0 < value < 65536:
            raise ConfigError(f"{where}: a port is a number from 1 to 65535")
    elif not isinstance(value, str) or not value:
        raise ConfigError(f"{where}: must be text")
    elif key == "runtime" and value not in RUNTIMES:
        raise ConfigError(
            f"{where}: no runtime is called {value!r}",
            hint=did_you_mean(value, RUNTIMES, f"the runtimes are: {', '.join(RUNTIMES)}"),
        )
    elif key == "name" and not _NAME.fullmatch(value):
        raise ConfigError(f"{where}: a fleet's name has small letters, digits, - and _, 41 at most; not {value!r}")
    elif key == "memory" and not _MEMORY.fullmatch(value):
        raise ConfigError(f"{where}: memory is a number with b, k, m or g, as in 512m")
    return value


def _line(text: str, path: list[str], key: str) -> int:
    """The line of `key` in the table `path`; TOML's parser does not keep it. Line 1 for a key in an inline table."""
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line):
            table = [part.strip(" \"'") for part in header[1].split(".")]
            if table[: len(path) + 1] == [*path, key]:
                return number
        elif table == path and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]", line):
            return number
    return 1


# --- URLs ---------------------------------------------------------------------------------------------------------


def parse_url(text: str) -> Url:
    """The parts of a URL. UsageError, which never shows what may be a password, where it cannot be read.

    Placeholders are left as they are, whatever they hold. A raw `@` or `:` in a password works. A raw `/`, `?` or `#`
    cannot be distinguished from the path; it is an error that says how to write it.
    """
    placeholders: list[str] = []

    def hold(placeholder: re.Match[str]) -> str:
        placeholders.append(placeholder[0])
        return f"\0{len(placeholders) - 1}\0"

    def release(part: str) -> str:
        return re.sub("\0(\\d+)\0", lambda number: placeholders[int(number[1])], unquote(part))

    if "\0" in text:
        raise UsageError("the URL holds a NUL character")
    scheme, separator, rest = PLACEHOLDER.sub(hold, text).partition("://")
    if not separator or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        hint = "leave jdbc: out" if text.startswith("jdbc:") else "for example postgresql://localhost/shop"
        raise UsageError("not a URL: a URL begins with scheme://", hint=hint)
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    tail = rest[len(authority) :]
    if authority and "@" in tail:
        raise UsageError(
            "the URL has an @ behind its host: is there a /, ? or # in the password?",
            hint="write them as %2F %3F %23 (and @ as %40), or put ${env:NAME} or ${file:PATH} in the password's place",
        )
    login, at, server = authority.rpartition("@")
    user, colon, password = login.partition(":")
    host, port = _host_and_port(server)
    beforehash, _, fragment = tail.partition("#")
    path, _, query = beforehash.partition("?")
    return Url(
        scheme=scheme.lower(),
        user=release(user) if at and user else None,
        password=release(password) if colon else None,
        host=release(host) if host else None,
        port=port,
        database=release(path[1:]) if len(path) > 1 else None,
        options={release(key): release(value) for key, value in parse_qsl(query, keep_blank_values=True)},
        collection=release(fragment) or None,
    )


def _host_and_port(server: str) -> tuple[str, int | None]:
    if "," in server:  # several hosts, each with a port of its own: the driver takes them apart
        return server, None
    parts = re.fullmatch(r"\[([^\]]*)\](?::(.*))?|([^:]*)(?::(.*))?", server)
    port = parts and (parts[2] or parts[4])
    if not parts or (port and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise UsageError("the URL's port is not a number from 1 to 65535")
    return parts[1] or parts[3] or "", int(port) if port else None
