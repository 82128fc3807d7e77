"""`config show` and `config validate`: what is in force, and which source won."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from dbfleet import secrets, services
from dbfleet.config import TargetSettings
from dbfleet.fleet import Fleet
from dbfleet.ops import _servers

FIELDS: Final = ("key", "value", "origin")
DEFAULT: Final = "built-in default"


def config_show(fleet: Fleet) -> Iterator[dict[str, Any]]:
    """A record a setting: key value origin. Passwords in URLs are hidden."""
    settings = fleet.settings

    def record(key: str, value: Any, origin: str | None = None) -> dict[str, Any]:
        return {"key": key, "value": value, "origin": origin or settings.origins.get(key, DEFAULT)}

    yield record("fleet.name", settings.fleet)
    if settings.runtime == "auto":
        chosen, why = _servers.default_runtime(fleet)
        yield record("fleet.runtime", f"auto: {chosen} ({why})")
    else:
        yield record("fleet.runtime", settings.runtime)
    yield record("state", str(settings.state_root))
    for name in fleet.names:
        target, found = fleet.targets[name], settings.target(name)
        yield record(f"targets.{name}.engine", target.engine)
        yield record(f"targets.{name}.url", target.url())
        if (reader := fleet.configured_reader(name)) is not None:
            yield record(f"targets.{name}.ro_url", reader.url())
        yield from (record(*each) for each in _of_server(fleet, "targets", found))
    for name in services.names():
        yield from (record(*each) for each in _of_server(fleet, "services", settings.service(name)))
        yield from (record(*each) for each in _of_service(fleet, name))


def _of_server(fleet: Fleet, table: str, found: TargetSettings) -> Iterator[tuple[str, Any, str | None]]:
    """What is set of a server that dbfleet starts: the key, its value, and the variable where that won."""
    for key in ("port", "image", "memory"):
        if (value := getattr(found, key)) is not None:
            variable = f"DBFLEET_{_servers.variable(found.name)}_{key.upper()}"
            yield f"{table}.{found.name}.{key}", value, variable if fleet.settings.environ.get(variable) else None


def _of_service(fleet: Fleet, name: str) -> Iterator[tuple[str, Any, str | None]]:
    """The same for what a service has besides; a secret only if it is a placeholder."""
    keys = {setting.variable: key for key, setting in services.spec(name).settings.items()}
    for where, setting, value in fleet.set_of(name):
        if setting.variable in keys:
            hidden = setting.secret and not secrets.PLACEHOLDER.fullmatch(value)
            origin = where if where == setting.variable else None
            yield f"services.{name}.{keys[setting.variable]}", secrets.HIDDEN if hidden else value, origin


def config_validate(fleet: Fleet) -> int:
    """How many targets the settings name, after resolving each. ConfigError or UnknownEngine where one is wrong;
    reading the files has been checked by opening the fleet."""
    for name in fleet.names:
        fleet.spec(fleet.targets[name])
        fleet.configured_reader(name)
    for name in services.names():
        fleet.check_settings(fleet.service(name))
    return len(fleet.names)
