"""python-oracledb's errors as ours, by their ORA- and DPY- numbers.

https://docs.oracle.com/error-help/db/ · DPY- numbers are the driver's own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any, Final

from dbfleet.errors import (
    AlreadyExists,
    AuthFailed,
    ConstraintViolated,
    DbfleetError,
    NotFound,
    StatementError,
    Unavailable,
    Unsupported,
)
from dbfleet.sql.text import line_of

NAME: Final = "oracle"
"""The engine's name, which errors carry."""

_KINDS: Final[Mapping[int, type[DbfleetError]]] = {
    **dict.fromkeys((942, 904, 1418, 2289, 4043, 4080, 1927, 12003, 1918, 1919), NotFound),
    **dict.fromkeys((955, 957, 1408, 1430, 1920, 1921, 2260, 2261, 2264, 2275), AlreadyExists),
    **dict.fromkeys(
        (1, 1400, 1407, 1449, 1452, 2290, 2291, 2292, 2293, 2298, 2299, 2437, 1438, 12899, 1722, 40478, 40597, 54059),
        ConstraintViolated,
    ),
    **dict.fromkeys((28, 1012, 1033, 1034, 1041, 1089, 1090, 1092, 3113, 3114, 3135, 12170, 12505, 12514), Unavailable),
    **dict.fromkeys((12516, 12518, 12519, 12520, 12521, 12526, 12528, 12537, 12541, 12547, 12571), Unavailable),
    **dict.fromkeys((18, 20, 2391, 2399, 25408), Unavailable),
    **dict.fromkeys((972, 910, 1450, 1792, 2327, 2329, 1727, 1728, 3001), Unsupported),
}
_LOGIN: Final = frozenset({1005, 1017, 1045, 12505, 12514, 18456, 28000, 28001, 28009})
_UNREACHABLE: Final = frozenset({"DPY-1001", "DPY-4011", "DPY-4024", "DPY-6000", "DPY-6002", "DPY-6005", "DPY-6006"})
_NO_SUCH_DATABASE: Final = frozenset({"DPY-6001", "DPY-6003"})
_HINTS: Final = {
    942: 'names keep their case: "orders" in quotes is a table that dbfleet made, orders without quotes is ORDERS',
    904: 'names keep their case: "id" in quotes is a column that dbfleet made, id without quotes is ID',
    1400: "Oracle keeps empty text and empty bytes as NULL",
    1407: "Oracle keeps empty text and empty bytes as NULL",
    28000: "the account is locked: ALTER USER … ACCOUNT UNLOCK",
    28001: "the password has expired: ALTER USER … IDENTIFIED BY …",
    12514: "name the service in the URL: oracle://user@host:1521/FREEPDB1",
    1950: "the user has no quota: ALTER USER … QUOTA UNLIMITED ON USERS",
    1031: "this user lacks the privilege: ask for a GRANT",
    60: "two transactions waited for each other: try again",
    54: "another transaction holds the rows: try again",
    1555: "the undo that this long read needs is gone: read smaller parts, or raise UNDO_RETENTION",
    1653: "the tablespace is full",
    12954: "Oracle Database Free holds 12 GB of data",
    2290: "JSON documents that are a single value need Oracle Database 21c or newer",
}
_HELP: Final = re.compile(r"\s*\n?Help: https://\S+")


def driver_error(exc: BaseException) -> Any | None:
    """The driver's description of its error; None for what is not the driver's."""
    driver = sys.modules.get("oracledb")
    if driver is None or not isinstance(exc, driver.Error) or not exc.args:
        return None
    return exc.args[0]


def reason(found: Any) -> str:
    """The error's words in one line, without the link to Oracle's help."""
    return " ".join(_HELP.sub("", str(getattr(found, "message", found))).split())


def translate(exc: BaseException, *, whole: str = "", start: int = 0, sent: str = "") -> DbfleetError | None:
    """The error of a driver's exception; None for what is not the driver's. `sent` is the statement, which began at
    character `start` of `whole`; the server points into it."""
    found = driver_error(exc)
    if found is None:
        return None
    code, number = getattr(found, "full_code", "") or "", int(getattr(found, "code", 0) or 0)
    message = reason(found)
    if code.startswith("DPY-"):
        return _drivers(code, message)
    if getattr(found, "isrecoverable", False) and number not in _KINDS:
        return Unavailable(message, hint=_HINTS.get(number))
    position = int(getattr(found, "offset", 0) or 0)
    if sent and position and "\n" in whole.strip():
        line, words = line_of(sent, position)
        message += f" (line {line + whole.count(chr(10), 0, start)}: {words[:80]})"
    if number == 1013:
        message = "the statement was stopped"
    kind = _KINDS.get(number, StatementError)
    hint = _HINTS.get(number)
    return kind(message, code=code, hint=hint) if issubclass(kind, StatementError) else kind(message, hint=hint)


def _drivers(code: str, message: str) -> DbfleetError:
    if code in _UNREACHABLE or code in _NO_SUCH_DATABASE:
        return Unavailable(message)
    if code.startswith("DPY-3"):
        return Unsupported(message)
    return StatementError(message, code=code)


def translate_connecting(exc: BaseException) -> DbfleetError | None:
    """The same while connecting, where a wrong password or service is a failed login."""
    found = driver_error(exc)
    if found is None:
        return None
    number = int(getattr(found, "code", 0) or 0)
    message = reason(found)
    # The error of a service that is not there is wrapped: DPY-6005: cannot connect … DPY-6001: Service … is not
    # registered.
    inner = min((place for each in _NO_SUCH_DATABASE if (place := message.find(each)) >= 0), default=-1)
    if number in _LOGIN or inner >= 0:
        return AuthFailed(message[max(inner, 0) :], hint=_HINTS.get(12514 if inner >= 0 else number))
    return Unavailable(message, hint=_HINTS.get(number))
