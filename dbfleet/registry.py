"""The engines: modules and packages in dbfleet/engines/ without a leading underscore, and outside ones by entry point.

An engine's module defines ENGINE, an EngineSpec with the name of the module. Reading a spec imports no driver.

An installed package offers an engine in the entry-point group `dbfleet.engines`: the engine's name, and the module or
package that defines ENGINE. Reading entry points costs 18 ms, so it is done only where the given word is no built-in
name, alias or scheme, or where all engines are listed. A built-in name, alias or scheme wins over an outside one. An
outside engine that cannot be used is left out of lists; asking for it by name raises a UsageError that names the
package.
"""

from __future__ import annotations

import pkgutil
import socket
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dbfleet import engines
from dbfleet.adapter import Adapter
from dbfleet.errors import DbfleetError, Unavailable, UnknownEngine, UsageError, did_you_mean
from dbfleet.spec import EngineSpec
from dbfleet.target import Target

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP: Final = "dbfleet.engines"
"""The entry-point group in which a package offers its engines."""


@cache
def names() -> tuple[str, ...]:
    """The built-in engines' names, sorted. Only file names are read."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(engines.__path__) if info.name[0] != "_"))


@cache
def spec(name: str) -> EngineSpec:
    """The spec of an engine by name or alias. UnknownEngine, with the nearest name, if there is none; UsageError for an
    outside engine that cannot be used."""
    if name in names():
        return _load(name)
    word = name.lower()
    for engine in specs():
        if word in (engine.name, *engine.aliases):
            return engine
    for offer in outside():
        if offer.name == word:
            return offer.usable()
    for offer in outside():
        if offer.spec is not None and word in offer.spec.aliases:
            return offer.spec
    raise _unknown(name, [alias for engine in every() for alias in (engine.name, *engine.aliases)])


@cache
def specs() -> tuple[EngineSpec, ...]:
    """All built-in specs, sorted by name."""
    return tuple(_load(name) for name in names())


@cache
def every() -> tuple[EngineSpec, ...]:
    """The built-in specs, then the outside ones that can be used, each group sorted by name."""
    return (*specs(), *(offer.spec for offer in outside() if offer.spec is not None))


@cache
def by_scheme(scheme: str) -> EngineSpec:
    """The engine that a URL's scheme names. UnknownEngine if there is none; UsageError for an outside engine of that
    name that cannot be used."""
    scheme = scheme.lower()
    for engine in specs():
        if scheme in engine.schemes:
            return engine
    for offer in outside():
        if offer.spec is not None and scheme in offer.spec.schemes:
            return offer.spec
    for offer in outside():
        if offer.name == scheme and offer.trouble is not None:
            raise offer.trouble
    raise _unknown(scheme, [known for engine in every() for known in engine.schemes])


# --- engines of other packages --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outside:
    """An engine that an installed package offers: its spec, or why it cannot be used."""

    name: str
    package: str
    spec: EngineSpec | None
    trouble: UsageError | None

    def usable(self) -> EngineSpec:
        """The spec. UsageError, which names the package, where the engine cannot be used."""
        if self.spec is None:
            raise self.trouble or UsageError(f"the engine {self.name} of the package {self.package} cannot be used")
        return self.spec


@cache
def outside() -> tuple[Outside, ...]:
    """The engines that installed packages offer, sorted by name; where two packages offer one name, that of the first
    package is used."""
    from importlib.metadata import entry_points  # here, as it costs 18 ms together with the reading

    offers: list[Outside] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda point: (point.name, _package(point))):
        name, package = entry.name, _package(entry)
        first = next((offer.package for offer in offers if offer.name == name and offer.package != package), None)
        if name in names():
            why = f"the package {package} offers an engine {name}, which is built in: the built-in one is used"
            offers.append(Outside(name, package, None, UsageError(why)))
        elif first is not None:
            why = f"the package {package} offers an engine {name}, as {first} does: that of {first} is used"
            offers.append(Outside(name, package, None, UsageError(why)))
        elif all(offer.name != name for offer in offers):
            offers.append(_offered(entry, name, package))
    return tuple(offers)


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value


def _offered(entry: EntryPoint, name: str, package: str) -> Outside:
    """The engine of an entry point. An error that its module raises on import becomes the reason why it cannot be
    used."""

    def unusable(why: str) -> Outside:
        text = f"the engine {name} of the package {package} cannot be used: {why}"
        return Outside(name, package, None, UsageError(text, hint=f"mend or uninstall {package}"))

    attribute = entry.attr or "ENGINE"
    try:
        module = import_module(entry.module)
        engine = vars(module).get(attribute)
        file = module.__file__
    except Exception as error:
        return unusable(f"{entry.module} cannot be imported ({_words(error)})")
    if not isinstance(engine, EngineSpec):
        return unusable(f"{entry.module} has no {attribute} that is an EngineSpec")
    if engine.name != name:
        return unusable(f"its EngineSpec is called {engine.name}, its entry point {name}")
    if engine.stack is None and not engine.embedded and file is not None:
        engine = replace(engine, stack=Path(file).parent / "stacks" / f"{name}.yaml")
    return Outside(name, package, engine, None)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ").partition("\n")[0]


# --- connections ----------------------------------------------------------------------------------------------------


def connect(target: Target, *, timeout_s: float = 10.0) -> Adapter:
    """A live connection. Unavailable or AuthFailed within about `timeout_s`; UsageError for an unusable URL.

    A driver that meets a strange server does not always raise an error of its own: the host's name may be unknown, or
    the port may answer in another protocol. So any error that is raised outside our code while we connect is reported
    as a trouble of the host.
    """
    try:
        connected: Adapter = spec(target.engine).connect(target, timeout_s=timeout_s)
        return connected
    except (DbfleetError, ImportError, MemoryError):
        raise
    except Exception as error:
        if _is_ours(error, spec(target.engine)):
            raise
        raise _strange_host(target, error) from error


def _is_ours(error: Exception, engine: EngineSpec) -> bool:
    """Whether a line of dbfleet raised the error, or a line of the outside engine's own package."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    own = {"dbfleet", engine.connect.__module__.partition(".")[0]}
    return place is None or str(place.tb_frame.f_globals.get("__name__")).partition(".")[0] in own


def _strange_host(target: Target, error: Exception) -> DbfleetError:
    title = spec(target.engine).title
    if isinstance(error, UnicodeEncodeError) and error.encoding == "utf-8":
        return UsageError("a part of the URL is not UTF-8", engine=target.engine, target=target.name)
    if isinstance(error, (socket.gaierror, UnicodeError)):
        return Unavailable(f"the host {target.host} is not known", engine=target.engine, target=target.name)
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    return Unavailable(
        f"there is no {title} at {target.host}:{target.port} ({what})", engine=target.engine, target=target.name
    )


def _load(name: str) -> EngineSpec:
    engine: EngineSpec = import_module(f"dbfleet.engines.{name}").ENGINE
    return engine


def _unknown(word: str, known: list[str]) -> UnknownEngine:
    return UnknownEngine(
        f"no engine is called {word!r}",
        hint=did_you_mean(word, known, f"the engines are: {', '.join(engine.name for engine in every())}"),
    )
