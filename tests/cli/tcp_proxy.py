"""A TCP proxy that lets a test choose the moment of a fault: after so many bytes it does something, or goes silent."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable


class Proxy:
    """Forwards from a port of its own, on 127.0.0.1, to another; `passed` counts bytes, both ways and over all
    connections. Use as a context manager."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.passed = 0
        self._after: tuple[int, Callable[[], None]] | None = None
        self._silent = threading.Event()
        self._closed = False
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closed = True
        # Wakes the thread that accepts: closing alone would not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset()

    def reset(self) -> None:
        """As at the beginning: no connections, nothing counted, nothing to come."""
        with self._lock:
            self._after, self.passed = None, 0
            for each in self._open:
                each.shutdown(socket.SHUT_RDWR) if each.fileno() >= 0 else None
            self._open.clear()
        self._silent.clear()

    def after(self, count: int, act: Callable[[], None]) -> None:
        """Call `act` once, in a thread of the proxy's, when so many bytes have passed."""
        with self._lock:
            self._after = (count, act)

    def go_silent(self) -> None:
        """Forward nothing more, and close nothing: a line that is dead without a word."""
        self._silent.set()

    @property
    def silent(self) -> bool:
        """Whether the line is dead."""
        return self._silent.is_set()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self.upstream), timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        with self._lock:
            self._open |= {client, server}
        with client, server, selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            try:
                while True:
                    for key, _ in ready.select(0.1):
                        if self._silent.is_set():
                            continue
                        data = key.fileobj.recv(16384)  # type: ignore[union-attr]
                        if not data:
                            return
                        self._count(len(data))
                        if not self._silent.is_set():
                            key.data.sendall(data)
                    if self._silent.is_set():
                        self._wait_for_the_end(client)
                        return
            except OSError:
                pass
            finally:
                with self._lock:
                    self._open -= {client, server}

    def _wait_for_the_end(self, client: socket.socket) -> None:
        while self._silent.is_set() and not self._closed:
            if client.fileno() < 0:
                return
            self._silent.wait(0)
            threading.Event().wait(0.05)

    def _count(self, size: int) -> None:
        with self._lock:
            self.passed += size
            if self._after is None or self.passed < self._after[0]:
                return
            act, self._after = self._after[1], None
        act()
