"""A connection in thin mode: the URL as python-oracledb's options, and the session."""

from __future__ import annotations

from typing import Any, Final

from dbfleet.engines.oracle.bounded import bounded
from dbfleet.engines.oracle.errors import NAME, translate_connecting
from dbfleet.engines.oracle.interrupt import hurry, interruptible
from dbfleet.engines.oracle.text import LEXIS
from dbfleet.engines.oracle.values import output_type_handler
from dbfleet.errors import UsageError, did_you_mean, translated
from dbfleet.target import Target

_OPTIONS: Final = ("schema", "sid", "protocol", "wallet_location", "ssl_server_dn_match", "ssl_server_cert_dn")

SESSION: Final = (
    "ALTER SESSION SET TIME_ZONE = '+00:00' NLS_SORT = 'BINARY' NLS_COMP = 'BINARY' NLS_NUMERIC_CHARACTERS = '.,' "
    "NLS_CALENDAR = 'GREGORIAN' "
    "NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS' NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF' "
    "NLS_TIMESTAMP_TZ_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF TZH:TZM'"
)


def opened(target: Target, default_service: str | None, timeout_s: float) -> Any:
    """A connection of python-oracledb, with its session set: no client libraries are needed. The URL's path is the
    service's name."""
    import oracledb

    if oracledb.is_thin_mode():
        # Otherwise the first connection of a process decides the mode, and all others wait for it: for ever, where its
        # host does not answer.
        oracledb.enable_thin_mode()  # type: ignore[no-untyped-call]
    options = _options(target, default_service, timeout_s)
    schema = options.pop("schema")
    with translated(translate_connecting, engine=NAME, target=target.name):
        # The driver limits how long the port may take to open, not how long the server may take to answer.
        host = f"{options['host']}:{options['port']}"
        connection = bounded(lambda: oracledb.connect(**options), timeout_s, host)
        try:
            connection.outputtypehandler = output_type_handler
            connection.call_timeout = int(timeout_s * 1000)
            with interruptible(connection), connection.cursor() as cursor:
                cursor.execute(SESSION)
                if schema:
                    cursor.execute(f"ALTER SESSION SET CURRENT_SCHEMA = {LEXIS.quote(schema)}")
            connection.call_timeout = 0
        except BaseException:
            closed(connection)
            raise
    return connection


def closed(connection: Any, *, running: bool = False) -> None:
    """Close the connection, and stop first what is running; in bounded time, and silent where it is lost."""
    import oracledb

    try:
        if running:
            connection.cancel()
        hurry(connection)
        connection.close()
    except (oracledb.Error, OSError):
        pass


def _options(target: Target, default_service: str | None, timeout_s: float) -> dict[str, Any]:
    """The arguments of `oracledb.connect`, and besides them `schema`, which may be None. UsageError for an unknown
    option."""
    given = dict(target.options)
    for option in given:
        if option not in _OPTIONS:
            raise UsageError(
                f"Oracle's URLs have no option {option}",
                engine=NAME,
                target=target.name,
                hint=did_you_mean(option, _OPTIONS, f"they are {', '.join(_OPTIONS)}"),
            )
    options: dict[str, Any] = {
        "schema": None,
        "user": target.user,
        "password": target.password,
        "host": target.host or "127.0.0.1",
        "port": target.port or 1521,
        "tcp_connect_timeout": timeout_s,
        "retry_count": 0,
        "program": "dbfleet",
        **given,
    }
    if "ssl_server_dn_match" in options:
        options["ssl_server_dn_match"] = options["ssl_server_dn_match"].lower() not in ("0", "no", "off", "false")
    if "sid" not in options:
        options["service_name"] = target.database or default_service
    return options
