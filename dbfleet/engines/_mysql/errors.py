"""What an error number of MySQL's or MariaDB's means, in dbfleet's words.

Numbers: https://dev.mysql.com/doc/mysql-errors/9.7/en/ and https://mariadb.com/docs/server/reference/error-codes; below
2000 they are the same in both.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final

from dbfleet.engines._mysql.wire import FILE_REFUSED
from dbfleet.errors import (
    AlreadyExists,
    AuthFailed,
    ConstraintViolated,
    Damaged,
    DbfleetError,
    NoRoom,
    NotFound,
    StatementError,
    Unavailable,
)

_UNAVAILABLE: Final = frozenset(
    {2002, 2003, 2005, 2006, 2012, 2013, 2026, 2027, 2055}  # the client's: no host, no connection, lost
    | {1040, 1053, 1077, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226, 1927, 3169, 4031}  # too many, killed, idle
)
_AUTH: Final = frozenset({1044, 1045, 1049, 1129, 1130, 1131, 1251, 1698, 1820, 1862, 2049, 2059, 2061, 3118, 3955})
_KINDS: Final[Mapping[int, type[StatementError]]] = {
    **dict.fromkeys((1008, 1049, 1051, 1054, 1072, 1091, 1109, 1146, 1176, 1305, 1356, 3809), NotFound),
    **dict.fromkeys((1007, 1050, 1060, 1061, 1304, 1359), AlreadyExists),
    **dict.fromkeys((1048, 1062, 1169, 1216, 1217, 1263, 1364, 1451, 1452, 1557, 1586), ConstraintViolated),
    **dict.fromkeys((1761, 1762, 3730, 3819, 4025), ConstraintViolated),
    **dict.fromkeys((1021, 1114), NoRoom),
    **dict.fromkeys((1034, 1035, 1194, 1195, 1712), Damaged),
    # A value that its column cannot hold: out of range, cut, no date, no character of its set, too long, no JSON.
    **dict.fromkeys((1264, 1265, 1292, 1366, 1406, 1416, 3140, 3156), ConstraintViolated),
}
_HINTS: Final = {
    1046: "name a database in the URL: mysql://user@host/database",
    1142: "this user lacks the privilege: ask for a GRANT",
    1143: "this user lacks the privilege: ask for a GRANT",
    1227: "this user lacks the privilege: ask for a GRANT",
    1205: "another transaction holds the rows: try again",
    1213: "two transactions waited for each other: try again",
    1290: "the server is read-only or restricted by an option",
    1399: "for reading only, each statement stands in a transaction of its own: leave BEGIN, COMMIT and the like out",
    1118: "give the columns shorter lengths, or none",
    1071: "a key holds 3072 bytes, which is 768 characters: give its text columns shorter lengths",
    3159: "the server takes encrypted connections only: add ?ssl_mode=required to the URL",
    1040: "the server's max_connections is reached",
}


def number_and_message(exc: BaseException) -> tuple[int, str] | None:
    """The driver's error by number and words; None for what is not the driver's."""
    if type(exc).__module__.partition(".")[0] not in ("mysql", "_mysql_connector"):
        return None
    driver = sys.modules.get("mysql.connector")
    if driver is None or not (isinstance(exc, driver.Error) or type(exc).__name__ == "MySQLInterfaceError"):
        return None
    number = int(getattr(exc, "errno", None) or -1)
    message = " ".join(str(getattr(exc, "msg", None) or exc).split())
    if type(exc).__name__ in ("ReadTimeoutError", "WriteTimeoutError", "ConnectionTimeoutError"):
        return 2013, "the server did not answer in time"
    return number, message


def meaning(number: int, message: str) -> DbfleetError:
    """The error of this number."""
    if number in _UNAVAILABLE:
        return Unavailable(message, hint=_HINTS.get(number))
    if message.startswith(FILE_REFUSED):
        return StatementError(
            "LOAD DATA LOCAL would read a file of this machine; a statement may not",
            code=str(number) if number > 0 else None,
            hint="dbfleet load reads files",
        )
    kind = _KINDS.get(number, StatementError)
    if number == 1317:
        message = "the statement was stopped"
    return kind(message, code=str(number) if number > 0 else None, hint=_HINTS.get(number))


def translate(exc: BaseException) -> DbfleetError | None:
    """The error of a driver's exception on a connection that is there; None for what is not the driver's."""
    found = number_and_message(exc)
    return meaning(*found) if found else None


def connecting(exc: BaseException) -> DbfleetError | None:
    """The same while connecting, where an unknown database is a failed login."""
    found = number_and_message(exc)
    if found is None:
        return None
    number, message = found
    if number in _AUTH:
        return AuthFailed(message, hint=_HINTS.get(number))
    ours = meaning(number, message)
    if isinstance(ours, Unavailable):
        return ours
    return Unavailable(message, hint=ours.hint)


def refused(number: int, message: str, *, more: int = 0) -> StatementError:
    """The error for a warning about a row."""
    ours = meaning(number, message)
    if not isinstance(ours, StatementError):
        ours = StatementError(message, code=str(number))
    if type(ours) is StatementError:
        ours = ConstraintViolated(ours.message, code=ours.code, hint=ours.hint)
    if more:
        ours.message += f" (and {more} more)"
        ours.args = (ours.message,)
    return ours
