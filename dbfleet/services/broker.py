"""The broker: a Valkey or Redis of its own, through which workers are rung. What it holds may be lost without harm."""

from __future__ import annotations

from typing import Final

from dbfleet import registry
from dbfleet.services._probes import by_engine
from dbfleet.spec import ServiceSpec

SERVICE: Final = ServiceSpec(
    name="broker",
    title="Broker",
    purpose="rings the workers when there is work: a Valkey or Redis of its own",
    groups=("console",),
    probe=by_engine,
    engine="redis",
    scheme="redis",
    secret="broker",  # noqa: S106  # its name
    default_port=16379,
    inner_port=6379,
    default_database="0",
    local=registry.spec("redis").local,
)
