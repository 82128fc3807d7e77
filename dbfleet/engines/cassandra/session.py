"""One session on a cluster: statements go out, and rows or our errors come back.

Every exception of the driver becomes an error of `dbfleet.errors` with the target's name (`cassandra.errors`). An
answer is read page by page, and a bounded number of statements is in flight at a time, so memory stays flat.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

from dbfleet.adapter import BATCH_BYTES
from dbfleet.engines.cassandra.errors import translate
from dbfleet.engines.cassandra.text import quote
from dbfleet.engines.cassandra.wire import protocol_handler, wide_of
from dbfleet.errors import NotFound, Unavailable, Unsupported, translated
from dbfleet.target import Target
from dbfleet.values import Row

IN_FLIGHT: Final = 128
"""How many statements are sent and not yet answered, at most."""
NAME: Final = re.compile(r"\w{1,48}", re.ASCII)
"""What the name of a table may be."""


class Session:
    """The driver's session on the target's keyspace; Unavailable once it is closed.

    `consistency` is the driver's number of the level that the URL asks for, or None.
    """

    def __init__(self, target: Target, cluster: Any, session: Any, consistency: int | None) -> None:
        self.target = target
        self.keyspace = target.database or ""
        self.consistency = consistency
        self._cluster = cluster
        self._session = session
        self._closed = False
        self.limit_s: float | None = None
        """So long a page of the user's is waited for."""

    # --- statements ---

    def translated(self) -> AbstractContextManager[None]:
        """A block whose exceptions of the driver's come out as ours."""
        return translated(translate, engine="cassandra", target=self.target.name)

    @property
    def driver(self) -> Any:
        """The driver's own session. Unavailable where it is closed."""
        if self._closed:
            raise Unavailable("the connection is closed", engine="cassandra", target=self.target.name)
        return self._session

    def rows(self, statement: str, params: Sequence[Any] = ()) -> list[Any]:
        """All rows of a statement, for answers that are small."""
        session = self.driver
        with self.translated():
            return list(session.execute(statement, params or None))

    @contextmanager
    def as_bytes(self, names: frozenset[str]) -> Iterator[None]:
        """For the block: what is sent in it is answered with the server's bytes for the columns of these names."""
        driver = self.driver
        before, driver.client_protocol_handler = driver.client_protocol_handler, protocol_handler(names)
        try:
            yield
        finally:
            driver.client_protocol_handler = before

    def prepare(self, statement: str) -> Any:
        """The prepared statement, with the consistency that the URL asks for."""
        session = self.driver
        with self.translated():
            prepared = session.prepare(statement)
        if self.consistency is not None:
            prepared.consistency_level = self.consistency
        return prepared

    def send(self, statement: Any, params: Any = None, raw: frozenset[str] | None = None) -> Any:
        """The future of a statement that is now in flight; `landed` waits for it. See `as_bytes` for `raw`."""
        with self.translated(), self.as_bytes(raw) if raw else nullcontext():
            return self.driver.execute_async(statement, params)

    def landed(self, future: Any) -> list[Any]:
        """The rows of a statement that was sent, once they are here."""
        with self.translated():
            rows = list(future.result())
        # A future and its callbacks are in a cycle: without this line 12 MB of values wait for the garbage collector.
        future.query = future.message = None
        return rows

    def concurrently(
        self, statements: Iterable[tuple[Any, Any]], raw: frozenset[str] | None = None
    ) -> Iterator[list[Any]]:
        """The rows of each (statement, params), in order; at most IN_FLIGHT of them are in flight."""
        flying: deque[Any] = deque()
        for statement, params in statements:
            flying.append(self.send(statement, params, raw))
            if len(flying) >= IN_FLIGHT:
                yield self.landed(flying.popleft())
        while flying:
            yield self.landed(flying.popleft())

    def first_page(self, statement: Any) -> Any:
        """The driver's result of a statement, whose first page has one row; `pages_of` reads on."""
        statement.fetch_size = 1
        with self.translated():
            return self.driver.execute(statement, timeout=self.limit_s)

    def pages(self, statement: Any, size: int) -> Iterator[list[Row]]:
        """The rows of a statement, in pages of at most `size` rows."""
        yield from self.pages_of(self.first_page(statement), size)

    def pages_of(self, result: Any, size: int) -> Iterator[list[Row]]:
        """The rows of the driver's result, page by page. The smaller the rows of a page were, the more rows the next
        one has: the server holds a page in its heap, and we hold it too."""
        fetched = 1
        while True:
            rows = result.current_rows
            if rows:
                yield rows
            if not result.has_more_pages:
                return
            largest = max(map(wide_of, rows), default=0)
            fetched = max(1, min(size, 4 * fetched, BATCH_BYTES // (largest + 1)))
            result.response_future.message.fetch_size = fetched
            with self.translated():
                result.fetch_next_page()

    def close(self) -> None:
        """Free the connection. Silent if it is closed already."""
        if not self._closed:
            self._closed = True
            self._cluster.shutdown()

    # --- names ---

    def table(self, name: str) -> str:
        """The collection's table in CQL. NotFound for a name that no table can have."""
        if not NAME.fullmatch(name):
            raise self.not_found(name)
        return f"{quote(self.keyspace)}.{quote(name)}"

    def not_found(self, name: str) -> NotFound:
        """The error for a collection that is not there."""
        return NotFound(f"no collection {name!r}", engine="cassandra", target=self.target.name)

    def unsupported(self, what: str) -> Unsupported:
        """The error for what Cassandra cannot hold."""
        return Unsupported(f"Cassandra cannot hold {what}", engine="cassandra", target=self.target.name)
