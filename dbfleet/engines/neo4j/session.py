"""One driver with its pool: statements go out, each as a transaction of its own, and records or our errors come back.

Every exception of the driver becomes an error of `dbfleet.errors` with the target's name (`neo4j.errors`). Each
transaction carries a token, by which `cancel` finds it on the server. An answer is read in batches that are bounded in
rows and in bytes.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from dbfleet.adapter import BATCH_BYTES, BATCH_SIZE
from dbfleet.engines.neo4j.errors import translate
from dbfleet.engines.neo4j.values import record_values, wide_of
from dbfleet.errors import NotFound, StatementError, Unavailable, translated
from dbfleet.target import Target

_TRIES: Final = 20
_PAUSE_S: Final = 0.1


class Session:
    """The driver on the target's database; Unavailable once it is closed."""

    def __init__(self, target: Target, driver: Any) -> None:
        self.target = target
        self._driver = driver
        self._database = target.database
        self._token = uuid.uuid4().hex
        self._closed = False
        self.limit_s: float | None = None
        """After so many seconds the server ends a transaction."""

    def translated(self) -> AbstractContextManager[None]:
        """A block whose exceptions of the driver's come out as ours."""
        return translated(translate, engine="neo4j", target=self.target.name)

    def not_found(self, name: str) -> NotFound:
        """The error for a collection that is not there."""
        return NotFound(f"no collection {name!r}", engine="neo4j", target=self.target.name)

    def marked(self, statement: str) -> Any:
        """The statement with this session's token."""
        import neo4j

        return neo4j.Query(statement, metadata={"dbfleet": self._token}, timeout=self.limit_s)

    def open(self, fetch_size: int = BATCH_SIZE) -> Any:
        """A session of the driver's, which the server lets only read where the target is for reading only. Unavailable
        where the connection is closed."""
        if self._closed:
            raise Unavailable("the connection is closed", engine="neo4j", target=self.target.name)
        mode = "READ" if self.target.read_only else "WRITE"
        return self._driver.session(database=self._database, fetch_size=fetch_size, default_access_mode=mode)

    def run(self, statement: str, params: Mapping[str, Any] | None = None) -> None:
        """Run a statement that gives no rows."""
        with self.translated(), self.open() as session:
            session.run(self.marked(statement), params).consume()

    def run_again(self, statement: str, params: Mapping[str, Any] | None = None) -> None:
        """As `run`; once more where the server ends it because two transactions wait for each other."""
        for _ in range(_TRIES):
            try:
                self.run(statement, params)
            except StatementError as error:
                if "Deadlock" not in (error.code or ""):
                    raise
                time.sleep(_PAUSE_S)
            else:
                return
        self.run(statement, params)

    def run_together(self, statements: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Run statements in one transaction: all of them, or none."""
        with (
            self.translated(),
            self.open() as session,
            session.begin_transaction(metadata={"dbfleet": self._token}, timeout=self.limit_s) as transaction,
        ):
            for statement, params in statements:
                transaction.run(statement, params).consume()
            transaction.commit()

    def rows(self, statement: str, params: Mapping[str, Any] | None = None) -> list[Any]:
        """All rows of a statement, for answers that are small."""
        with self.translated(), self.open() as session:
            return [record_values(record) for record in session.run(self.marked(statement), params)]

    def pages(self, statement: str, params: Mapping[str, Any], size: int) -> Iterator[list[Any]]:
        """The rows of a statement, in batches of at most `size` rows."""
        session = self.open(1)
        try:
            with self.translated():
                answer = session.run(self.marked(statement), params)
            yield from self.batches(answer, size)
        finally:
            with self.translated():
                session.close()

    def raw_pages(self, statement: str, params: Mapping[str, Any], size: int) -> Iterator[list[Any]]:
        """As `pages`, with values as Bolt has them: the driver makes no dates, points and nodes of what it gets. What
        came so can be sent again as it is."""
        with self.translated():
            session = self.open(1)
        try:
            with self.translated():
                transaction = session.begin_transaction(metadata={"dbfleet": self._token}, timeout=self.limit_s)
                answer = _as_bolt_has_it(transaction, statement, params)
            yield from self.batches(answer, size)
        finally:
            with self.translated():
                session.close()

    def batches(self, answer: Any, size: int) -> Iterator[list[Any]]:
        """An answer's records as lists of values, bounded in rows and in bytes. The driver is asked for one record
        first, and then for the more the smaller those were: the driver holds all that was asked for, and so does the
        server."""
        fetched = fetch = 1
        rows: list[Any] = []
        held = largest = 0
        records = iter(answer)
        while True:
            with self.translated():
                record = next(records, None)
            if record is None:
                break
            values = record_values(record)
            rows.append(values)
            wide = wide_of(values)
            held += wide
            largest = max(largest, wide)
            fetched -= 1
            if not fetched:
                fetched = fetch = max(1, min(size, 2 * fetch, BATCH_BYTES // (largest + 1)))
                answer._fetch_size = fetch  # the driver has no method for it; its next request reads this
                largest = 0
            if len(rows) >= size or held >= BATCH_BYTES:
                yield rows
                rows, held = [], 0
                _forget_entities(answer)
        if rows:
            yield rows

    def cancel(self) -> None:
        """Stop what this session runs, over a second connection. Does nothing where nothing runs."""
        if self._closed:
            return
        with self.translated(), self._driver.session(database=self._database) as session:
            session.run(
                "SHOW TRANSACTIONS YIELD transactionId AS id, metaData WHERE metaData.dbfleet = $token "
                "TERMINATE TRANSACTIONS id YIELD message RETURN message",
                {"token": self._token},
            ).consume()

    def close(self) -> None:
        """Free the connection. Silent if it is closed already."""
        if not self._closed:
            self._closed = True
            self._driver.close()


def _as_bolt_has_it(transaction: Any, statement: str, params: Mapping[str, Any]) -> Any:
    """The answer to a statement whose values are not made into the driver's. The driver has no method for it: what it
    asks for to make them is replaced while the statement is begun."""
    connection = transaction._connection
    whole = connection.new_hydration_scope

    def nothing() -> Any:
        scope = whole()
        scope.hydration_hooks = {}
        return scope

    connection.new_hydration_scope = nothing
    try:
        return transaction.run(statement, params)
    finally:
        del connection.new_hydration_scope


def _forget_entities(answer: Any) -> None:
    """Let the driver forget the nodes and relationships that were read.

    It keeps each of them until the answer ends, so that equal ones are one object: a million of them are 1 GB. What was
    read is plain values by now. The driver has no method for this, so its inside is changed; a driver whose inside is
    another one keeps them.
    """
    try:
        graph = answer._hydration_scope._graph_hydrator.graph
        entities = (graph._nodes, graph._relationships)
    except AttributeError:
        return
    for kept in entities:
        if isinstance(kept, dict):
            kept.clear()
