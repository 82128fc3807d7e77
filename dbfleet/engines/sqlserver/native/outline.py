"""The outline of tables: what a server needs to be told to have the same.

A table comes with its columns, defaults and trusted checks, without an index: those are made over its rows, the
clustered one first, as it sorts them. A constraint that nobody has checked is added so that nobody checks it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from dbfleet.engines.sqlserver import extras, left
from dbfleet.engines.sqlserver.native import catalog, needs, views
from dbfleet.engines.sqlserver.native.catalog import Columns, Index, Reference
from dbfleet.engines.sqlserver.native.names import constraint
from dbfleet.engines.sqlserver.native.needs import Needed
from dbfleet.engines.sqlserver.tables import Ask, Table, Tables
from dbfleet.engines.sqlserver.types import LEXIS, text_literal
from dbfleet.outline import STAGES, STAYS, Outline, Step, marked

_AS_A_TABLE: Final = ": its rows come as a table"
_DBO: Final = "dbo"
_TEXTS: Final = frozenset({"nvarchar", "varchar", "nchar", "char"})


def outline(
    ask: Ask, tables: Tables, names: Sequence[str], *, everything: bool, view_names: Sequence[str] = ()
) -> Outline:
    """The outline of these tables and views; with `everything`, all sequences too, and what the database has besides is
    in its `left`."""
    made = _Making(ask, tables, names)
    steps = [*made.of_tables()] if names else []
    steps += made.needed(everything=everything)
    said = list(made.left)
    if view_names:
        found, told = views.views(ask, tables, view_names)
        steps += found
        said += told
        made.spaces |= {tables.split(name)[0] for name in view_names}
    steps += made.schemas()
    if everything:
        words = {step.words for step in steps}
        for text in left.of_database(ask, tables, tables.broken_views(ask)):
            kind, _, name = text.removesuffix(_AS_A_TABLE).partition(" ")
            place = ".".join(tables.split(name)) if kind in ("sequence", "type") else name
            if f"{kind} {place}" not in words:
                said.append(f"{kind} {name}{STAYS}")
        said += [f"{text}{STAYS}" for text in left.other_properties(ask)]
    steps.sort(key=lambda step: (STAGES.index(step.stage), step.order))
    return Outline(tuple(steps), tuple(dict.fromkeys(said)))


class _Making:
    """Makes the steps of tables. `spaces` are the schemas that are named, `left` is what stays, in words."""

    def __init__(self, ask: Ask, tables: Tables, names: Sequence[str]) -> None:
        self._ask, self._tables = ask, tables
        self._found: dict[int, Table] = {table.number: table for table in map(tables.find, names)}
        self._ids = catalog.listed(self._found)
        self._places = {number: tables.split(table.name) for number, table in self._found.items()}
        self._needed = Needed()
        self.spaces = {space for space, _ in self._places.values()}
        self.left: list[str] = []

    def of_tables(self) -> Iterator[Step]:
        """The steps of all tables."""
        ask, ids = self._ask, self._ids
        columns = catalog.columns(ask, ids, self._constraint, self._own_sequence)
        checks = catalog.by_table(ask, catalog.CHECKS, ids)
        schemes, filegroups = needs.schemes(ask), needs.filegroups(ask)
        indexes = catalog.indexes(ask, ids, schemes)
        references = catalog.references(ask, ids)
        for number, table in self._found.items():
            trusted = [row for row in checks.get(number, ()) if not row[3] and not row[4]]
            yield self._table(table, columns[number], indexes.get(number, []), trusted)
            yield from self._keys(table, indexes.get(number, []))
            for row in checks.get(number, ()):
                if row not in trusted:
                    yield self._unchecked(table, row)
            for reference in references.get(number, ()):
                yield self._reference(table, reference)
            yield from self._counters(table, columns[number])
            self.left += [f"{table.name}: {text}{STAYS}" for text in left.stays(ask, table)]
            groups = {filegroups[each.space] for each in indexes.get(number, ()) if each.space in filegroups}
            self.left += [f"{table.name}: filegroup {group}{STAYS}" for group in sorted(groups)]
            self._need(table, columns[number], indexes.get(number, []))
        yield from self._properties()
        for number, place in needs.functions(ask, ids):
            self._needed.add("function", place, self._found[number].name)

    # --- one table ---

    def _table(self, table: Table, columns: Columns, indexes: Sequence[Index], checks: Sequence[catalog.Row]) -> Step:
        name = table.name
        lines, named = list(columns.lines), list(columns.named)
        for check, text, unnamed, *_ in checks:
            if unnamed:
                lines.append(f"CHECK {text}")
            else:
                named.append(check)
                lines.append(f"CONSTRAINT {self._constraint(table.number, check)} CHECK {text}")
        heap = next((index for index in indexes if index.kind == "HEAP"), None)
        end = heap.place if heap else ""
        if heap and heap.compressed in ("ROW", "PAGE"):
            end += f" WITH (DATA_COMPRESSION = {heap.compressed})"
        body = ",\n  ".join(lines)
        text = f"CREATE TABLE {_named(name)} (\n  {body}\n){end}"
        return Step("collections", "table", name, f"table {name}", text, makes=self._makes(table, named), locks=(name,))

    def _keys(self, table: Table, indexes: Sequence[Index]) -> Iterator[Step]:
        name = table.name
        for index in indexes:
            if index.kind == "HEAP":
                self._tell_compressed(table, index)
                continue
            if not index.made or (index.kind.endswith("COLUMNSTORE") and self._ordered(table, index)):
                self.left.append(f"{name}: {index.words}, of kind {index.kind.lower()}{STAYS}")
                continue
            self._tell_compressed(table, index)
            own = [index.name or ""] if index.named and (index.primary or index.constraint) else []
            spelled = self._constraint(table.number, own[0]) if own else ""
            text = index.body(_named(name), spelled)
            order = 0 if index.kind.startswith("CLUSTERED") else 1
            words = index.words if index.named else index.words.partition(" constraint ")[0]
            if index.constraint and not index.named:
                words = f"unique constraint of {', '.join(row[0] for row in index.columns)}"
            yield Step("keys", "index", name, words, text, order, self._makes(table, own), locks=(name,))
            if index.disabled:
                off = spelled or LEXIS.quote(index.name or "")
                text = f"ALTER INDEX {off} ON {_named(name)} DISABLE"
                yield Step("after", "index", name, f"that {index.words} is disabled", text, 50, locks=(name,))

    def _ordered(self, table: Table, index: Index) -> bool:
        """Whether a columnstore keeps its rows in an order, as SQL Server 2022 can."""
        return bool(
            left.where_known(
                self._ask,
                "SELECT k.column_id FROM sys.index_columns AS k INNER JOIN sys.indexes AS i "
                f"ON i.object_id = k.object_id AND i.index_id = k.index_id WHERE k.object_id = {table.number} "
                f"AND i.name = {text_literal(index.name or '')} AND k.column_store_order_ordinal > 0",
            )
        )

    def _tell_compressed(self, table: Table, index: Index) -> None:
        if index.compressed == "of several":
            where = "" if index.kind == "HEAP" else f" of {index.words}"
            self.left.append(f"{table.name}: how each partition{where} is compressed{STAYS}")

    def _unchecked(self, table: Table, row: catalog.Row) -> Step:
        name, text, _, disabled, _, unlogged = row
        spelled = self._constraint(table.number, name)
        add = (
            f"ALTER TABLE {_named(table.name)} WITH NOCHECK ADD CONSTRAINT {spelled} CHECK "
            f"{'NOT FOR REPLICATION ' if unlogged else ''}{text}"
        )
        end = f"; ALTER TABLE {_named(table.name)} NOCHECK CONSTRAINT {spelled}" if disabled else ""
        return Step(
            "references", "check", table.name, f"check {name}{', which is disabled' if disabled else ''}", add + end,
            makes=self._makes(table, [name]), locks=(table.name,),
        )  # fmt: skip

    def _reference(self, table: Table, reference: Reference) -> Step:
        far = self._tables.joined(*reference.far)
        named = reference.named or reference.disabled
        spelled = self._constraint(table.number, reference.name)
        constraint_ = f"CONSTRAINT {spelled} " if named else ""
        text = (
            f"ALTER TABLE {_named(table.name)} WITH {'CHECK' if reference.trusted else 'NOCHECK'} ADD {constraint_}"
            f"FOREIGN KEY ({LEXIS.quote_all(reference.columns)}) "
            f"REFERENCES {_named(far)} ({LEXIS.quote_all(reference.keys)}){reference.rest}"
        )
        if reference.disabled:
            text += f"; ALTER TABLE {_named(table.name)} NOCHECK CONSTRAINT {spelled}"
        words = f"foreign key {reference.name}" if named else f"foreign key of {', '.join(reference.columns)} to {far}"
        makes = self._makes(table, [reference.name] if named else [])
        return Step("references", "reference", table.name, words, text, makes=makes, locks=(table.name, far))

    def _counters(self, table: Table, columns: Columns) -> Iterator[Step]:
        name = table.name
        found = columns.identity
        if found and found.last is not None:
            # Before its first row a table gives the very number that it is told, later the one behind it.
            place = f"N'{marked('quoted', '', name)}'"
            text = (
                f"IF EXISTS (SELECT 1 FROM sys.identity_columns AS c WHERE c.object_id = OBJECT_ID({place}) "
                f"AND c.last_value IS NULL) DBCC CHECKIDENT ({place}, RESEED, {found.last + found.step}) "
                f"WITH NO_INFOMSGS ELSE DBCC CHECKIDENT ({place}, RESEED, {found.last}) WITH NO_INFOMSGS"
            )
            yield Step("after", "counter", name, f"where {found.column} counts on", text, 10, locks=(name,))
        for column, following in self._owned(table):
            text = f"{LEXIS.quote(column)} {following}"
            yield Step("after", "identity", name, f"identity {column}", text, 5, locks=(name,))

    def _owned(self, table: Table) -> Iterator[tuple[str, int]]:
        """The columns that count by a sequence of dbfleet's, and its next value: it is made anew, as its name says
        whose it is."""
        place = self._places[table.number]
        own = {extras.sequence_name(place[1], column): column for column in table.columns}
        if extras.own_sequences(self._ask, table, place):
            for each in needs.sequences(self._ask):
                if each.place[0] == place[0] and each.place[1] in own:
                    yield own[each.place[1]], each.following

    def _own_sequence(self, number: int, column: str, definition: str) -> bool:
        name = extras.sequence_name(self._places[number][1], column)
        return name in definition.replace("]]", "]")

    def _properties(self) -> Iterator[Step]:
        for number, kind, on, name, base, value in catalog.properties(self._ask, self._ids):
            table = self._found[number].name
            words = left.property_words(name, f"{kind.lower()} {on}" if kind else None)
            if base not in _TEXTS or value is None:
                self.left.append(f"{table}: {words}, a value of type {base}{STAYS}")
                continue
            levels = [
                f"N'SCHEMA', N'{marked('quoted', 'schema', table)}'",
                f"N'TABLE', N'{marked('quoted', 'table', table)}'",
            ]
            if kind == "CONSTRAINT":
                levels.append(f"N'CONSTRAINT', N'{self._constraint(number, on, quoted=True)}'")
            elif kind:
                levels.append(f"N'{kind}', {text_literal(on)}")
            type_ = "nvarchar(4000)" if base.startswith("n") else "varchar(8000)"
            text = (
                f"DECLARE @value {type_} = {text_literal(value)}; "
                f"EXEC sys.sp_addextendedproperty {text_literal(name)}, @value, {', '.join(levels)}"
            )
            yield Step("after", "comment", table, words, text, 20, locks=(table,))

    # --- what it needs ---

    def _need(self, table: Table, columns: Columns, indexes: Sequence[Index]) -> None:
        need = self._needed.add
        for place in columns.types:
            need("type", place, table.name)
            self.spaces.add(place[0])
        for place in columns.sets:
            need("XML schema collection", place, table.name)
        for collation in columns.collations:
            need("collation", ("", collation), table.name)
        if columns.texts:
            ((usual,),) = self._ask(left.DATABASE_COLLATION)
            need("database collation", ("", usual), table.name)
        if "json" in columns.words:
            need("server type", ("", "json"), table.name)
        for definition in columns.defaults.values():
            if found := extras.NEXT.search(definition):
                space = (found[2] or self._places[table.number][0]).replace("]]", "]")
                need("sequence", (space, found[3].replace("]]", "]")), table.name)
        for index in indexes:
            if index.scheme:
                need("partition scheme", ("partition scheme", index.scheme[0]), table.name)

    def needed(self, *, everything: bool) -> Iterator[Step]:
        """What the tables need, and with `everything` all sequences."""
        ask, need = self._ask, self._needed
        yield from needs.required(need)
        for step in needs.types(ask) if any(kind == "type" for kind, _ in need.by) else ():
            if need.has("type", step.makes[0]):
                yield replace(step, needed_by=need.of("type", step.makes[0]))
        for each in needs.sequences(ask):
            wanted = need.has("sequence", each.place)
            if wanted or (everything and not each.place[1].startswith(left.OWN)):
                self.spaces.add(each.place[0])
                for step in needs.sequence_steps([each]):
                    yield replace(step, needed_by=need.of("sequence", each.place))
        told: list[str] = []
        found = {step.makes[0]: step for step in needs.partitions(ask, told)}
        by: dict[needs.Place, set[str]] = {}
        for place, step in found.items():
            if tables := need.of("partition scheme", place):
                by.setdefault(place, set()).update(tables)
                for other in found:
                    if other[0] == "partition function" and f"PARTITION {LEXIS.quote(other[1])} " in step.text:
                        by.setdefault(other, set()).update(tables)
                self.left += [f"{text}: do not come along" for text in told if text.startswith(f"{step.words}: ")]
        for place, names in by.items():
            yield replace(found[place], needed_by=tuple(sorted(names)))

    def schemas(self) -> Iterator[Step]:
        """The schemas that are named, but for the one that every database has."""
        here = self._tables.split("")[0]
        for space in sorted(self.spaces - {_DBO}):
            if space == here and not any(kind in ("type", "sequence") for kind, _ in self._needed.by):
                continue  # a name without a schema is in the sink's own
            name = LEXIS.quote(space)
            yield Step("before", "schema", "", f"schema {space}", f"CREATE SCHEMA {name}", -100, ((space, ""),),
                       shared=True, undo=f"DROP SCHEMA {name}")  # fmt: skip

    # --- names ---

    def _constraint(self, number: int, name: str, *, quoted: bool = False) -> str:
        return marked("quoted" if quoted else "named", constraint(self._places[number][0]), name)

    def _makes(self, table: Table, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
        return tuple((constraint(self._places[table.number][0]), name) for name in names)


def _named(name: str) -> str:
    return marked("named", "", name)
