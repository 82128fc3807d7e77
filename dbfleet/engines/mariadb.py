"""MariaDB, by mysql-connector-python (https://mariadb.com/docs/server/,
https://dev.mysql.com/doc/connector-python/en/).

MariaDB 10.6 and later. From 10.7 on it has a type for a uuid; before that a uuid is text with a comment. All the rest
is the same as for MySQL: see `_mysql`.

Oddities: JSON is LONGTEXT with a check, so a document comes back as it was written, number by number; one that is
nested more than 31 levels deep fails the check. A TIME of a table that dbfleet did not make may be a span (-12:00:00,
838:59:59), and a date 0000-00-00: a scan names the column and stops, a query gives the server's own text.
"""

from __future__ import annotations

from dbfleet.adapter import Adapter
from dbfleet.engines._mysql.local import MARIADB
from dbfleet.engines._mysql.spec import spec
from dbfleet.spec import Fidelity
from dbfleet.target import Target
from dbfleet.values import Type


def connect(target: Target, *, timeout_s: float = 10.0) -> Adapter:
    """A session with the server; Unavailable or AuthFailed within about `timeout_s`."""
    from dbfleet.engines._mysql.adapter import connect as connected

    return connected(ENGINE, target, timeout_s)


ENGINE = spec(
    name="mariadb",
    title="MariaDB",
    alias="maria",
    schemes=("mariadb", "mariadb+mysqlconnector", "mariadb+mariadbconnector"),
    connect=connect,
    types=dict.fromkeys(Type, Fidelity.EXACT),
    line_types=frozenset(Type),
    local=MARIADB,
    clients=("mariadb", "mysql"),
    quirks=(
        "A JSON document may be nested 31 levels deep.",
        "A UUID that no RFC allows (the third group from 8 on, the fourth below 8) is refused.",
    ),
    text_json=True,
    verified_on=("MariaDB 11.8.6 and 10.11.19, real (Debian's builds)",),
)
