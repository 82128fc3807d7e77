"""The engines, found by file name: every module in dbfleet/engines/ without a leading underscore is one.

An engine's module defines ENGINE, an EngineSpec whose name is the module's. Reading a spec imports no driver.
"""

from __future__ import annotations

import pkgutil
import socket
from functools import cache
from importlib import import_module

from dbfleet import engines
from dbfleet.adapter import Adapter
from dbfleet.errors import DbfleetError, Unavailable, UnknownEngine, UsageError, nearest
from dbfleet.spec import EngineSpec
from dbfleet.target import Target


@cache
def names() -> tuple[str, ...]:
    """The engines' names, sorted, by a look at the file names alone."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(engines.__path__) if info.name[0] != "_"))


@cache
def spec(name: str) -> EngineSpec:
    """The spec of an engine by name or alias. UnknownEngine, with the nearest name, if there is none."""
    if name not in names():
        found = next((each for each in names() if name.lower() in (each, *_load(each).aliases)), None)
        if found is None:
            raise _unknown(name)
        name = found
    return _load(name)


@cache
def specs() -> tuple[EngineSpec, ...]:
    """All specs, by name."""
    return tuple(_load(name) for name in names())


@cache
def by_scheme(scheme: str) -> EngineSpec:
    """The engine that a URL's scheme names. UnknownEngine if there is none."""
    scheme = scheme.lower()
    for found in specs():
        if scheme in found.schemes:
            return found
    raise _unknown(scheme, known=[each for found in specs() for each in found.schemes])


def connect(target: Target, *, timeout_s: float = 10.0) -> Adapter:
    """A live connection. Unavailable or AuthFailed within about `timeout_s`; UsageError for an unusable URL.

    What a driver meets on a stranger's port is without end, and not all of it comes as the driver's own error: a name
    that no resolver knows, bytes of another protocol. Raised outside of our code while we connect, it is the host's.
    """
    try:
        connected: Adapter = spec(target.engine).connect(target, timeout_s=timeout_s)
        return connected
    except (DbfleetError, ImportError, MemoryError):
        raise
    except Exception as error:
        if _is_ours(error):
            raise
        raise _strange_host(target, error) from error


def _is_ours(error: Exception) -> bool:
    """Whether a line of dbfleet raised it."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return place is None or str(place.tb_frame.f_globals.get("__name__")).partition(".")[0] == "dbfleet"


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
    found: EngineSpec = import_module(f"dbfleet.engines.{name}").ENGINE
    return found


def _unknown(word: str, known: list[str] | None = None) -> UnknownEngine:
    close = nearest(word, known or [alias for each in specs() for alias in (each.name, *each.aliases)])
    return UnknownEngine(
        f"no engine is called {word!r}",
        hint=f"did you mean {close}?" if close else f"the engines are: {', '.join(names())}",
    )
