"""A connection by libpq's rules, and the session that every value's text depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dbfleet.engines.postgres.errors import translate_connecting
from dbfleet.engines.postgres.types import LEXIS
from dbfleet.errors import UsageError, did_you_mean, translated
from dbfleet.target import Target

if TYPE_CHECKING:
    from psycopg import Connection

SESSION: Final = (
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'; "
    # Before version 12 floats came with 15 digits unless asked.
    "SET extra_float_digits = 3; SET standard_conforming_strings = on"
)


def opened(target: Target, timeout_s: float) -> Connection[Any]:
    """A connection by libpq's rules: what the URL leaves out comes from PGHOST and the like, or ~/.pgpass.

    The URL's options are libpq's own (sslmode, sslrootcert, application_name, options, connect_timeout …), and
    `search_path` or `schema`.
    """
    import logging

    import psycopg

    logging.getLogger("psycopg").addHandler(logging.NullHandler())  # what it logs comes as an error too

    given = dict(target.options)
    path = given.pop("search_path", given.pop("schema", None))
    known = [option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()]
    for option in given:
        if option not in known:
            raise UsageError(
                f"PostgreSQL's URLs have no option {option}",
                engine="postgres",
                target=target.name,
                hint=did_you_mean(option, [*known, "search_path", "schema"], "they are libpq's, and search_path"),
            )
    options: dict[str, Any] = {
        "host": target.host,
        "port": target.port,
        "user": target.user,
        "password": target.password,
        "dbname": target.database,
        "connect_timeout": max(2, round(timeout_s)),
        "application_name": "dbfleet",
        "client_encoding": "UTF8",
    }
    options = {name: value for name, value in options.items() if value is not None} | given
    with translated(translate_connecting, engine="postgres", target=target.name):
        connection = psycopg.connect(autocommit=True, **options)
        try:
            connection.execute(SESSION.encode())
            if target.read_only:
                connection.execute(b"SET default_transaction_read_only = on")
            if path:
                names = LEXIS.quote_all(name.strip() for name in path.split(","))
                connection.execute(f"SET search_path = {names}".encode())
        except BaseException:
            connection.close()
            raise
    return connection
