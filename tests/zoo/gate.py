"""A way to a server that ends in the middle, for whoever is to be killed there."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

from dbfleet.target import Target


class Gate:
    """A way to the server that lets so many bytes through to it, and then none; all of them where `most` is None."""

    def __init__(self, target: Target) -> None:
        self._there = target.host or "127.0.0.1", target.port or 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.target = target.with_(host="127.0.0.1", port=self._listening.getsockname()[1])
        self.most: int | None = None
        self.shut = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def close(self) -> None:
        self._open.append(self._listening)
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for each in self._open:
            each.close()

    def _start(self, run: Callable[..., None], *arguments: Any) -> None:
        self._threads.append(threading.Thread(target=run, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                self._open.append(here)
                there = socket.create_connection(self._there)
                self._open.append(there)
                self._start(self._pass, here, there, True)
                self._start(self._pass, there, here, False)

    def _pass(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 14):
                if counted and self.most is not None:
                    self.most -= len(data)
                    if self.most < 0:
                        self.shut.set()
                        source.recv(1)  # until whoever sends is killed
                        break
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
