"""How `health` asks a service: one round trip in its own protocol. A probe raises Unavailable where the answer is no.

Rule: a probe is made with what a service is known by, `Asked`, and gives `probe(asked, timeout_s)`. No probe loads
OpenSSL into this process (see values.digest_rows).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dbfleet import registry
from dbfleet.adapter import ServerInfo
from dbfleet.runtimes import ClientCommand
from dbfleet.spec import ServiceSpec
from dbfleet.target import Target


@dataclass(frozen=True, slots=True)
class Asked:
    """A service that is asked: where it is, and how a command is run beside it."""

    spec: ServiceSpec
    target: Target
    beside: Callable[[Sequence[str]], ClientCommand]


Probe = Callable[[Asked, float], ServerInfo]


def by_engine(asked: Asked, timeout_s: float) -> ServerInfo:
    """A round trip through the adapter of the engine whose server the service is."""
    target = asked.target.with_(engine=asked.spec.engine)
    with registry.connect(target, timeout_s=timeout_s) as adapter:
        return adapter.ping()
