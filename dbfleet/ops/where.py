"""`where`: the places of everything that dbfleet reads and writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from dbfleet.fleet import Fleet
from dbfleet.ops import _servers

FIELDS: Final = ("target", "what", "path")


def where(fleet: Fleet) -> Iterator[dict[str, Any]]:
    """A record a place; `target` is None for the fleet's own."""
    from dbfleet.runtimes import compose

    settings = fleet.settings
    for file in settings.files:
        yield {"target": None, "what": "config", "path": str(file)}
    yield {"target": None, "what": "state", "path": str(fleet.state)}
    yield {"target": None, "what": "password", "path": str(fleet.password_file)}
    yield {"target": None, "what": "stacks", "path": str(compose.stacks())}
    for target in fleet.targets.values():
        if target.managed and fleet.spec(target).embedded:
            yield {"target": target.name, "what": "file", "path": target.database}
    for runtime, servers in _servers.by_runtime(fleet, _servers.targets_and_dropped(fleet, None)):
        for server in servers:
            for what, path in runtime.places(server).items():
                yield {"target": server.target, "what": what, "path": path}
