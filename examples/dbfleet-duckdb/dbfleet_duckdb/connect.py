"""The file opened, and the driver's errors as ours. One process has a DuckDB file at a time: a second one waits."""

from __future__ import annotations

import time
from typing import Any, Final

from dbfleet import errors
from dbfleet.errors import DbfleetError, StatementError, Unavailable
from dbfleet.sql import files
from dbfleet.target import Target

OPTIONS: Final = ("access_mode",)
_STEP_S: Final = 0.1


def opened(target: Target, timeout_s: float) -> Any:
    """A connection to the file; `timeout_s` bounds the wait for another process that has it."""
    import duckdb

    path = files.path(target, "DuckDB", OPTIONS)
    until = time.monotonic() + timeout_s
    while True:
        try:
            connection = duckdb.connect(str(path), config=dict(target.options))
            connection.execute("SET GLOBAL TimeZone = 'UTC'")  # instants are read as text
            return connection
        except duckdb.Error as error:
            if "lock" not in str(error) or time.monotonic() > until:
                raise Unavailable(_first_line(error), engine="duckdb", target=target.name) from error
            time.sleep(_STEP_S)


def translate(exc: BaseException) -> DbfleetError | None:
    """Ours for an exception of the driver's; None for what is not."""
    import duckdb

    if not isinstance(exc, duckdb.Error):
        return None
    text = _first_line(exc)
    if isinstance(exc, duckdb.ConnectionException | duckdb.IOException):
        return errors.NoRoom(text) if "No space left" in text else Unavailable(text)
    if isinstance(exc, duckdb.ConstraintException | duckdb.DependencyException) or "main key table" in text:
        return errors.ConstraintViolated(text)
    if isinstance(exc, duckdb.TransactionException) and "constraint" in text:  # what is seen at COMMIT
        return errors.ConstraintViolated(text)
    if isinstance(exc, duckdb.CatalogException) and "does not exist" in text:
        return errors.NotFound(text)
    return errors.AlreadyExists(text) if "already exists" in text else StatementError(text)


def _first_line(exc: BaseException) -> str:
    """Without the kind in front, and the statement and the advice behind it."""
    text = str(exc).partition("\n")[0]
    kind, found, rest = text.partition(" Error: ")
    return rest if found and kind.replace(" ", "").isalpha() else text
