"""Connections to targets, by alias: each is used by one query at a time and kept for the next.

A connection that raised is closed. All are closed at the end of a request, as Django's own are.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import request_finished

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.errors import UnknownEngine
from dbfleet.fleet import Fleet
from dbfleet.target import Target
from dbfleet.values import Schema


class Connection:
    """An adapter, and the schemas that were asked of it."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self._schemas: dict[str, Schema] = {}

    def schema(self, collection: str) -> Schema:
        """The collection's schema, described once."""
        if collection not in self._schemas:
            self._schemas[collection] = self.adapter.describe(collection)
        return self._schemas[collection]


_lock = threading.Lock()
_free: defaultdict[str, list[Connection]] = defaultdict(list)


def target_of(alias: str) -> Target:
    """Where the target is: by the variable that DBFLEET in the settings names, else by its name in the fleet."""
    variable = getattr(settings, "DBFLEET", {}).get(alias)
    fleet = Fleet.open()
    if variable is None:
        try:
            return fleet.target(alias)
        except UnknownEngine as error:
            raise ImproperlyConfigured(f"DBFLEET in the settings has no {alias!r}, and the fleet has none") from error
    if variable not in os.environ:
        raise ImproperlyConfigured(f'{variable} is not set: run eval "$(dbfleet env)" before Django')
    return fleet.target(os.environ[variable])


@contextmanager
def connection(alias: str) -> Iterator[Connection]:
    """A connection for the block, which no other query uses meanwhile."""
    with _lock:
        found = _free[alias].pop() if _free[alias] else None
    if found is None:
        found = Connection(registry.connect(target_of(alias)))
    try:
        yield found
    except GeneratorExit:  # a half-read scan was closed: the connection is as good as before
        _give_back(alias, found)
        raise
    except BaseException:
        found.adapter.close()
        raise
    else:
        _give_back(alias, found)


def _give_back(alias: str, found: Connection) -> None:
    with _lock:
        _free[alias].append(found)


def close_all(**signal: Any) -> None:
    """Close the connections that no query uses."""
    with _lock:
        idle = [each for every in _free.values() for each in every]
        _free.clear()
    for each in idle:
        each.adapter.close()


request_finished.connect(close_all)
