"""The modules of a package, found by looking: a page or a part of the API is there as soon as its file is.

pages/NAME.py   `urlpatterns`, and `NAV` where the page stands in the navigation
api/NAME.py     `router`, and `PREFIX`, the path that its operations have in common
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from types import ModuleType


@dataclass(frozen=True, slots=True)
class Nav:
    """A page's line in the navigation: its words, its URL's name, its place from the top, the role that sees it."""

    label: str
    url: str
    order: int
    role: str = "viewer"


@cache
def modules(package: str) -> tuple[ModuleType, ...]:
    """The modules in the package, by name; private ones (`_name`) are its own affair."""
    path = importlib.import_module(package).__path__
    names = sorted(found.name for found in pkgutil.iter_modules(path) if not found.name.startswith("_"))
    return tuple(importlib.import_module(f"{package}.{name}") for name in names)


@cache
def navigation() -> tuple[Nav, ...]:
    """The lines of the navigation, from the top."""
    found = [module.NAV for module in modules("dbfleet.console.pages") if hasattr(module, "NAV")]
    return tuple(sorted(found, key=lambda each: each.order))
