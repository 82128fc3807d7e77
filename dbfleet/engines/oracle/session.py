"""A target's URL as python-oracledb's options, and what a connection asks and sets for itself."""

from __future__ import annotations

from typing import Any, Final

from dbfleet.errors import UsageError, nearest
from dbfleet.target import Target

_OPTIONS: Final = ("schema", "sid", "protocol", "wallet_location", "ssl_server_dn_match", "ssl_server_cert_dn")

SESSION: Final = (
    "ALTER SESSION SET TIME_ZONE = '+00:00' NLS_SORT = 'BINARY' NLS_COMP = 'BINARY' NLS_NUMERIC_CHARACTERS = '.,' "
    "NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS' NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF' "
    "NLS_TIMESTAMP_TZ_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF TZH:TZM'"
)
VERSION: Final = "SELECT banner FROM v$version"
IDENTITY: Final = (
    "SELECT SYS_CONTEXT('USERENV', 'DB_UNIQUE_NAME'), SYS_CONTEXT('USERENV', 'CON_NAME'), "
    "SYS_CONTEXT('USERENV', 'SERVER_HOST'), SYS_CONTEXT('USERENV', 'INSTANCE_NAME'), "
    "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') FROM dual"
)


def connect_options(target: Target, default_service: str | None, timeout_s: float) -> dict[str, Any]:
    """What `oracledb.connect` is given, and besides it `schema`, perhaps None. UsageError for an unknown option."""
    given = dict(target.options)
    for option in given:
        if option not in _OPTIONS:
            close = nearest(option, _OPTIONS)
            raise UsageError(
                f"Oracle's URLs have no option {option}",
                engine="oracle",
                target=target.name,
                hint=f"did you mean {close}?" if close else f"they are {', '.join(_OPTIONS)}",
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
