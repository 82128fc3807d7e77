"""One connection at a time: the wire, a new one where it was spoiled, and the exceptions of the wire as our errors.

A statement of the user's may change the connection (SELECT, MULTI, CLIENT …). What works with collections then gets a
new connection, in the target's database and outside any transaction.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from dbfleet.engines.redis.cancel import stop
from dbfleet.engines.redis.connect import Dial
from dbfleet.engines.redis.errors import translate
from dbfleet.engines.redis.replies import SCRIPTS, SESSION
from dbfleet.engines.redis.wire import Wire
from dbfleet.errors import AlreadyExists, NotFound, Unavailable, Unsupported, translated
from dbfleet.target import Target
from dbfleet.values import Batch


class Session:
    """The connection to a target. `dial` makes another like it, for `cancel` and after an interrupt."""

    def __init__(self, target: Target, dial: Dial) -> None:
        self.target = target
        self._dial = dial
        self._closed = False
        self._changed = False  # a statement may have left another database or a transaction behind
        self._running = ""
        self._lock = threading.Lock()
        with self.translated():
            self._wire, self._hello = dial()

    @property
    def hello(self) -> Mapping[str, Any]:
        """What the server said of itself."""
        return self._hello

    def translated(self) -> AbstractContextManager[None]:
        """A block whose exceptions of the wire come out as ours."""
        return translated(translate, engine="redis", target=self.target.name)

    def batches(self, batches: Generator[Batch]) -> Iterator[Batch]:
        """The batches; exceptions of the wire while one is made come out as ours."""
        try:
            while True:
                with self.translated():
                    batch = next(batches, None)
                if batch is None:
                    return
                yield batch
                del batch  # not held while the next one is made
        finally:
            batches.close()

    def open(self) -> Wire:
        """The wire; a new one where an interrupt or a lost connection has spoiled it. Unavailable once it is closed."""
        if self._closed:
            raise Unavailable("the connection is closed")
        if self._wire.broken:
            self._wire.close()
            self._wire, self._hello = self._dial()
            self._changed = False
        return self._wire

    def data(self) -> Wire:
        """The wire in the target's database and outside a transaction, whatever statements have done to it. Unsupported
        on a node of a cluster."""
        if self._hello.get("mode") == "cluster":
            raise Unsupported(
                "a node of a Redis Cluster has a part of the keys only, and dbfleet does not speak to all nodes",
                hint="query works on each node",
            )
        if self._changed:
            self._wire.broken = True
        return self.open()

    def running(self, name: str) -> Wire:
        """The wire for a statement of the user's, which is this command."""
        wire = self.open()
        self._changed |= name in SESSION
        self._running = name
        return wire

    def cancel(self) -> None:
        """Stop the running command, over a second connection (`redis.cancel`). Does nothing where nothing runs."""
        if not self._closed and not self._wire.broken and self._wire.waiting:
            stop(self._wire, self._dial, self._hello.get("id"), script=self._running in SCRIPTS)

    def close(self) -> None:
        """Free the connection. Silent if it is closed already."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._wire.close()

    def not_found(self, name: str) -> NotFound:
        """The error for a collection that is not there."""
        return NotFound(f"no collection {name!r}", engine="redis", target=self.target.name)

    def already_exists(self, name: str) -> AlreadyExists:
        """The error for a collection that is there already."""
        return AlreadyExists(f"the collection {name!r} exists", engine="redis", target=self.target.name)
