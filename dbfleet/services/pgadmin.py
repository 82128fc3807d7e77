"""pgAdmin: the fleet's PostgreSQL servers in pgAdmin, by the account that can only read. Behind nginx, for admins.

It knows the servers and their passwords when it starts: nobody is asked for one. It has a login of its own besides.
"""

from __future__ import annotations

from typing import Final

from dbfleet.services._probes import from_beside
from dbfleet.spec import ServiceSpec

SERVICE: Final = ServiceSpec(
    name="pgadmin",
    title="pgAdmin",
    purpose="shows the PostgreSQL servers by the account that can only read, at /pgadmin/, to the console's admins",
    needs=("nginx",),
    probe=from_beside("/misc/ping", product="pgAdmin"),
    page="/pgadmin/",
    secrets=("pgadmin",),
    default_port=5050,
    inner_port=8080,
    published=False,
    default_user="dbfleet@example.com",
)
