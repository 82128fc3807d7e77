"""What a service is told of the fleet: its environment, and the file with the targets as it may see them.

Rule: a worker that runs on this machine sees the fleet itself. web, and what runs in a container, sees a file that
dbfleet writes: every target as a URL, from where the service runs. web's has the logins that can only read; a target
that has none stands there without a login. Passwords are files beside it, for this service alone."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import dbfleet
from dbfleet import config, registry, secrets, services
from dbfleet.errors import DbfleetError
from dbfleet.fleet import Fleet
from dbfleet.members import FOLDER
from dbfleet.runtimes import compose, docker_images
from dbfleet.services import _image
from dbfleet.spec import Setting, Surroundings
from dbfleet.target import Target

INSIDE: Final = Path("/run/dbfleet")
"""Where a container finds the folder of its file."""

HOST: Final = "host.docker.internal"
"""This machine, as a container calls it."""

_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1", "0.0.0.0"})  # noqa: S104  # compared with, not bound
_SETTING: Final = re.compile(r"DBFLEET_\w+_(PORT|IMAGE|MEMORY|PLATFORM)")
_INHERITED: Final = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "XDG_CONFIG_HOME", "HOME", "USER")


def environment(fleet: Fleet, name: str, runtime: str) -> Mapping[str, str]:
    """The variables of a service on this runtime: of its process, or those of its stack."""
    if runtime == "docker":
        base = fleet.settings.environ.get(_image.BASE)
        return {
            "DBFLEET_FLEET_NAME": fleet.name,
            "DBFLEET_CONSOLE_URL": page(fleet),
            "DBFLEET_CONSOLE_DIR": str(folder(fleet)),
            "DBFLEET_CONSOLE_CONTEXT": str(_context(fleet)),
            "DBFLEET_CONSOLE_SOURCE": _image.source(),
            "DBFLEET_STACKS_DIR": str(compose.stacks() / "services"),
            **({_image.BASE: base} if base else {}),
            # Empty where it is not set: what was set at an earlier `up` stands in the file of variables still.
            **{each.variable: "" for _, _, each in services.settings_of(name) if not each.secret},
            **{each: str(_more_port(fleet, name, each)) for each in services.spec(name).more_ports},
            **_set(fleet, name, runtime),
        }
    spec = services.spec(name)
    return spec.environment(_surroundings(fleet, name)) if spec.environment else {}


def image(fleet: Fleet, name: str) -> str | None:
    """The image of a service that is built here; None where it is not, or the settings name another."""
    return _image.image(fleet.settings.environ) if services.spec(name).built else None


def remove_older_images(fleet: Fleet) -> list[str]:
    """Remove the images that this installation of dbfleet has built before, where no container has them; their
    names."""
    return docker_images.remove_older(_image.source(), _image.image(fleet.settings.environ))


def fill_context(fleet: Fleet) -> None:
    """Make the folder from which that image is built."""
    _image.context(_context(fleet), fleet.settings.environ)


def _context(fleet: Fleet) -> Path:
    return folder(fleet) / "image"


def page(fleet: Fleet) -> str:
    """The address of the console that people type: that of the service before it where it is wanted, else web's own."""
    door = next((name for name in services.names() if services.spec(name).door and _wanted(fleet, name)), "web")
    target = fleet.service(door)
    return f"{target.scheme}://{target.host}:{target.port}"


def _wanted(fleet: Fleet, name: str) -> bool:
    """Whether the service is up, or will be when the `up` that runs has ended."""
    return bool(fleet.record(name).keys() & {"wanted", "planned"})


def _more_port(fleet: Fleet, name: str, variable: str) -> int:
    recorded = fleet.record(name).get("more_ports", {}).get(variable)
    return fleet.settings.variable_port(variable) or recorded or services.spec(name).more_ports[variable]


def folder(fleet: Fleet) -> Path:
    """Where the files are that tell the services of the targets."""
    return fleet.state / "console"


def _surroundings(fleet: Fleet, name: str) -> Surroundings:
    """As a process on this machine sees it."""
    addresses = {}
    for each in map(fleet.service, services.names()):
        if each.host and each.port:
            addresses[each.name] = (each.host, each.port)
    own = name in TOLD
    return Surroundings(
        fleet=fleet.name,
        state=folder(fleet) / name / "state" if own else fleet.settings.state_root,
        config=told_file(fleet, name) if own else _settings_file(fleet),
        secrets=fleet.secrets_directory,
        addresses=addresses,
        page=page(fleet),
        wanted=frozenset(each for each in services.names() if _wanted(fleet, each)),
        ports={variable: _more_port(fleet, name, variable) for variable in services.spec(name).more_ports},
        inherited={**_set(fleet, name, "process"), **dict(_paths(fleet) if own else _inherited(fleet, name))},
    )


def _settings_file(fleet: Fleet) -> Path | None:
    return fleet.settings.files[0].absolute() if fleet.settings.files else None


def _set(fleet: Fleet, name: str, runtime: str) -> dict[str, str]:
    """What a person has set of the service, by variable. A secret stands in a file beside that of the targets."""
    found = {}
    for _, setting, value in fleet.set_of(name):
        if not setting.secret:
            found[setting.variable] = value
        elif runtime != "docker":  # there the stack says where it is
            found[setting.variable] = f"${{file:{folder(fleet) / name / secret_file(setting)}}}"
    return found


def secret_file(setting: Setting) -> str:
    """The name of the file that holds a secret setting, in the folder of the service that is told it."""
    return setting.variable.removeprefix("DBFLEET_CONSOLE_").replace("_", "-").lower()


def _paths(fleet: Fleet) -> Iterator[tuple[str, str]]:
    """Where this dbfleet is imported from."""
    package = str(Path(dbfleet.__file__).resolve().parents[1])
    paths = [package, *fleet.settings.environ.get("PYTHONPATH", "").split(os.pathsep)]
    yield "PYTHONPATH", os.pathsep.join(dict.fromkeys(path for path in paths if path))


def _inherited(fleet: Fleet, name: str) -> Iterator[tuple[str, str]]:
    """What the fleet's settings are made of: the variables of its targets and services, and those that stand for
    secrets in its URLs."""
    environ = fleet.settings.environ
    yield from _paths(fleet)
    named = {each for each in environ if each in _INHERITED or _SETTING.fullmatch(each)}
    for settings in (fleet.settings.targets or {}).values():
        for text in (settings.url, settings.ro_url):
            named |= {found[2] for found in secrets.PLACEHOLDER.finditer(text or "") if found[1] == "env"}
    yield from ((each, environ[each]) for each in sorted(named) if each in environ)
    yield "DBFLEET_RUNTIME", _runtime(fleet)
    yield FOLDER, fleet.record(name).get("folder") or str(fleet.directory)


def _runtime(fleet: Fleet) -> str:
    """The fleet's runtime by its settings: a flag is for one command, and the services outlive it."""
    if fleet.settings.origins.get("fleet.runtime") != "--runtime":
        return fleet.settings.runtime
    return config.load(fleet=fleet.name, environ=fleet.settings.environ, directory=fleet.directory).runtime


def started_in(fleet: Fleet, name: str) -> str:
    """The folder that the service takes for the one in which `up` was typed: where it runs, the one that it has, as
    long as nothing in the settings depends on it."""
    record = fleet.record(name)
    keeps = record.get("wanted") and not record.get("stopped") and not _depend_on_the_folder(fleet)
    return (record.get("folder") if keeps else None) or str(fleet.directory)


def _depend_on_the_folder(fleet: Fleet) -> bool:
    """Whether a URL in the settings names a file by a path that is relative."""
    for settings in (fleet.settings.targets or {}).values():
        for text in filter(None, (settings.url, settings.ro_url)):
            files = [Path(found[2]).expanduser() for found in secrets.PLACEHOLDER.finditer(text) if found[1] == "file"]
            if not all(file.is_absolute() for file in files):
                return True
            if not secrets.PLACEHOLDER.fullmatch(text) and _is_relative(text):
                return True
    return False


def _is_relative(text: str) -> bool:
    try:
        url = config.parse_url(text)
        embedded = registry.by_scheme(url.scheme).embedded
    except DbfleetError:  # told where the target is used
        return True
    return embedded and not (url.database or ":").startswith(("/", ":"))


# --- the file of the targets ----------------------------------------------------------------------------------------

TOLD: Final = ("web",)
"""The services that are told of the targets by a file of their own, on this machine too."""

_TOLD_INSIDE: Final = ("web", "worker", "beat", "pgadmin")
_WRITES: Final = ("worker",)


def told_file(fleet: Fleet, name: str) -> Path:
    """The file that tells a service of the targets."""
    return folder(fleet) / name / "dbfleet.toml"


def tell(fleet: Fleet, name: str, runtime: str) -> list[str]:
    """Write the file that tells the service of the targets; the names of those that are not in it."""
    inside = runtime == "docker"
    told = _Told(fleet, told_file(fleet, name).parent, inside=inside, reads_only=name not in _WRITES)
    # The folder above is closed. This one is mounted into a container, whose user must be able to read it.
    folder(fleet).mkdir(mode=0o700, parents=True, exist_ok=True)
    told.folder.mkdir(mode=0o755, exist_ok=True)
    lines = ["# Written by dbfleet at every up: where the targets are, as this service may see them."]
    left = []
    for target in fleet.targets.values():
        if inside and fleet.spec(target).embedded:
            left.append(target.name)
        else:
            lines += ["", f"[targets.{target.name}]", *told.urls(target)]
    told.put(told_file(fleet, name).name, "\n".join([*lines, ""]))
    if name == "pgadmin":
        told.put_servers()
    for _, _, setting in services.settings_of(name):
        if setting.secret and not (told.folder / secret_file(setting)).exists():
            told.put(secret_file(setting), "")  # a container finds a file, in any case
    for where, setting, value in fleet.set_of(name):
        if setting.secret:
            told.put(secret_file(setting), fleet.secret_setting(where, value))
    told.remove_others()
    return left


@dataclass(frozen=True, slots=True)
class _Told:
    """One service's file: its folder, whether the service runs in a container, whether it may only read."""

    fleet: Fleet
    folder: Path
    inside: bool
    reads_only: bool
    written: set[str] = field(default_factory=set)

    def urls(self, target: Target) -> Iterator[str]:
        reader = self._reader(target)
        if not self.reads_only and self._up(target):
            yield f"url = {json.dumps(self._url(target, f'{target.name}.password'))}"
            if reader is not None and not (target.managed and reader.user == target.user):
                yield f"ro_url = {json.dumps(self._url(reader, f'{target.name}.ro'))}"
        elif reader is not None:
            url = json.dumps(self._url(reader, f"{target.name}.ro"))
            yield from (f"{key} = {url}" for key in ("url", "ro_url"))
        else:  # it is shown, and nobody can log in
            yield f"url = {json.dumps(self._url(target.with_(user=None, password=None), ''))}"

    def put_servers(self) -> None:
        """Write the list of PostgreSQL servers as pgAdmin loads it, and their passwords as libpq reads them."""
        servers: dict[str, Any] = {}
        passwords = []
        for target in self.fleet.targets.values():
            reader = self._reader(target) if _POSTGRESQL in self.fleet.spec(target).schemes else None
            if reader is None or reader.host is None:
                continue
            seen = self._seen(reader)
            servers[str(len(servers) + 1)] = {
                "Name": target.name,
                "Group": f"dbfleet {self.fleet.name}",
                "Host": seen.host,
                "Port": seen.port,
                "MaintenanceDB": seen.database,
                "Username": seen.user,
                "SSLMode": seen.options.get("sslmode", "prefer"),
                "PassFile": "/.pgpass",
            }
            words = (seen.host, str(seen.port), "*", seen.user, seen.password)
            passwords.append(":".join((word or "").replace("\\", "\\\\").replace(":", "\\:") for word in words))
        self.put(_SERVERS, json.dumps({"Servers": servers}, indent=1))
        self.put("pgpass", "\n".join([*passwords, ""]))

    def _reader(self, target: Target) -> Target | None:
        """The target by a login that can only read; None where it has none of its own, or is not up: on its port may be
        another server then, which must not get the password."""
        if not self._up(target):
            return None
        try:
            reader = self.fleet.reader(target)
        except DbfleetError:
            return None
        same_login = (reader.user, reader.password) == (target.user, target.password)
        return None if same_login and target.password is not None else reader

    def _url(self, target: Target, secret: str) -> str:
        """The URL as the service can use it from where it runs, with a file in the place of its password."""
        if self.fleet.spec(target).embedded:
            return target.with_(database=str(self.fleet.directory / (target.database or ""))).url(reveal=True)
        target = self._seen(target)
        if target.password is None:
            return target.url(reveal=True)
        self.put(secret, target.password)
        at = (INSIDE if self.inside else self.folder) / secret
        return target.with_(password=_PLACE).url(reveal=True).replace(f":{_PLACE}@", f":${{file:{at}}}@", 1)

    def _seen(self, target: Target) -> Target:
        """The target at the address by which the service finds it."""
        if self.inside and target.managed and self._in_project(target):
            return target.with_(host=target.engine, port=self.fleet.spec(target).inner_port)
        return target.with_(host=HOST) if self.inside and target.host in _LOCAL else target

    def _up(self, target: Target) -> bool:
        record = self.fleet.record(target.name)
        there = not target.managed or self.fleet.spec(target).embedded
        return there or bool(record.get("wanted") and not record.get("stopped"))

    def _in_project(self, target: Target) -> bool:
        """Whether the target's server is a container in the fleet's own network, under its engine's name."""
        return self.fleet.record(target.name).get("runtime") == "docker" and target.name == target.engine

    def put(self, name: str, text: str) -> None:
        """Write a file of the folder, completely or not at all."""
        fresh = self.folder / f".{name}.{os.getpid()}"
        try:
            fresh.write_text(text, "utf-8")
            fresh.chmod(0o444)
            os.replace(fresh, self.folder / name)
        finally:
            fresh.unlink(missing_ok=True)
        self.written.add(name)

    def remove_others(self) -> None:
        """Remove the passwords that are not told any more."""
        for file in self.folder.iterdir():
            if file.suffix in _PASSWORDS and file.name not in self.written:
                file.unlink(missing_ok=True)


_POSTGRESQL: Final = "postgresql"
_SERVERS: Final = "servers.json"
_PASSWORDS: Final = (".ro", ".password")
_PLACE: Final = "PLACEofTHEpassword"


def tell_all(fleet: Fleet) -> list[str]:
    """Write the files anew, after something was started or ended; the names of the services that run and have read
    theirs already: they see what is new when they start again."""
    late = []
    for name, runtime in services_told(fleet):
        servers = told_file(fleet, name).with_name(_SERVERS)
        before = servers.read_bytes() if servers.is_file() else None
        tell(fleet, name, runtime)
        record = fleet.record(name)
        if before and before != servers.read_bytes() and record.get("wanted") and not record.get("stopped"):
            late.append(name)
    return late


def services_told(fleet: Fleet) -> Iterator[tuple[str, str]]:
    """The services that have a file of their own, with their runtimes."""
    for name in services.names():
        runtime = fleet.record(name).get("runtime")
        if runtime and name in (_TOLD_INSIDE if runtime == "docker" else TOLD):
            yield name, runtime
