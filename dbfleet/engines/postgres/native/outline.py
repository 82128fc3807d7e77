"""The outline of tables: what a server of PostgreSQL needs to be told to have the same."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dbfleet.engines.postgres.left import AS_A_TABLE, besides, of_database
from dbfleet.engines.postgres.native import catalog, needs, views
from dbfleet.engines.postgres.tables import Execute, Tables
from dbfleet.engines.postgres.types import LEXIS, array_text
from dbfleet.outline import STAGES, STAYS, Outline, Stage, Step, marked

_LEFT: Final = """
WITH RECURSIVE t AS (SELECT c.*, c.oid AS id FROM pg_catalog.pg_class c WHERE c.oid = ANY($1::oid[]))
SELECT id, 1, 'that it inherits from ' || i.inhparent::regclass::text FROM t
JOIN pg_catalog.pg_inherits i ON i.inhrelid = t.id WHERE NOT t.relispartition AND NOT i.inhparent = ANY($1::oid[])
UNION ALL SELECT id, 2, 'trigger ' || tgname FROM t JOIN pg_catalog.pg_trigger g ON tgrelid = id AND NOT tgisinternal
    AND coalesce(to_jsonb(g) ->> 'tgparentid', '0') = '0'
UNION ALL SELECT id, 3, 'rule ' || rulename FROM t JOIN pg_catalog.pg_rewrite ON ev_class = id AND rulename <> '_RETURN'
UNION ALL SELECT id, 4, 'privileges' FROM t WHERE relacl IS NOT NULL
    OR EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = id AND a.attacl IS NOT NULL)
UNION ALL SELECT id, 5, 'its place in publication ' || pubname FROM t
JOIN pg_catalog.pg_publication_rel r ON r.prrelid = t.id JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
UNION ALL SELECT id, 6, 'tablespace ' || spcname FROM t JOIN pg_catalog.pg_tablespace s ON s.oid = t.reltablespace
UNION ALL SELECT id, 7, 'index ' || i.relname || ', which is not valid' FROM t
JOIN pg_catalog.pg_index x ON x.indrelid = t.id AND NOT x.indisvalid AND t.relkind <> 'p'
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
UNION ALL SELECT id, 8, 'access method ' || m.amname FROM t
JOIN pg_catalog.pg_am m ON m.oid = t.relam AND m.amname <> 'heap'
UNION ALL SELECT id, 9, 'security label of ' || l.provider FROM t
JOIN pg_catalog.pg_seclabel l ON l.classoid = 'pg_catalog.pg_class'::regclass AND l.objoid = t.id
ORDER BY 1, 2, 3
"""


_SET: Final = """
SELECT set_config('search_path', $1, true), CASE WHEN $2::text IS NOT NULL THEN set_config('jit', $2, true) END
"""


@contextlib.contextmanager
def spelled_out(execute: Execute) -> Iterator[None]:
    """For the block the server spells every name with its schema, as nothing is on the search path. Inside a
    transaction; what has failed has ended it.

    Without the just-in-time compiler, which a server before version 11 has not: to the planner the catalogue's
    statements look expensive, and to compile them took 0.25 of the 0.3 s of an outline."""
    ((path, compiler),) = execute("SELECT current_setting('search_path'), current_setting('jit', true)", ())
    execute(_SET, ["", "off" if compiler else None])
    yield
    execute(_SET, [path, compiler])


def outline(
    execute: Execute, tables: Tables, names: Sequence[str], *, everything: bool, view_names: Sequence[str] = ()
) -> Outline:
    """The outline of these collections, which are tables, and of these views; with `everything`, all sequences too, and
    what the database has besides is in its `left`. Inside a transaction."""
    places = {name: tables.split(name) for name in names}
    oids = _oids(execute, tables, names)
    seen = _oids(execute, tables, view_names)
    view_oids = "{" + ",".join(map(str, seen)) + "}"
    whole = ["{" + ",".join(map(str, oids)) + "}", tables.split("")[0]]
    with spelled_out(execute):
        owners = _Owners(places, execute, whole)
        sequences: list[_Sequence] = []
        steps = [*_needed(execute, whole, owners, sequences, everything, view_oids)]
        steps += _of_tables(execute, whole, owners, tables, sequences)
        left = list(_positions(execute, sequences, steps))
        spaces = owners.spaces() | {tables.split(name)[0] for name in view_names}
        spaces.discard(owners.here)
        steps += _schemas(execute, steps, spaces | {each.space for each in sequences if each.space != owners.here})
        called = owners.called | seen
        roots = "{" + ",".join(map(str, called)) + "}"
        left += [f"{called[int(oid)]}: {text}{STAYS}" for oid, _, text in execute(_LEFT, [roots])]
        steps += views.views(execute, view_oids, whole[1]) if seen else ()
    parents, stay = _parents(execute, oids, whole)
    left += stay
    if everything:
        made = {step.words for step in steps}
        told = (text.removesuffix(AS_A_TABLE) for text in (*of_database(execute), *besides(execute)))
        left += [f"{text}{STAYS}" for text in told if text not in made]
    steps.sort(key=lambda step: (STAGES.index(step.stage), step.order))
    return Outline(tuple(steps), tuple(left), parents)


_HEIRS: Final = """
WITH RECURSIVE h(root, id) AS (
    SELECT i.inhparent, i.inhrelid FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
    WHERE NOT c.relispartition AND i.inhparent = ANY($1::oid[])
    UNION SELECT h.root, i.inhrelid FROM h JOIN pg_catalog.pg_inherits i ON i.inhparent = h.id)
SELECT root, id, id::regclass::text FROM h ORDER BY 1, 3
"""


def _parents(execute: Execute, oids: Mapping[int, str], whole: Sequence[Any]) -> tuple[frozenset[str], list[str]]:
    """The collections from which others inherit, none of which is among the collections; and those others, in words."""
    heirs: dict[int, list[tuple[int, str]]] = {}
    for root, heir, name in execute(_HEIRS, whole[:1]):
        heirs.setdefault(int(root), []).append((int(heir), name))
    parents = {root for root, found in heirs.items() if not any(heir in oids for heir, _ in found)}
    stay = [
        f"{oids[root]}: child table {name}: "
        + ("its rows come as its parent's" if root in parents else "does not come")
        for root, found in heirs.items()
        for heir, name in found
        if heir not in oids
    ]
    return frozenset(oids[root] for root in parents), stay


def _oids(execute: Execute, tables: Tables, names: Sequence[str]) -> dict[int, str]:
    return {int(execute("SELECT $1::regclass::oid", [tables.sql(name)])[0][0]): name for name in names}


_ROOTS: Final = """
SELECT c.oid, n.nspname, c.relname, root.id FROM unnest($1::oid[]) AS root(id)
CROSS JOIN LATERAL (SELECT root.id UNION SELECT relid FROM pg_catalog.pg_partition_tree(root.id::regclass)) p(relid)
JOIN pg_catalog.pg_class c ON c.oid = p.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
"""


class _Owners:
    """Whose a table is: a partition's steps are those of the collection that it is a partition of."""

    def __init__(self, places: Mapping[str, tuple[str, str]], execute: Execute, whole: Sequence[Any]) -> None:
        self.here = whole[1]
        self._by_place = {place: name for name, place in places.items()}
        self._by_oid: dict[str, str] = {}
        self.called: dict[int, str] = {}
        """The tables in words, by their OIDs."""
        rows = execute(_ROOTS, whole[:1])
        for oid, space, table, root in rows:
            if str(oid) == str(root):
                self._by_oid[str(oid)] = self._by_place[space, table]
        for oid, space, table, root in rows:
            self._by_oid[str(oid)] = self._by_place[space, table] = self._by_oid[str(root)]
            owner = self._by_oid[str(root)]
            self.called[int(oid)] = owner if str(oid) == str(root) else f"{owner}: partition {table}"

    def of(self, space: str, table: str) -> str:
        """The collection; empty for a table that is none of them."""
        return self._by_place.get((space, table), "")

    def spaces(self) -> set[str]:
        """The schemas in which the tables are."""
        return {space for space, _ in self._by_place}

    def all_of(self, oids: Sequence[Any]) -> tuple[str, ...]:
        """The collections of these tables."""
        return tuple(sorted({self._by_oid[str(oid)] for oid in oids if str(oid) in self._by_oid}))


@dataclass(frozen=True, slots=True)
class _Sequence:
    """A sequence: its names, also as they stand in a text and in a statement, and whose it is."""

    space: str
    name: str
    quoted: str
    named: str
    words: str
    collection: str = ""
    needed_by: tuple[str, ...] = ()


def _needed(
    execute: Execute, whole: Sequence[Any], owners: _Owners, sequences: list[_Sequence], everything: bool,
    view_oids: str,
) -> Iterator[Step]:  # fmt: skip
    """Types, functions and the like, which others may use too, and their comments."""
    for row in execute(needs.NEEDS, [*whole, "{}", "pg_catalog.pg_type", str(everything).lower(), view_oids]):
        kind, space, name, words, text, order, comment, roots, called = row
        makes, by = ((space, name),), owners.all_of(roots or ())
        undo = f"DROP {called}" if text else ""
        yield Step("before", kind, "", words, text or "", int(order), makes, shared=True, undo=undo, needed_by=by)
        if comment is not None:
            said = f"COMMENT ON {called} IS {comment}"
            yield Step("before", "comment", "", f"the comment of {words}", said, 2000, makes, shared=True, needed_by=by)
        if kind == "sequence":
            named = f"{LEXIS.quote(space)}.{LEXIS.quote(name)}"
            sequences.append(_Sequence(space, name, named.replace("'", "''"), named, words, "", by))


def _of_tables(
    execute: Execute, whole: Sequence[Any], owners: _Owners, tables: Tables, sequences: list[_Sequence]
) -> Iterator[Step]:
    """The tables, and what is theirs alone."""

    def step(row: Sequence[Any], locks: tuple[str, ...] = ()) -> Step:
        stage, order, kind, space, table, words, text, makes = row[:8]
        spot = "" if space == owners.here else space
        accounts = tuple(makes) if kind == "policy" else ()
        made = () if accounts else tuple((spot, name) for name in makes)
        collection = owners.of(space, table)
        own = () if kind == "index" else (collection,)
        undo = f"DROP SEQUENCE IF EXISTS {marked('named', *made[0])}" if kind == "sequence" else ""
        return Step(_stage(stage), kind, collection, words, text, order, made, undo=undo, locks=locks or own,
                    accounts=accounts)  # fmt: skip

    for statement in (catalog.TABLES, catalog.KEYS, catalog.AFTER):
        yield from map(step, execute(statement, whole))
    for row in execute(catalog.REFERENCES, whole):
        far = owners.of(row[8], row[9]) or tables.joined(row[8], row[9])
        yield step(row, (owners.of(row[3], row[4]), far))
    for space, name, owner_space, owner, quoted, named, comment in execute(catalog.COUNTERS, whole):
        collection = owners.of(owner_space, owner)
        sequences.append(_Sequence(space, name, quoted, named, f"sequence {name}", collection))
        if comment is not None:
            said = f"COMMENT ON SEQUENCE {named} IS {comment}"
            yield Step("after", "comment", collection, f"the comment of sequence {name}", said, 20, locks=(collection,))


_COUNTING: Final = """
SELECT n.nspname, c.relname, q.seqincrement > 0 FROM unnest($1::text[], $2::text[]) AS asked(space, name)
JOIN pg_catalog.pg_namespace n ON n.nspname = asked.space
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = asked.name
JOIN pg_catalog.pg_sequence q ON q.seqrelid = c.oid
WHERE CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'SELECT') END
"""


def _positions(execute: Execute, sequences: Sequence[_Sequence], steps: list[Step]) -> Iterator[str]:
    """Add the steps that set the sequences' positions; those of which we may not know it, in words. A sequence that
    others have counted on already goes on from where it is, if that is farther."""
    asked = [array_text(each.space for each in sequences), array_text(each.name for each in sequences)]
    up = {(space, name): up for space, name, up in execute(_COUNTING, asked)} if sequences else {}
    for each in sequences:
        if (each.space, each.name) not in up:
            yield f"position of {each.words}, which may not be read{STAYS}"
            continue
        place = f"{LEXIS.quote(each.space)}.{LEXIS.quote(each.name)}"
        ((last, called),) = execute(f"SELECT last_value, is_called FROM {place}", ())
        sign = "<" if up[each.space, each.name] else ">"
        text = f"SELECT setval('{each.quoted}', {last}, {str(called).lower()})"
        if not each.collection:
            text += f" FROM {each.named} WHERE NOT is_called OR last_value {sign} {last}"
        steps.append(
            Step("after", "counter", each.collection, f"position of {each.words}", text, 10,
                 shared=not each.collection, needed_by=each.needed_by, locks=(each.collection,))
        )  # fmt: skip


def _schemas(execute: Execute, steps: Sequence[Step], places: Iterable[str]) -> Iterator[Step]:
    """The schemas of all that is made: what others may use too, and the tables of these schemas."""
    spaces = {space for step in steps if step.stage == "before" for space, _ in step.makes} | set(places)
    asked = array_text(sorted(space for space in spaces if not space.startswith("pg_")))
    for space, comment in execute(needs.SPACES, [asked]):
        called = f"SCHEMA {LEXIS.quote(space)}"
        makes = ((space, ""),)
        yield Step("before", "schema", "", f"schema {space}", f"CREATE {called}", -100, makes, True, f"DROP {called}")
        if comment is not None:
            said = f"COMMENT ON {called} IS {comment}"
            yield Step("before", "comment", "", f"the comment of schema {space}", said, 2000, makes, shared=True)


def _stage(text: str) -> Stage:
    return next(stage for stage in STAGES if stage == text)
