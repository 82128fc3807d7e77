"""A connection: the URL's options, the session, a database that is missing.

For a missing database the server says the same as for a wrong password: 18456, login failed. So after that answer the
login is tried once more without the database, and the error says which of the two it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from dbfleet.engines.sqlserver.errors import (
    NAME,
    REFUSED,
    SAID_BEFORE,
    is_driver_error,
    number_and_message,
    translate_connecting,
)
from dbfleet.engines.sqlserver.types import LEXIS, text_literal
from dbfleet.engines.sqlserver.wire import Wire
from dbfleet.errors import AuthFailed, UsageError, did_you_mean, translated
from dbfleet.target import Target

OPTIONS: Final = ("encryption", "tds_version", "application_name", "read_only")
SESSION: Final = (
    # An index over a computed column needs these, and so do quoted names; ODBC's clients set the same.
    "SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER ON; "
    "SET NUMERIC_ROUNDABORT OFF; SET ANSI_NULL_DFLT_ON ON; SET TEXTSIZE 2147483647;"
)
_login = threading.Lock()
"""One login at a time: the driver keeps the timeout of a login and its error for the whole process."""


def opened(target: Target, timeout_s: float) -> Wire:
    """A connection to the target's database. Where that is missing it is made, if `target.create` says so."""
    arguments = _arguments(target)
    again = partial(_open, arguments, timeout_s)
    with translated(translate_connecting, engine=NAME, target=target.name):
        raw = _in_database(target, again)
        wire = Wire(raw, partial(again, ""))
        try:
            wire.learn_session()
        except BaseException:
            wire.close()
            raise
    return wire


def _in_database(target: Target, again: Callable[..., Any]) -> Any:
    database = target.database or ""
    try:
        return again(database)
    except Exception as exc:
        if not database or not is_driver_error(exc) or number_and_message(exc)[0] not in {*REFUSED, SAID_BEFORE}:
            raise
        refused = exc
    try:
        raw = again("")
    except Exception as exc:
        raise refused from exc
    from pymssql import _mssql

    try:
        raw.execute_query(f"SELECT DB_ID({text_literal(database)})")
        ((number,),) = list(raw.get_iterator(_mssql.ROW_FORMAT_TUPLE))
        if number is not None:
            raise AuthFailed(f"{target.user} may not use the database {database}") from refused
        if not target.create:
            raise AuthFailed(
                f"there is no database {database}", hint="seed, load and copy make it when it is missing"
            ) from refused
        raw.execute_non_query(f"CREATE DATABASE {LEXIS.quote(database)}")
    finally:
        raw.close()
    return again(database)


def _arguments(target: Target) -> dict[str, Any]:
    options = dict(target.options)
    for option in options:
        if option not in OPTIONS:
            raise UsageError(
                f"SQL Server's URLs have no option {option}",
                engine=NAME,
                target=target.name,
                hint=did_you_mean(option, OPTIONS, f"they are {', '.join(OPTIONS)}"),
            )
    if options.get("tds_version", "7.4") not in ("7.3", "7.4"):
        raise UsageError("tds_version is 7.3 or 7.4: before it there is no datetime2", target=target.name)
    if options.get("encryption", "request") not in ("off", "request", "require"):
        raise UsageError("encryption is off, request or require", target=target.name)
    return {
        "server": target.host or "127.0.0.1",
        "port": str(target.port or 1433),
        "user": target.user or "",
        "password": target.password or "",
        "appname": options.get("application_name", "dbfleet"),
        "tds_version": options.get("tds_version", "7.4"),
        "encryption": options.get("encryption"),
        "read_only": options.get("read_only", "").lower() in ("1", "true", "yes", "on"),
        "use_datetime2": True,
        "charset": "UTF-8",
        "conn_properties": SESSION,
    }


def _open(arguments: Mapping[str, Any], timeout_s: float, database: str = "") -> Any:
    from pymssql import _mssql

    with _login:
        _mssql.login_timeout = max(1, round(timeout_s))
        return _mssql.connect(database=database, **arguments)
