"""The services: what a fleet runs besides engines. Each is data, a ServiceSpec; runtimes start them like engines.

Rule: a module in this package without a leading underscore is a service, and defines SERVICE, a ServiceSpec of its
name. A group is a word on the specs that starts several. Names are read from the files; a spec imports no driver."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

from dbfleet.errors import UsageError, did_you_mean
from dbfleet.spec import ServiceSpec, Setting

if TYPE_CHECKING:
    from dbfleet.adapter import ServerInfo
    from dbfleet.runtimes import ClientCommand
    from dbfleet.target import Target


@cache
def names() -> tuple[str, ...]:
    """The services' names, sorted. Only file names are read."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(__path__) if info.name[0] != "_"))


@cache
def spec(name: str) -> ServiceSpec:
    """The spec of a service. UsageError, with the nearest name, if there is none."""
    if name not in names():
        known = f"the services are: {', '.join(names())}"
        raise UsageError(f"no service is called {name!r}", hint=did_you_mean(name, names(), known))
    service: ServiceSpec = import_module(f"dbfleet.services.{name}").SERVICE
    return service


GROUPS: Final = ("console",)


def groups() -> tuple[str, ...]:
    """The names that start several services, sorted: those on the specs, which are not imported for it."""
    return GROUPS


def group(name: str) -> tuple[str, ...]:
    """The services of a group, each after what it needs; none if there is no such group."""
    return in_order(each for each in names() if name in spec(each).groups)


def settings_of(name: str) -> Iterator[tuple[str, str, Setting]]:
    """What can be set that the service is told: the table that it stands in, its key there, and the setting."""
    for table in names():
        for key, setting in spec(table).settings.items():
            if name == table or name in setting.also:
                yield table, key, setting


def ask(target: Target, port: int, beside: Callable[[Sequence[str]], ClientCommand], *, timeout_s: float) -> ServerInfo:
    """One round trip to a service, in its own protocol. Unavailable where it is not as it should be. `beside` gives a
    command that runs where the service runs, and `port` is its port there."""
    from dbfleet.services._probes import Asked

    service = spec(target.name)
    found: ServerInfo = service.probe(Asked(service, target, port, beside), timeout_s)
    return found


def in_order(wanted: Iterable[str]) -> tuple[str, ...]:
    """The services and all that they need, each once and after what it needs."""
    found: dict[str, None] = {}

    def add(name: str) -> None:
        if name not in found:
            for needed in spec(name).needs:
                add(needed)
            found[name] = None

    for name in wanted:
        add(name)
    return tuple(found)


def waves(wanted: Iterable[str]) -> list[list[str]]:
    """The services in the order in which they start: those of one wave at once, each after what it needs of them."""
    chosen = list(wanted)
    depth: dict[str, int] = {}
    for name in in_order(chosen):
        depth[name] = 1 + max((depth[needed] for needed in spec(name).needs), default=-1)
    return [
        [name for name in chosen if depth[name] == number]
        for number in range(max((depth[name] for name in chosen), default=-1) + 1)
    ]
