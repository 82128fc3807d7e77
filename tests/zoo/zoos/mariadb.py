"""MariaDB's types: those of `_mysql`, and its own."""

from __future__ import annotations

from tests.zoo.zoos._mysql import of

ZOO = of(
    "mariadb",
    {
        "inet4": ("'10.0.0.1'",),
        "inet6": ("'2001:db8::ff00:42:8329'", "'::1'"),
        "uuid": ("'123e4567-e89b-12d3-a456-426655440000'",),
    },
)
