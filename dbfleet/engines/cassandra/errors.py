"""The driver's errors as ours, by its exceptions and by the code of what the server sends.

A wrong password comes as NoHostAvailable, and a value that does not fit its column as one of Python's own exceptions.
"""

from __future__ import annotations

import re
import struct
from typing import Final

from dbfleet.errors import AlreadyExists, AuthFailed, DbfleetError, NotFound, StatementError, Unavailable

_HALF_PAIR: Final = "a name or a text holds half of a pair of surrogates, which is no character"
_MISSING: Final = re.compile(r"(?i)table .* does not exist|unconfigured table|keyspace .* does not exist")


def translate(exc: BaseException) -> DbfleetError | None:
    """Our error for an exception of the driver; None for an exception that is not the driver's."""
    import cassandra
    from cassandra import cluster, connection, protocol

    if isinstance(exc, cluster.NoHostAvailable):
        causes = list(exc.errors.values()) if isinstance(exc.errors, dict) else list(exc.errors or ())
        if any(isinstance(cause, cassandra.AuthenticationFailed) for cause in causes):
            return AuthFailed("the server refuses this user or password")
        if causes and isinstance(causes[0], UnicodeEncodeError):  # nothing was sent
            return StatementError(_HALF_PAIR)
        return Unavailable(f"no connection: {causes[0] if causes else exc}")
    if isinstance(exc, cassandra.AuthenticationFailed):
        return AuthFailed("the server refuses this user or password")
    if isinstance(exc, cassandra.AlreadyExists):
        return AlreadyExists(f"the collection {exc.table!r} is there" if exc.table else str(exc))
    if isinstance(exc, cassandra.UnresolvableContactPoints):
        return Unavailable("the host's name does not resolve")
    if isinstance(exc, UnicodeEncodeError):
        return StatementError(_HALF_PAIR)
    if isinstance(exc, TypeError | ValueError | OverflowError | struct.error) and "cassandra" in _raised_in(exc):
        return StatementError(f"a value does not fit its column: {exc}")
    unavailable = (
        cassandra.OperationTimedOut,
        cassandra.Unavailable,
        cassandra.Timeout,
        connection.ConnectionException,
    )
    if isinstance(exc, unavailable):
        return Unavailable(str(exc))
    if isinstance(exc, protocol.ErrorMessage):
        return _of_the_server(exc.message or str(exc), exc)
    if isinstance(exc, cassandra.RequestExecutionException | cassandra.RequestValidationException):
        return _of_the_server(str(exc), exc)
    if isinstance(exc, cassandra.DriverException):
        return Unavailable(str(exc))
    return None


def _of_the_server(text: str, exc: BaseException) -> StatementError:
    """The error that the server sent, without the driver's words around its message."""
    quoted = re.search(r'message="(.*)"', text, re.DOTALL)
    text = quoted[1] if quoted else text
    numbered = re.search(r"code=(\w{4})", str(exc))
    code = numbered[1] if numbered else None
    return (NotFound if _MISSING.search(text) else StatementError)(text, code=code)


def _raised_in(exc: BaseException) -> str:
    """The module that raised the exception: the driver checks values with Python's own exceptions."""
    trace = exc.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return str(trace.tb_frame.f_globals.get("__name__", "")) if trace else ""
