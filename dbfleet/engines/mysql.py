"""MySQL, by mysql-connector-python (https://dev.mysql.com/doc/connector-python/en/).

MySQL 8.0.17 and later: before it there was no binary collation without padding, and no CAST to DOUBLE. The driver has
two halves, one five times as slow: `doctor` says which one runs here, and `_mysql_wire` why. All the rest is MariaDB's
too: see `_mysql`.

Oddities: JSON keeps numbers as doubles or 64-bit integers, so a document with a longer one is refused. A TIME of a
table that dbfleet did not make may be a span (-12:00:00, 838:59:59), and a date 0000-00-00: a scan names the column and
stops, a query gives the server's own text.
"""

from __future__ import annotations

from functools import partial

from dbfleet.adapter import Adapter, Capability, EngineSpec, Fidelity, Limits, Target
from dbfleet.engines._mysql_server import MYSQL, examine, shell
from dbfleet.extras import ALL
from dbfleet.values import Type


def connect(target: Target, *, timeout_s: float = 10.0) -> Adapter:
    """A session with the server; Unavailable or AuthFailed within about `timeout_s`."""
    from dbfleet.engines._mysql_connect import connect as connected

    return connected(target, ENGINE, timeout_s)


ENGINE = EngineSpec(
    name="mysql",
    title="MySQL",
    paradigm="relational",
    language="SQL (MySQL)",
    schemes=("mysql", "mysql+mysqlconnector", "mysql+pymysql", "mysql2"),
    driver="mysql-connector-python",
    connect=connect,
    aliases=("my",),
    types={**dict.fromkeys(Type, Fidelity.EXACT), Type.UUID: Fidelity.AS_TEXT},
    capabilities=frozenset(
        {
            Capability.ATOMIC_WRITE,
            Capability.KEYLESS,
            Capability.REFERENCES,
            Capability.SPLIT,
            Capability.PARAMETERS,
            Capability.CANCEL,
            Capability.SNAPSHOT,
        }
    ),
    extras=ALL,
    limits=Limits(decimal_digits=65, decimal_scale=30, key_length=3072, name_length=64, finite_floats=True),
    default_port=3306,
    local=MYSQL,
    client=(
        "sh",
        "-c",
        'MYSQL_PWD="$(cat /run/secrets/password)" '
        'exec mysql --user="{user}" --database="{database}" --default-character-set=utf8mb4 "$@"',
        "mysql",
    ),
    shell=partial(shell, clients=("mysql", "mariadb")),
    examine=examine,
    url_variable="MYSQL_URL",
    examples={
        "one": "SELECT 1",
        "all": "SELECT * FROM `{collection}`",
        "slow": "SELECT count(*) FROM (SELECT SLEEP(60)) AS t",
        "bad": "SELEC 1",
        "parameter": "SELECT :n",
        "missing": "SELECT * FROM dbfleet_nowhere",
    },
    quirks=(
        "NaN and infinities are refused.",
        "A number inside a JSON document has 17 digits or is a 64-bit integer; a document with another is refused.",
        "A text key has 768 characters at most.",
        "A write into a table of an engine without transactions (MyISAM) is not all or nothing; its error says so.",
    ),
    verified_on=("MySQL 9.7.4, real (Debian's build)",),
)
