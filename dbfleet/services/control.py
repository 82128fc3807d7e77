"""The control database: a PostgreSQL of its own, so that history does not die with what it watches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from dbfleet import registry
from dbfleet.services._probes import by_engine
from dbfleet.spec import LocalServer, ServerPlan, ServiceSpec


def _local() -> LocalServer | None:
    local = registry.spec("postgres").local

    def command(plan: ServerPlan) -> Sequence[str]:
        # It is small, and shares the machine with the engines. PostgreSQL takes the last word on a setting.
        settings = {"shared_buffers": "32MB", "max_connections": "60", "max_wal_size": "256MB"}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [*local.command(plan), *words] if local else words

    return replace(local, command=command) if local else None


SERVICE: Final = ServiceSpec(
    name="control",
    title="Control database",
    purpose="keeps schedules, jobs, receipts, samples and the audit: a PostgreSQL of its own",
    groups=("console",),
    probe=by_engine,
    engine="postgres",
    scheme="postgresql",
    secret="control",  # noqa: S106  # its name
    default_port=15432,
    inner_port=5432,
    default_user="dbfleet",
    default_database="dbfleet",
    local=_local(),
    keeps="the console's history: schedules, jobs, receipts, samples, audit",
)
