"""The targets of a run: which engines they are, and what answers there."""

from __future__ import annotations

import pytest

from dbfleet import registry
from dbfleet.target import Target

DOUBLES = ("oracle", "sqlserver")
"""Engines whose wire doubles run where nothing was chosen."""


def engines(config: pytest.Config) -> list[str]:
    """The engines of `ends`, by name."""
    from dbfleet.conformance.plugin import chosen  # pytest must have registered it first

    names = {"sqlite", *chosen(config)}
    if not config.getoption("--engine") and not config.getoption("--url"):
        names.update(DOUBLES)
    return sorted(registry.by_scheme(name.partition("://")[0]).name if "://" in name else name for name in names)


def what_answers(target: Target) -> str:
    """`PostgreSQL 18.1`, or what the double or stand-in calls itself."""
    with registry.connect(target) as adapter:
        info = adapter.ping()
    return f"{info.product} {info.version}"
