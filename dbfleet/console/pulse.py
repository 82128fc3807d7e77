"""Who is alive: a process of the console says so every few seconds, by the control database's clock."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from dbfleet import __version__
from dbfleet.console.models import Pulse
from dbfleet.console.places import ALIVE_S


def beat(name: str, role: str, *, slots: int = 0, abilities: Sequence[str] = ()) -> None:
    """Say that this process is alive."""
    import json

    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO console_pulse (name, role, at, begun_at, slots, abilities, version)
            VALUES (%s, %s, clock_timestamp(), clock_timestamp(), %s, %s, %s)
            ON CONFLICT (name) DO UPDATE SET at = clock_timestamp(), slots = excluded.slots,
               abilities = excluded.abilities, version = excluded.version
            """,
            [name, role, slots, json.dumps(list(abilities)), __version__],
        )


def gone(name: str) -> None:
    """This process ends."""
    Pulse.objects.filter(pk=name).delete()


def alive(role: str) -> list[Pulse]:
    """The processes of this role that are alive."""
    found = Pulse.objects.filter(role=role)
    # From both sides: a clock that is set back must not keep alive for an hour who has died.
    return list(found.extra(where=["abs(extract(epoch FROM clock_timestamp() - at)) < %s"], params=[ALIVE_S]))
