"""The line to the client that waits for an answer, where the server gives its descriptor.

uWSGI gives it as the `fileno` of what it reads the request from, gunicorn as `gunicorn.socket`. Behind nginx it is the
line to nginx, which closes it when the client goes away. Nothing here reads or writes a byte.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Mapping
from typing import Any


class Line:
    """A line to a client; without a descriptor it is never gone, and cannot be cut."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._socket: socket.socket | None = None
        if descriptor is not None:
            try:
                self._socket = socket.socket(fileno=os.dup(descriptor))
            except OSError:  # no socket: a test's file
                pass

    @classmethod
    def of(cls, environ: Mapping[str, Any]) -> Line:
        """The line of the request with this WSGI environment."""
        given = environ.get("gunicorn.socket") or environ.get("wsgi.input")
        try:
            return cls(given.fileno())  # type: ignore[union-attr]
        except (AttributeError, OSError, TypeError):
            return cls()

    @property
    def known(self) -> bool:
        """Whether it can be told when the client goes away."""
        return self._socket is not None

    def gone(self) -> bool:
        """Whether the client has closed its end."""
        line = self._socket
        if line is None:
            return False
        try:
            return line.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def cut(self) -> None:
        """Let the end of the line be a reset, so that the client takes what it has for a part: an answer without a
        length ends with its line."""
        if self._socket is not None:
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:  # it is closed
                pass

    def close(self) -> None:
        """Forget it; the server's own descriptor stays open."""
        line, self._socket = self._socket, None
        if line is not None:
            line.close()
