"""PostgreSQL as Django has it; but whether a connection that is kept is still good costs no round trip.

Django asks `SELECT 1` before each request's first statement. A server that has gone, or that ends a connection, says
so: the connection has something to read, or its end. Only then it is asked.
"""

from __future__ import annotations

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to the control database."""

    def is_usable(self) -> bool:
        """Whether the connection can be used: it is open and silent, or it answers."""
        if self.connection is None or self.connection.closed:
            return False
        line = select.poll()
        line.register(self.connection.fileno(), select.POLLIN)
        return not line.poll(0) or bool(super().is_usable())
