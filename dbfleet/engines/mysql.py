"""MySQL, by mysql-connector-python (https://dev.mysql.com/doc/connector-python/en/).

MySQL 8.0.17 and later: before it there was no binary collation without padding, and no CAST to DOUBLE. The driver has
two halves, one four times as slow: `doctor` says which one runs here, and `_mysql.driver` says why. All the rest is the
same as for MariaDB: see `_mysql`.

Oddities: JSON keeps numbers as doubles or 64-bit integers, so a document with a longer one is refused. A TIME of a
table that dbfleet did not make may be a span (-12:00:00, 838:59:59), and a date 0000-00-00: a scan names the column and
stops, a query gives the server's own text.
"""

from __future__ import annotations

from dbfleet.adapter import Adapter
from dbfleet.engines._mysql.local import MYSQL
from dbfleet.engines._mysql.spec import spec
from dbfleet.spec import Fidelity
from dbfleet.target import Target
from dbfleet.values import Type


def connect(target: Target, *, timeout_s: float = 10.0) -> Adapter:
    """A session with the server; Unavailable or AuthFailed within about `timeout_s`."""
    from dbfleet.engines._mysql.adapter import connect as connected

    return connected(ENGINE, target, timeout_s)


ENGINE = spec(
    name="mysql",
    title="MySQL",
    alias="my",
    schemes=("mysql", "mysql+mysqlconnector", "mysql+pymysql", "mysql2"),
    connect=connect,
    types={**dict.fromkeys(Type, Fidelity.EXACT), Type.UUID: Fidelity.AS_TEXT},
    line_types=frozenset(Type) - {Type.JSON},  # its JSON changes some numbers: the plain way refuses these
    local=MYSQL,
    clients=("mysql", "mariadb"),
    quirks=(
        "A number inside a JSON document has 17 digits or is a 64-bit integer; a document with another is refused.",
    ),
    double_json=True,
    verified_on=("MySQL 9.7.4, real (Debian's build)",),
)
