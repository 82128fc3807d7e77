"""What the double answers instead of rows: SQL Server's errors, by number and in its words; and refusals by name."""

from __future__ import annotations

from typing import Final

REFUSED: Final = 50000


class SqlError(Exception):
    """An error of the server's: number, text, severity, line."""

    def __init__(self, number: int, message: str, *, severity: int = 16, line: int = 1) -> None:
        super().__init__(message)
        self.number = number
        self.severity = severity
        self.line = line


def refused(what: str) -> SqlError:
    """The double does not know this; it never guesses."""
    return SqlError(REFUSED, f"dbfleet wire double for SQL Server: refused, as it does not know {what}")


def invalid_object(name: str) -> SqlError:
    return SqlError(208, f"Invalid object name '{name}'.")


def invalid_column(name: str) -> SqlError:
    return SqlError(207, f"Invalid column name '{name}'.")


def syntax(near: str, line: int = 1) -> SqlError:
    return SqlError(102, f"Incorrect syntax near '{near}'.", severity=15, line=line)


def conversion(from_: str, to: str) -> SqlError:
    return SqlError(8114, f"Error converting data type {from_} to {to}.")


def overflow(from_: str, to: str) -> SqlError:
    return SqlError(8115, f"Arithmetic overflow error converting {from_} to data type {to}.")
