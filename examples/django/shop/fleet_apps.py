"""The apps of the fleet's targets, as the commands need them."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps

from dbfleet.django import TargetConfig


def every() -> Iterator[tuple[str, Any]]:
    """The target and the models of each app."""
    return ((config.database, config.models_module) for config in _configs())


def with_a_database() -> dict[str, Any]:
    """Those whose models can be saved, by target."""
    return {config.database: config.models_module for config in _configs() if config.engine}


def that_read() -> dict[str, Any]:
    """Those whose classes only read, by target."""
    return {config.database: config.models_module for config in _configs() if not config.engine}


def _configs() -> Iterator[TargetConfig]:
    return (config for config in apps.get_app_configs() if isinstance(config, TargetConfig))
