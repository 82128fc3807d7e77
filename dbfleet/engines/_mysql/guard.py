"""The transaction in which a statement of a reader's stands: READ ONLY, and one that the statement cannot leave.

MySQL has no statement that does several things, so START TRANSACTION READ ONLY before each is enough. It ends whatever
the statement before has begun; only a distributed transaction (XA) refuses to end. That is gone with the connection,
before it could be prepared: a prepared one keeps its locks for ever.

MariaDB's EXECUTE IMMEDIATE takes a block (BEGIN NOT ATOMIC …), which may commit, leave the READ ONLY mode, and go on.
Inside a distributed transaction the server refuses every COMMIT, and to end it one must know its name, which is a new
random one for each statement.
"""

from __future__ import annotations

import contextlib
from typing import Final

from dbfleet.engines._mysql.driver import driver_errors
from dbfleet.engines._mysql.errors import number_and_message
from dbfleet.engines._mysql.wire import Wire

SESSION: Final = "SET SESSION TRANSACTION READ ONLY"
"""Said before each statement: the one before may have said something else."""
_IN_XA: Final = 1399


class Guard:
    """The transaction of a connection for reading only. Raises the driver's errors."""

    def __init__(self, wire: Wire, *, mariadb: bool) -> None:
        self._wire = wire
        self._distributed = mariadb
        self._name: str | None = None

    def begin(self) -> None:
        """A new transaction; the one before has ended."""
        self.end()
        self._run(SESSION)
        if self._distributed:
            import secrets

            self._name = f"'{secrets.token_hex(16)}'"
            self._run(f"XA START {self._name}")
        else:
            self._run("START TRANSACTION READ ONLY")

    def end(self) -> None:
        """The transaction is over, if there is one; nothing of it stays."""
        if not self._distributed:
            self._run("ROLLBACK")
        elif self._name is not None:
            name, self._name = self._name, None
            with contextlib.suppress(*driver_errors()):  # where the server has given it up, it only takes ROLLBACK
                self._wire.execute(f"XA END {name}")
            self._run(f"XA ROLLBACK {name}")

    def _run(self, statement: str) -> None:
        try:
            self._wire.execute(statement)
        except driver_errors() as error:
            number = number_and_message(error)
            if number is not None and number[0] == _IN_XA:
                self._wire.close()
            raise
