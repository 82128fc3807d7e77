"""Flower: the view of the workers and of what rings them. Behind nginx, for the console's admins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from dbfleet.services import _console
from dbfleet.services._probes import from_beside
from dbfleet.spec import ServerPlan, ServiceSpec, Surroundings


def _environment(surroundings: Surroundings) -> Mapping[str, str]:
    (broker, broker_port), (host, port) = (surroundings.addresses[name] for name in ("broker", "flower"))
    folder = surroundings.secrets
    return {
        **surroundings.inherited,
        "DBFLEET_BROKER_URL": f"redis://:${{file:{folder / 'broker'}}}@{broker}:{broker_port}/0",
        "DBFLEET_FLOWER_LISTEN": f"{host}:{port}",
        "DBFLEET_FLOWER_PASSWORD": f"${{file:{folder / 'flower'}}}",
        "PYTHONUNBUFFERED": "1",
    }


def _command(plan: ServerPlan) -> Sequence[str]:
    return [str(next(iter(plan.binaries.values()))), "-m", "dbfleet.console.flower"]


SERVICE: Final = ServiceSpec(
    name="flower",
    title="Flower",
    purpose="shows the workers, at /flower/, to the console's admins",
    needs=("broker", "nginx"),
    probe=from_beside("/flower/healthcheck", product="Flower"),
    page="/flower/",
    secrets=("broker", "flower"),
    default_port=5555,
    inner_port=5555,
    published=False,
    built=True,
    environment=_environment,
    local=replace(
        _console.role("flower", needs=("celery", "flower"), extra="pip install 'dbfleet[console]' 'flower>=2'"),
        command=_command,
    ),
)
