"""MariaDB, by mysql-connector-python (https://mariadb.com/docs/server/,
https://dev.mysql.com/doc/connector-python/en/).

MariaDB 10.6 and later; from 10.7 on it has a type for a uuid, before that a uuid is text with a comment. All the rest
is MySQL's too: see `_mysql`.

Oddities: JSON is LONGTEXT with a check, so a document comes back as it was written, number by number; one that is
nested more than 31 levels deep fails the check. A TIME of a table that dbfleet did not make may be a span (-12:00:00,
838:59:59), and a date 0000-00-00: a scan names the column and stops, a query gives the server's own text.
"""

from __future__ import annotations

from functools import partial

from dbfleet.adapter import Adapter, Capability, EngineSpec, Fidelity, Limits, Target
from dbfleet.engines._mysql_server import MARIADB, examine, shell
from dbfleet.extras import ALL
from dbfleet.values import Type


def connect(target: Target, *, timeout_s: float = 10.0) -> Adapter:
    """A session with the server; Unavailable or AuthFailed within about `timeout_s`."""
    from dbfleet.engines._mysql_connect import connect as connected

    return connected(target, ENGINE, timeout_s)


ENGINE = EngineSpec(
    name="mariadb",
    title="MariaDB",
    paradigm="relational",
    language="SQL (MariaDB)",
    schemes=("mariadb", "mariadb+mysqlconnector", "mariadb+mariadbconnector"),
    driver="mysql-connector-python",
    connect=connect,
    aliases=("maria",),
    types=dict.fromkeys(Type, Fidelity.EXACT),
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
    local=MARIADB,
    client=(
        "sh",
        "-c",
        'MYSQL_PWD="$(cat /run/secrets/password)" '
        'exec mariadb --user="{user}" --database="{database}" --default-character-set=utf8mb4 "$@"',
        "mariadb",
    ),
    shell=partial(shell, clients=("mariadb", "mysql")),
    examine=examine,
    url_variable="MARIADB_URL",
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
        "A JSON document may be nested 31 levels deep.",
        "A UUID that no RFC allows (the third group from 8 on, the fourth below 8) is refused.",
        "A text key has 768 characters at most.",
        "A write into a table of an engine without transactions (MyISAM) is not all or nothing; its error says so.",
    ),
    verified_on=("MariaDB 11.8.6 and 10.11.19, real (Debian's builds)",),
)
