"""The engines, found by file name: every module in dbfleet/engines/ without a leading underscore is one.

An engine's module defines ENGINE, an EngineSpec whose name is the module's. Reading a spec imports no driver.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from dbfleet import engines
from dbfleet.adapter import Adapter, EngineSpec, Target
from dbfleet.errors import UnknownEngine, nearest


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
    """A live connection. Unavailable or AuthFailed within about `timeout_s`; UsageError for an unusable URL."""
    return spec(target.engine).connect(target, timeout_s=timeout_s)


def _load(name: str) -> EngineSpec:
    found: EngineSpec = import_module(f"dbfleet.engines.{name}").ENGINE
    return found


def _unknown(word: str, known: list[str] | None = None) -> UnknownEngine:
    close = nearest(word, known or [alias for each in specs() for alias in (each.name, *each.aliases)])
    return UnknownEngine(
        f"no engine is called {word!r}",
        hint=f"did you mean {close}?" if close else f"the engines are: {', '.join(names())}",
    )
