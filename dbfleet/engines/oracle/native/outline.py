"""The outline of tables: what a server needs to be told to have the same, composed from the dictionary.

The table comes with its columns, their defaults, NOT NULL, its partitions and its comments, which say what dbfleet's
own columns hold; its keys, checks and indexes once its rows are there, then its references. An identity is made BY
DEFAULT, so that it takes the rows' values, and becomes what it was afterwards, with its position.

A partition that an interval has made is not named: the rows make it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from dbfleet.engines.oracle import left as leaving
from dbfleet.engines.oracle import tables
from dbfleet.engines.oracle.extras import NEXT, own_name, sequence_name
from dbfleet.engines.oracle.native import catalog, keys, needs, views
from dbfleet.engines.oracle.native.catalog import COUNTING, Constraint, Counter
from dbfleet.engines.oracle.tables import MARK, Ask, Table
from dbfleet.engines.oracle.text import LEXIS
from dbfleet.engines.oracle.types import Native
from dbfleet.outline import STAGES, STAYS, Outline, Step, marked

_NEXT: Final = re.compile(r'"([^"]+)"\."([^"]+)"\."?(nextval|currval)"?', re.IGNORECASE)
_AS_A_TABLE: Final = ": its rows come as a table"
_DURATIONS: Final = {"SYS$TRANSACTION": "DELETE", "SYS$SESSION": "PRESERVE"}
_MANY: Final = {"privileges": "do", "partitions": "do"}
_PARTITIONED: Final = frozenset({"RANGE", "LIST", "HASH"})


def outline(
    ask: Ask, version: int, schema: str, names: Sequence[str], *, everything: bool, view_names: Sequence[str] = ()
) -> Outline:
    """The outline of these tables and views; with `everything`, all sequences too, and what the schema has besides is
    in its `left`. `schema` is the connection's."""
    made = _Making(ask, version, schema)
    steps: list[Step] = []
    for name in names:
        steps += made.of_table(name)
    steps += needs.steps(ask, made.types, made.texts, sorted(catalog.immutable(ask, version) & set(names)))
    for name, sequence in made.sequences.items():
        if name in made.needed or (everything and not name.startswith((*tables.HOUSEKEEPING, MARK))):
            steps += _sequence(sequence, made.needed.get(name, []))
    left = made.left
    if view_names:
        found, said = views.views(ask, view_names)
        steps += found
        left += said
    if everything:
        _, stay = catalog.carried(ask)
        left += [f"table {name}{why}{STAYS}" for name, why in stay.items()]
        words = {step.words for step in steps} | {f"view {name}" for name in view_names}
        told = leaving.of_schema(ask, tables.broken_views(ask))
        plain = (each.removesuffix(_AS_A_TABLE) for each in told)
        left += [f"{each}{STAYS}" for each in plain if each not in words]
    steps.sort(key=lambda step: (STAGES.index(step.stage), step.order))
    return Outline(tuple(steps), tuple(left))


class _Making:
    """Makes the steps of tables. `needed` has, by the sequences' names, the tables that need them; `types` those of
    each type that a server may lack, `texts` those with texts; `left` what stays, in words."""

    def __init__(self, ask: Ask, version: int, schema: str) -> None:
        self._ask, self._version, self._schema = ask, version, schema
        self._kinds = {row[0]: row[1:] for row in ask(catalog.TABLES)}
        self._overflows = {row[1] for row in self._kinds.values() if row[0] == "IOT_OVERFLOW"}
        self.sequences = catalog.sequences(ask)
        self.needed: dict[str, list[str]] = {}
        self.types: dict[str, list[str]] = {}
        self.texts: list[str] = []
        self.left: list[str] = []

    def of_table(self, name: str) -> Iterator[Step]:
        """The steps of a table."""
        ask, table = self._ask, tables.find(name, self._ask)
        iot, _, temporary, duration, cluster, movement, read_only, compression = self._kinds[name]
        self._note(table)
        constraints = catalog.constraints(ask, name)
        indexes = catalog.indexes(ask, table)
        localities: dict[str, str] = dict(ask(catalog.LOCALITIES, [name]))
        makes: list[tuple[str, str]] = []
        after: list[Step] = []
        items = list(self._columns(table, constraints, makes, after))
        for step in [step for step in after if step.stage == "collections"]:
            after.remove(step)
            yield step
        key = next((each for each in constraints if each.kind == "P"), None)
        options = []
        if iot == "IOT" and key is not None:
            items.append(f"{keys.named(key)}PRIMARY KEY ({LEXIS.quote_all(key.columns)})")
            makes += keys.makes(key)
            options += self._organization(table, indexes)
        if temporary == "Y":
            options.append(f"ON COMMIT {_DURATIONS.get(duration, 'DELETE')} ROWS")
        options += self._partitions(name)
        if movement == "ENABLED":
            options.append("ENABLE ROW MOVEMENT")
        what = "GLOBAL TEMPORARY TABLE" if temporary == "Y" else "TABLE"
        body = ",\n  ".join(items)
        text = f"CREATE {what} {marked('named', '', name)} (\n  {body}\n){''.join(f' {word}' for word in options)}"
        yield Step("collections", "table", name, f"table {name}", text, 1, tuple(makes), locks=(name,))
        yield from self._comments(table)
        yield from keys.of_table(ask, table, constraints, indexes, iot=iot == "IOT", localities=localities)
        yield from after
        if read_only == "YES":
            text = f"ALTER TABLE {marked('named', '', name)} READ ONLY"
            yield Step("after", "table", name, f"that {name} is read only", text, 9, locks=(name,))
        said = list(keys.left(constraints, indexes, localities))
        said += [f"its place in cluster {cluster}"] if cluster else []
        said += ["that it is compressed"] if compression == "ENABLED" else []
        self._stay(name, [*said, *self._besides(name)])

    def _stay(self, name: str, told: Sequence[str]) -> None:
        self.left += [f"{name}: {text}: {_MANY.get(text.split()[0], 'does')} not come along" for text in told]

    def _besides(self, name: str) -> Iterator[str]:
        ask = self._ask
        yield from (f"trigger {each}" for (each,) in ask(leaving.TRIGGERS, [name]))
        yield from (f"policy {each}" for (each,) in ask(leaving.POLICIES, [name]))
        if ask(leaving.PRIVILEGES, [name, name]):
            yield "privileges"
        if self._version >= 23:
            for column, owner, domain in ask(catalog.DOMAINS, [name]):
                yield f"that {column} is of the domain {owner}.{domain}"

    def _note(self, table: Table) -> None:
        """What the server that makes the table has to have."""
        for native in table.columns.values():
            by = self.types.setdefault(native.data_type, []) if native.data_type in needs.ASKED else [table.name]
            if table.name not in by:
                by.append(table.name)
            if native.data_type in needs.TEXTS and table.name not in self.texts:
                self.texts.append(table.name)
            if native.data_type in ("ROWID", "UROWID"):
                self._stay(table.name, [f"which rows the addresses in {native.name} are of"])

    # --- columns ---

    def _columns(
        self, table: Table, constraints: Sequence[Constraint], makes: list[tuple[str, str]], after: list[Step]
    ) -> Iterator[str]:
        """The columns' definitions; what is to be done besides is added to `after`."""
        said = catalog.columns(self._ask, table.name)
        identities = {row[0]: row[1:] for row in self._ask(catalog.IDENTITIES, [table.name])}
        not_null = {
            each.condition.removesuffix(" IS NOT NULL")[1:-1]: each
            for each in constraints
            if keys.is_not_null(table, each)
        }
        for name, native in table.columns.items():
            collation, on_null, default = said[name]
            words = [LEXIS.quote(name), native.bare.native or "" if native.bare else ""]
            if collation and collation != "USING_NLS_COMP":
                words.append(f"COLLATE {collation}")
            if native.invisible:
                words.append("INVISIBLE")
            if native.generated:
                words.append(f"GENERATED ALWAYS AS ({default}) VIRTUAL")
            elif name in identities:
                words.append(self._identity(table, native, *identities[name], on_null=on_null, after=after))
            elif default and (on_null or default.upper() != "NULL"):
                null = "ON NULL " if on_null else ""
                words.append(f"DEFAULT {null}{self._default(table, name, default, after)}")
            if name in not_null:
                words.append(f"{keys.named(not_null[name])}NOT NULL")
                makes += keys.makes(not_null[name])
            yield " ".join(words)

    def _identity(
        self, table: Table, native: Native, kind: str, sequence: str, *, on_null: bool, after: list[Step]
    ) -> str:
        found = self.sequences.get(sequence)
        kinds = ("BY DEFAULT ON NULL" if on_null else "BY DEFAULT", kind)
        if found is None:
            self._stay(table.name, [f"where {native.name} counts on"])
            return f"GENERATED {kinds[0]} AS IDENTITY"
        name, column = table.name, LEXIS.quote(native.name)
        alter = f"ALTER TABLE {marked('named', '', name)} MODIFY ({column} GENERATED "
        wanted = kinds[0] if kind != "ALWAYS" else "ALWAYS"
        if kind == "ALWAYS":
            words = f"that {native.name} is always generated"
            text = f"{alter}{wanted} AS IDENTITY ({found.options}))"
            after.append(Step("after", "identity", name, words, text, 0, locks=(name,)))
        text = f"{alter}{wanted} AS IDENTITY (START WITH {found.following} {found.options}))"
        after.append(Step("after", "counter", name, f"where {native.name} counts on", text, 1, locks=(name,)))
        return f"GENERATED {kinds[0]} AS IDENTITY ({found.options})"

    def _default(self, table: Table, column: str, text: str, after: list[Step]) -> str:
        """The default with the sequences of this schema between marks."""
        own = sequence_name(table.name, column)
        if found := NEXT.fullmatch(text):
            owner, name = found.groups()
            if owner is None or own_name(owner) == self._schema:
                return f"{self._counts(table, column, own_name(name), own, after)}.NEXTVAL"
        return _NEXT.sub(
            lambda found: (
                f"{self._counts(table, column, found[2], own, after)}.{found[3].upper()}"
                if found[1] == self._schema and found[2] in self.sequences
                else found[0]
            ),
            text,
        )

    def _counts(self, table: Table, column: str, name: str, own: str, after: list[Step]) -> str:
        """The sequence as a statement names it. One of dbfleet's own is called after the table."""
        if name == own and name in self.sequences:
            after += _own_sequence(self.sequences[name], table.name, column)
            return marked("named", COUNTING, column)
        by = self.needed.setdefault(name, []) if name in self.sequences else []
        if table.name not in by:
            by.append(table.name)
        return marked("named", "", name)

    # --- the rest of a table ---

    def _organization(self, table: Table, indexes: Sequence[catalog.IndexOf]) -> list[str]:
        words = ["ORGANIZATION INDEX"]
        top = next((each for each in indexes if each.kind.startswith("IOT")), None)
        if top is not None and top.prefix:
            words.append(f"COMPRESS {top.prefix}")
        if table.name in self._overflows:
            if top is not None and top.threshold:
                words.append(f"PCTTHRESHOLD {top.threshold}")
            if top is not None and 0 < top.included <= len(table.columns):
                words.append(f"INCLUDING {LEXIS.quote(list(table.columns)[top.included - 1])}")
            words.append("OVERFLOW")
        return words

    def _partitions(self, name: str) -> list[str]:
        """The clause, if the table has partitions that are made; others are told."""
        for kind, below, interval, automatic in self._ask(catalog.PARTITIONING, [name]):
            listed = ", ".join(column for (column,) in self._ask(catalog.PARTITION_KEY, [name]))
            if kind not in _PARTITIONED or below not in (None, "NONE"):
                within = f" and {below.lower()}" if below not in (None, "NONE") else ""
                behind = f" ({listed})" if listed else ""
                self._stay(name, [f"partitions by {kind.lower()}{within}{behind}"])
                return []
            columns = LEXIS.quote_all(column for (column,) in self._ask(catalog.PARTITION_KEY, [name]))
            parts = [
                _partition(kind, *row[::2])
                for row in self._ask(catalog.PARTITIONS, [name])
                if not (interval and row[1] == "YES")
            ]
            by = f"PARTITION BY {kind} ({columns})"
            by += f" INTERVAL ({interval.strip()})" if interval else " AUTOMATIC" if automatic == "YES" else ""
            return [f"{by} (\n  {f',{chr(10)}  '.join(parts)}\n)"]
        return []

    def _comments(self, table: Table) -> Iterator[Step]:
        name = table.name
        if table.comment:
            text = f"COMMENT ON TABLE {marked('named', '', name)} IS {_literal(table.comment)}"
            yield Step("collections", "comment", name, f"comment of {name}", text, 2, locks=(name,))
        for column, said in catalog.comments(self._ask, name):
            text = f"COMMENT ON COLUMN {marked('named', '', name)}.{LEXIS.quote(column)} IS {_literal(said)}"
            yield Step("collections", "comment", name, f"comment of {column}", text, 2, locks=(name,))


def _partition(kind: str, name: str, bound: str | None) -> str:
    called = "" if name.startswith("SYS_") else f" {LEXIS.quote(name)}"
    if kind == "HASH":
        return f"PARTITION{called}"
    than = " LESS THAN" if kind == "RANGE" else ""
    return f"PARTITION{called} VALUES{than} ({(bound or '').strip()})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _sequence(sequence: Counter, by: Sequence[str]) -> Iterator[Step]:
    """A sequence, which others may use too; and where it goes on."""
    named, words = marked("named", "", sequence.name), f"sequence {sequence.name}"
    yield Step(
        "before", "sequence", "", words, f"CREATE SEQUENCE {named} {sequence.options}", 1,
        (("sequence", sequence.name),), shared=True, undo=f"DROP SEQUENCE {named}", needed_by=tuple(by),
    )  # fmt: skip
    text = f"ALTER SEQUENCE {named} RESTART START WITH {sequence.following}"
    yield Step("after", "counter", "", f"where {words} counts on", text, 1, needed_by=tuple(by))


def _own_sequence(sequence: Counter, table: str, column: str) -> Iterator[Step]:
    """The sequence that dbfleet has made for a column: it goes with its table."""
    named, words = marked("named", COUNTING, column), f"sequence of {column}"
    yield Step(
        "collections", "sequence", table, words, f"CREATE SEQUENCE {named} {sequence.options}", 0,
        undo=f"DROP SEQUENCE {named}", locks=(table,),
    )  # fmt: skip
    text = f"ALTER SEQUENCE {named} RESTART START WITH {sequence.following}"
    yield Step("after", "counter", table, f"where {column} counts on", text, 1, locks=(table,))
