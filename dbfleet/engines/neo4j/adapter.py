"""Neo4j's adapter: the contract's methods on one connection. What they need stands in the rooms beside it."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Self

from dbfleet.abilities import CarriesExtras, Identifies, Swaps, TellsLeft
from dbfleet.adapter import (
    BATCH_BYTES,
    BATCH_SIZE,
    WHOLE,
    Adapter,
    Change,
    Part,
    Rejected,
    Result,
    ResultColumn,
    ServerInfo,
    Swap,
    WriteMode,
    Written,
)
from dbfleet.columns import shortened
from dbfleet.engines.neo4j import left, swap
from dbfleet.engines.neo4j import text as cypher
from dbfleet.engines.neo4j.connect import opened, translate
from dbfleet.engines.neo4j.foreign import Layout, sampled
from dbfleet.engines.neo4j.swap import HOUSE, OWN
from dbfleet.engines.neo4j.text import ROWS
from dbfleet.engines.neo4j.values import (
    STORE,
    Convert,
    bytes_of,
    heap_of,
    literal,
    packing,
    parameters,
    plain_row,
    plain_value,
    quoted,
    record_values,
    statements,
    wide_of,
)
from dbfleet.errors import (
    AlreadyExists,
    ConstraintViolated,
    NotFound,
    StatementError,
    Unavailable,
    Unsupported,
    UsageError,
    translated,
)
from dbfleet.extras import AnyExtra, Extras
from dbfleet.spec import EngineSpec
from dbfleet.sql.changes import changed, key_of
from dbfleet.target import Target
from dbfleet.values import TEXT_OF, VALUE_OF, Batch, Column, Reference, Row, Schema, Type

_CHARACTERS: Final = 1_500_000
"""What one UNWIND takes at most: the driver packs it whole, and the server holds it in its heap."""
_ASK_BEYOND: Final = 4 << 20
_MEMORY: Final = {
    "dbms.memory.transaction.total.max": 1.0,
    "db.memory.transaction.total.max": 1.0,
    "db.memory.transaction.max": 1.0,
    "server.memory.heap.max_size": 0.7,
}
"""The server's settings that bound what one transaction may hold, and which share of each."""


class Neo4jAdapter(
    Adapter,
    Identifies,
    Swaps,
    CarriesExtras,
    TellsLeft,
):
    """One driver with its pool; one statement at a time, each its own transaction."""

    def __init__(self, spec: EngineSpec, target: Target, driver: Any, bolt: tuple[int, int]) -> None:
        self.spec = spec
        self.target = target
        self._driver = driver
        self._database = target.database
        self._packing = packing(bolt)
        self._token = uuid.uuid4().hex
        self._closed = False
        self._layouts: dict[str, Layout] = {}  # as last read: where the values of a collection lie

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- what is there ---

    def ping(self) -> ServerInfo:
        started = time.perf_counter()
        found = self._rows("CALL dbms.components() YIELD name, versions, edition RETURN name, versions[0], edition")
        (name, version, edition), *_ = found
        return ServerInfo(f"{name.replace(' Kernel', '')} {edition}", version, time.perf_counter() - started)

    def collections(self) -> Sequence[str]:
        kept = self._kept_schemas()
        ours = {cypher.relationship_type(reference) for schema in kept.values() for reference in schema.references}
        found = set(kept)
        for word, call in (("label", "db.labels"), ("relationshipType", "db.relationshipTypes")):
            for (name,) in self._rows(f"CALL {call}() YIELD {word} RETURN {word}"):
                pattern = f"(x:{quoted(name)})" if word == "label" else f"()-[x:{quoted(name)}]->()"
                foreign = name not in found and name not in ours and name != HOUSE and not name.startswith(OWN)
                if foreign and self._rows(f"MATCH {pattern} RETURN 1 LIMIT 1"):
                    found.add(name)
        return sorted(name for name in found if not name.startswith(OWN))

    def describe(self, name: str) -> Schema:
        self._layouts.pop(name, None)
        return self._layout(name).schema

    def create(self, schema: Schema) -> None:
        if schema.name in self._kept_schemas(schema.name) or schema.name in self.collections():
            raise AlreadyExists(f"the collection {schema.name!r} is there", engine="neo4j", target=self.target.name)
        self._run(f"CREATE CONSTRAINT _dbfleet IF NOT EXISTS FOR (s:{HOUSE}) REQUIRE s.collection IS UNIQUE")
        self._run(
            f"CREATE (:{HOUSE} {{collection: $name, schema: $schema}})",
            {"name": schema.name, "schema": json.dumps(schema.to_dict(), ensure_ascii=False)},
        )
        self._constrain(schema)
        self._layouts.pop(schema.name, None)

    def drop(self, name: str) -> None:
        """A node that has other labels belongs to their collections too: it loses this one."""
        kept = self._kept_schemas(name).get(name)
        self._layouts.pop(name, None)
        label = quoted(name)
        nodes = f"MATCH (x:{label})" if kept is None or not cypher.is_edge(kept) else None
        if nodes and self._rows(f"{nodes} RETURN 1 LIMIT 1"):
            self._run(f"{nodes} WHERE size(labels(x)) > 1 CALL (x) {{ REMOVE x:{label} }} "
                      f"IN TRANSACTIONS OF {ROWS} ROWS")  # fmt: skip
            self._run(f"{nodes} CALL (x) {{ DETACH DELETE x }} IN TRANSACTIONS OF {ROWS} ROWS")
        elif kept is None or not nodes:
            self._run(f"MATCH ()-[x:{label}]->() CALL (x) {{ DELETE x }} IN TRANSACTIONS OF {ROWS} ROWS")
        self._run(f"DROP CONSTRAINT {cypher.constraint(name)} IF EXISTS")
        if kept:
            self._run(f"MATCH (s:{HOUSE} {{collection: $name}}) DELETE s", {"name": name})

    def count(self, name: str) -> int:
        kept = self._kept_schemas(name).get(name)
        label = quoted(name)
        for pattern in (cypher.match(kept),) if kept else (f"(x:{label})", f"()-[x:{label}]->()"):
            ((rows,),) = self._rows(f"MATCH {pattern} RETURN count(x)")
            if rows or kept:
                return int(rows)
        raise NotFound(f"no collection {name!r}", engine="neo4j", target=self.target.name)

    # --- rows ---

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        layout = self._known(schema)
        columns = [schema.column(name) for name in schema.key]
        where = " AND ".join(f"{layout.lies(name)} = k[{place}]" for place, name in enumerate(schema.key))
        match = f"UNWIND $keys AS k MATCH {layout.match} WHERE {where}"
        statement = f"{match} RETURN {layout.fields(schema)}"
        for start in range(0, len(keys), BATCH_SIZE):
            wanted = _stored(columns, keys[start : start + BATCH_SIZE])
            for rows in self._pages(statement, {"keys": wanted}, BATCH_SIZE):
                yield from self._fetched(layout, schema, rows)

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        """Ranges of the key's first column, whose index gives them in order."""
        if parts < 2 or not schema.key or schema.key[0] in self._known(schema).made:
            return [WHOLE]
        layout = self._known(schema)
        column = schema.column(schema.key[0])
        name = quoted(column.name)
        rows = self.count(schema.name)
        bounds: list[str] = []
        for number in range(1, parts):
            found = self._rows(
                f"MATCH {layout.match} WHERE x.{name} IS NOT NULL RETURN x.{name} ORDER BY x.{name} SKIP $skip LIMIT 1",
                {"skip": rows * number // parts},
            )
            if found:
                ((value,),) = self._fetched(layout, Schema(schema.name, (column,)), found)
                text = TEXT_OF[column.type](value)
                if text not in bounds:
                    bounds.append(text)
        edges = [None, *bounds, None]
        return [
            {word: text for word, text in (("from", low), ("below", high)) if text is not None}
            for low, high in itertools.pairwise(edges)
        ]

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        layout = self._known(schema)
        conditions, params = [], {}
        for word, sign in (("from", ">="), ("below", "<")):
            if word in part:
                column = schema.column(schema.key[0])
                conditions.append(f"x.{quoted(column.name)} {sign} ${word}")
                params[word] = _stored([column], [(VALUE_OF[column.type](part[word]),)])[0][0]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        statement = f"MATCH {layout.match}{where} RETURN {layout.fields(schema)}"
        empty = True
        for rows in self._pages(statement, params, batch_size):
            empty = False
            yield self._fetched(layout, schema, rows)
        if empty:
            self.describe(schema.name)  # NotFound, where it is not only empty

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        self._layouts.pop(schema.name, None)
        store = {**self._packing, **self._layout(schema.name).store(schema)}
        written = Written()
        for rows in _coalesced(self._fitting(schema, shortened(schema.columns, batches), written)):
            self._write_batch(schema, rows, mode, written, store)
        for reference in schema.references:
            if reference.collection == schema.name and not cypher.is_edge(schema):
                self._relate_to_itself(schema, reference)
        return written

    def _fitting(self, schema: Schema, batches: Iterable[Batch], written: Written) -> Iterator[Batch]:
        """The rows that a transaction of the server's holds; the others are refused by the name of what is too large,
        before they are sent. The server is asked when the first large row comes."""
        limit: int | None = None
        for batch in batches:
            fitting = []
            for row in batch:
                wide = heap_of(row)
                if wide > _ASK_BEYOND:
                    limit = self._largest_row() if limit is None else limit
                    if wide > limit:
                        written.rejected.append(Rejected(row, _too_large(schema, row, wide, limit)))
                        continue
                fitting.append(row)
            yield fitting

    def _largest_row(self) -> int:
        """A row is in the heap as text, as a property and as what the store keeps: 3.5 times, measured."""
        found = dict(
            self._rows(
                "SHOW SETTINGS YIELD name, value WHERE name IN $names RETURN name, value", {"names": list(_MEMORY)}
            )
        )
        sizes = [size * share for name, share in _MEMORY.items() if (size := bytes_of(found.get(name)))]
        return int(min(sizes) / 3.6) if sizes else 1 << 62

    def _write_batch(
        self, schema: Schema, rows: list[Row], mode: WriteMode, written: Written, store: Mapping[Type, Convert]
    ) -> None:
        if cypher.is_edge(schema):
            rows = self._with_ends(schema, rows, written)
        statement = cypher.write_statement(schema, mode)
        try:
            self._run(statement, {"rows": _stored(schema.columns, rows, store)})
        except ConstraintViolated:
            # The whole batch is rolled back: find what is in the way, and write the rest.
            rows = self._without_existing(schema, rows, written)
            if rows:
                self._run(statement, {"rows": _stored(schema.columns, rows, store)})
        written.rows += len(rows)

    def _relate_to_itself(self, schema: Schema, reference: Reference) -> None:
        """After the last row, as rows may refer to later ones."""
        self._run(cypher.relation_to_itself(schema, reference))

    def _with_ends(self, schema: Schema, rows: list[Row], written: Written) -> list[Row]:
        """The rows whose two ends are there; the others are refused."""
        values = {column.name: f"r[{place}]" for place, column in enumerate(schema.columns)}
        ends = [cypher.end(reference, place, values) for place, reference in enumerate(schema.references[:2])]
        found = self._rows(
            f"UNWIND range(0, size($rows) - 1) AS n WITH n, $rows[n] AS r "
            f"WHERE NOT (EXISTS {{ MATCH {ends[0]} }} AND EXISTS {{ MATCH {ends[1]} }}) RETURN n",
            {"rows": _stored(schema.columns, rows, self._packing)},
        )
        missing = {place for (place,) in found}
        for place in sorted(missing):
            written.rejected.append(Rejected(rows[place], "a node that the relationship connects is not there"))
        return [row for place, row in enumerate(rows) if place not in missing]

    def _without_existing(self, schema: Schema, rows: list[Row], written: Written) -> list[Row]:
        """The rows whose keys are new, the first of those that share one; the others are refused."""
        indexes = schema.key_indexes
        keys = [tuple(row[place] for place in indexes) for row in rows]
        taken = {tuple(row[place] for place in indexes) for row in self.get(schema, keys)}
        kept = []
        for row, key in zip(rows, keys, strict=True):
            if key in taken:
                written.rejected.append(Rejected(row, f"the key {key!r} exists already"))
            else:
                taken.add(key)
                kept.append(row)
        return kept

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        layout = self._known(schema)
        columns = [schema.column(name) for name in schema.key]
        where = " AND ".join(f"{layout.lies(name)} = k[{place}]" for place, name in enumerate(schema.key))
        statement = (
            f"UNWIND $keys AS k MATCH {layout.match} WHERE {where} WITH DISTINCT x "
            f"{'' if layout.relationship or cypher.is_edge(layout.schema) else 'DETACH '}DELETE x RETURN count(*)"
        )
        removed = 0
        for start in range(0, len(keys), ROWS):
            ((count,),) = self._rows(statement, {"keys": _stored(columns, keys[start : start + ROWS])})
            removed += int(count)
        return removed

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        """The statements of a write, over a list of one row."""
        self._known(schema).store(schema)
        keys = [schema.column(name) for name in schema.key]
        own = [each for each in schema.references if each.collection == schema.name and not cypher.is_edge(schema)]
        for change in changes:
            if change.after is None:
                cells = map(literal, _stored(keys, [key_of(schema, change)])[0])
                same = zip(schema.key, cells, strict=True)
                where = " AND ".join(f"x.{quoted(name)} = {cell}" for name, cell in same)
                detach = "" if cypher.is_edge(schema) else "DETACH "
                yield f"MATCH {cypher.match(schema)} WHERE {where} {detach}DELETE x;"
                continue
            if change.before is not None and not changed(schema.columns, change):
                continue
            row = self._literals(schema, change.after)
            mode: WriteMode = "insert" if change.before is None else "upsert"
            yield cypher.write_statement(schema, mode).replace("$rows", f"[{row}]", 1) + ";"
        for reference in own:
            yield cypher.relation_to_itself(schema, reference) + ";"

    def _literals(self, schema: Schema, row: Row) -> str:
        values = _stored(schema.columns, [row])[0]
        try:
            return literal(values)
        except Unsupported as error:
            column = next(each for each, value in zip(schema.columns, values, strict=True) if isinstance(value, bytes))
            message = f"{schema.name}.{column.name}: {error.message}"
            raise Unsupported(message, engine="neo4j", target=self.target.name, hint=error.hint) from None

    # --- statements ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        texts = statements(statement)
        if not texts:
            raise UsageError("the statement is empty", target=self.target.name)
        given = dict(params or {})
        known = {name for text in texts for name in parameters(text)}
        for name in sorted(set(given) - known):
            raise UsageError(f"no ${name} in the statement", target=self.target.name)
        for name in sorted(known - set(given)):
            hint = f"give one with --param {name}=…"
            raise UsageError(f"the statement has ${name} and no value for it", target=self.target.name, hint=hint)
        return self._result(texts, given, batch_size)

    def _result(self, texts: Sequence[str], params: Mapping[str, Any], batch_size: int) -> Result:
        messages: list[str] = []
        session = self._session(1)
        try:
            with self._translated():
                answer = session.run(self._marked(texts[0]), _bound(params))
                columns = [ResultColumn(name) for name in answer.keys()]  # noqa: SIM118, no dict
                # One page ahead, so that an error in the first row comes from `query` itself.
                pages = self._batches(answer, batch_size)
                first = next(pages, None) if columns else None
                if not columns:
                    messages += _counted(answer.consume())
                    session.close()
        except BaseException:
            session.close()
            raise

        def batches() -> Iterator[Batch]:
            try:
                for page in itertools.chain((first,) if first else (), pages):
                    yield [plain_row(values) for values in page]
                if columns:
                    with self._translated():
                        messages.extend(_counted(answer.consume()))
            finally:
                session.close()

        return Result(
            columns,
            batches() if columns else (),
            messages=messages,
            close=session.close,
            following=lambda: self._result(texts[1:], params, batch_size) if len(texts) > 1 else None,
        )

    def cancel(self) -> None:
        if self._closed:
            return
        with self._translated(), self._driver.session(database=self._database) as session:
            session.run(
                "SHOW TRANSACTIONS YIELD transactionId AS id, metaData WHERE metaData.dbfleet = $token "
                "TERMINATE TRANSACTIONS id YIELD message RETURN message",
                {"token": self._token},
            ).consume()

    def identity(self) -> str:
        return swap.identity(self)

    def swap(self, swaps: Sequence[Swap]) -> None:
        """All in one transaction: dbfleet/engines/swap.py."""
        swap.swap(self, swaps)

    def left(self) -> Sequence[str]:
        """What is in no collection, in words."""
        return left.of_database(self)

    def extras(self, name: str) -> Extras:
        """Neo4j has nothing that goes along; what stays behind is named."""
        return Extras(left=tuple(left.of_collection(self, name)))

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        raise Unsupported(f"Neo4j gives {schema.name} no {extra}", engine="neo4j", target=self.target.name)

    def leftovers(self) -> Sequence[str]:
        """Names of what a killed command has left, and `drop` removes."""
        return swap.leftovers(self)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._driver.close()

    # --- inside ---

    def _translated(self) -> Any:
        return translated(translate, engine="neo4j", target=self.target.name)

    def _marked(self, statement: str) -> Any:
        import neo4j

        return neo4j.Query(statement, metadata={"dbfleet": self._token})

    def _session(self, fetch_size: int = BATCH_SIZE) -> Any:
        if self._closed:
            raise Unavailable("the connection is closed", engine="neo4j", target=self.target.name)
        return self._driver.session(database=self._database, fetch_size=fetch_size)

    def _run(self, statement: str, params: Mapping[str, Any] | None = None) -> None:
        with self._translated(), self._session() as session:
            session.run(self._marked(statement), params).consume()

    def _rows(self, statement: str, params: Mapping[str, Any] | None = None) -> list[Any]:
        with self._translated(), self._session() as session:
            return [record_values(record) for record in session.run(self._marked(statement), params)]

    def _pages(self, statement: str, params: Mapping[str, Any], size: int) -> Iterator[list[Any]]:
        session = self._session(1)
        try:
            with self._translated():
                answer = session.run(self._marked(statement), params)
            yield from self._batches(answer, size)
        finally:
            with self._translated():
                session.close()

    def _batches(self, answer: Any, size: int) -> Iterator[list[Any]]:
        """An answer's records as lists of values, bounded in rows and in bytes. What is asked for at a time begins with
        one record and follows the size of those that came: the driver holds all of it, and so does the server."""
        fetched = fetch = 1
        rows: list[Any] = []
        held = largest = 0
        records = iter(answer)
        while True:
            with self._translated():
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
                answer._fetch_size = fetch  # the driver asks once and for all; its next request reads this
                largest = 0
            if len(rows) >= size or held >= BATCH_BYTES:
                yield rows
                rows, held = [], 0
                _forget_entities(answer)
        if rows:
            yield rows

    def _constrain(self, schema: Schema) -> None:
        """The constraint that holds the schema's key, where it is not there."""
        if schema.key:
            keys = ", ".join(f"x.{quoted(name)}" for name in schema.key)
            named = f"CREATE CONSTRAINT {cypher.constraint(schema.name)} IF NOT EXISTS"
            self._run(f"{named} FOR {cypher.pattern(schema)} REQUIRE ({keys}) IS UNIQUE")

    def _without_constraint(self, schema: Schema) -> bool:
        """Whether a constraint of ours of this name, that held another key or another kind, is dropped."""
        found = self._rows(
            "SHOW CONSTRAINTS YIELD name, properties, entityType WHERE name = $name RETURN properties, entityType",
            {"name": cypher.constraint(schema.name)},
        )
        wanted = (list(schema.key), "RELATIONSHIP" if cypher.is_edge(schema) else "NODE")
        if not found or found[0] == wanted:
            return False
        self._run(f"DROP CONSTRAINT {cypher.constraint(schema.name)} IF EXISTS")
        return True

    def _kept_schemas(self, name: str | None = None) -> dict[str, Schema]:
        where = " {collection: $name}" if name is not None else ""
        found = self._rows(f"MATCH (s:{HOUSE}{where}) RETURN s.collection, s.schema", {"name": name})
        return {collection: Schema.from_dict(json.loads(text)) for collection, text in found}

    def _layout(self, name: str) -> Layout:
        kept = self._kept_schemas(name).get(name)
        found = self._layouts[name] = Layout(kept) if kept else sampled(self, name)
        return found

    def _known(self, schema: Schema) -> Layout:
        return self._layouts.get(schema.name) or self._layout(schema.name)

    def _fetched(self, layout: Layout, schema: Schema, rows: Sequence[Any]) -> Batch:
        """Values by their columns' types; one of another kind is refused by its name."""
        if not rows:
            return []
        found = list(zip(*rows, strict=True))
        for place, column in enumerate(schema.columns):
            wrong = layout.stranger(column, found[place])
            if wrong is not None:
                raise self._wrong(schema, column, wrong)
            fetch = layout.fetch(column)
            if fetch:
                found[place] = tuple([self._fetch_one(fetch, schema, column, value) for value in found[place]])
        return list(zip(*found, strict=True))

    def _fetch_one(self, fetch: Convert, schema: Schema, column: Column, value: Any) -> Any:
        try:
            return None if value is None else fetch(value)
        except (ValueError, TypeError, ArithmeticError) as exc:
            raise self._wrong(schema, column, value) from exc

    def _wrong(self, schema: Schema, column: Column, value: Any) -> StatementError:
        message = f"{schema.name}.{column.name}: {plain_value(value)!r} is no {column.type}"
        hint = "other rows have other values there, or a query has changed what dbfleet made"
        return StatementError(message, engine="neo4j", target=self.target.name, hint=hint)


def _stored(columns: Sequence[Column], rows: Sequence[Row], table: Mapping[Type, Convert] = STORE) -> list[list[Any]]:
    plan = [(place, table[column.type]) for place, column in enumerate(columns) if column.type in table]
    found = [list(row) for row in rows]
    for row in found:
        for place, store in plan:
            if row[place] is not None:
                row[place] = store(row[place])
    return found


def _too_large(schema: Schema, row: Row, wide: int, limit: int) -> str:
    widest = max(range(len(row)), key=lambda place: heap_of((row[place],)))
    key = tuple(row[place] for place in schema.key_indexes)
    what = f"{schema.name}.{schema.names[widest]} of key {key!r:.200}"
    return (
        f"{what}: {wide:,} bytes, and a transaction of this server holds {limit:,} (dbms.memory.transaction.total.max)"
    )


def _coalesced(batches: Iterable[Batch]) -> Iterator[list[Row]]:
    """Batches of up to ROWS rows and about _CHARACTERS characters, estimated from each batch's first row."""
    rows: list[Row] = []
    size = 0
    for batch in batches:
        for row in batch:
            rows.append(row)
            size += 10 + sum(len(value) if isinstance(value, str | bytes) else 8 for value in row)
            if len(rows) >= ROWS or size >= _CHARACTERS:
                yield rows
                rows, size = [], 0
    if rows:
        yield rows


def _bound(params: Mapping[str, Any]) -> dict[str, Any]:
    from dbfleet.values import type_of

    bound = {}
    for name, value in params.items():
        type_ = type_of(value)
        keep = type_ is None or type_ is Type.JSON or type_ not in STORE
        bound[name] = value if keep else STORE[type_](value)  # type: ignore[index]
    return bound


def _counted(summary: Any) -> list[str]:
    counters = summary.counters
    words = ("nodes_created", "nodes_deleted", "relationships_created", "relationships_deleted", "properties_set",
             "labels_added", "labels_removed", "indexes_added", "indexes_removed", "constraints_added",
             "constraints_removed")  # fmt: skip
    parts = [f"{getattr(counters, word)} {word.replace('_', ' ')}" for word in words if getattr(counters, word)]
    return [", ".join(parts)] if parts else []


def _forget_entities(answer: Any) -> None:
    """The driver keeps each node and relationship of an answer until its end, to give equal ones as one object: a
    million of them are 1 GB. What was read is plain by now. The driver offers no way, so this is its inside: a driver
    that is otherwise inside keeps them, as before."""
    graph = getattr(getattr(getattr(answer, "_hydration_scope", None), "_graph_hydrator", None), "graph", None)
    for kept in (getattr(graph, "_nodes", None), getattr(graph, "_relationships", None)):
        if isinstance(kept, dict):
            kept.clear()


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> Neo4jAdapter:
    """A driver that has proven its login. AuthFailed or Unavailable within about `timeout_s`."""
    return Neo4jAdapter(spec, target, *opened(target, timeout_s))
