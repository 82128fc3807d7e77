"""TCP ports on 127.0.0.1: whether one is free, which program has it, and which one to take instead.

Rule: a port is free if a server could bind it. The ports that we choose are below the range from which the system takes
ports for outgoing connections (32768 and up on Linux), so that a port stays free while its server is stopped.
"""

from __future__ import annotations

import socket
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

LOOPBACK: Final = "127.0.0.1"
FIRST_CHOSEN: Final = 20000
LAST_CHOSEN: Final = 32767


@dataclass(frozen=True, slots=True)
class Holder:
    """The program that listens on a port; without pid and name where the system does not say (another user's
    process)."""

    port: int
    pid: int | None = None
    name: str | None = None

    def __str__(self) -> str:
        if self.pid is None:
            return "another program (only root can see which)"
        return f"{self.name or 'a process'} (pid {self.pid})"


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port with connections in TIME_WAIT can then be bound, but not one with a listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def answers(port: int, timeout_s: float = 0.5) -> bool:
    """Whether something accepts connections on 127.0.0.1:port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def holder(port: int) -> Holder:
    """The program that listens on the port."""
    import psutil

    try:
        pids = [
            listener.pid
            for listener in psutil.net_connections("tcp")
            if listener.status == psutil.CONN_LISTEN and listener.laddr and listener.laddr.port == port and listener.pid
        ]
    except psutil.Error:  # macOS shows other users' connections only to root
        pids = []
    for pid in sorted(pids):
        try:
            return Holder(port, pid, psutil.Process(pid).name())
        except psutil.Error:
            continue
    return Holder(port)


def short_hash(text: bytes) -> str:
    """Eight hexadecimal digits that distinguish names. They are zlib's, because hashlib would load the system's OpenSSL
    (see values.digest_rows)."""
    return f"{zlib.crc32(text):08x}"


def choose(wanted_by: str, *, avoid: Collection[int] = ()) -> int:
    """A free port: always the same one for the same `wanted_by`, as long as it is free."""
    size = LAST_CHOSEN - FIRST_CHOSEN + 1
    start = int(short_hash(wanted_by.encode()), 16) % size
    for step in range(size):
        port = FIRST_CHOSEN + (start + step) % size
        if port not in avoid and is_free(port):
            return port
    raise OSError(f"no free port between {FIRST_CHOSEN} and {LAST_CHOSEN}")
