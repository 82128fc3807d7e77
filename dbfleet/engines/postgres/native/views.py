"""Views and materialized views, as the server spells them: names of the schema that the connection means have none in
their text, so they mean the sink's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dbfleet.engines.postgres.native import catalog
from dbfleet.engines.postgres.tables import Execute
from dbfleet.engines.postgres.types import LEXIS
from dbfleet.outline import Step

_VIEWS: Final = """
WITH RECURSIVE v AS (SELECT c.*, c.oid AS id, n.nspname AS space FROM pg_catalog.pg_class c
                     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY($1::oid[])),
d(id, level) AS (SELECT id, 0 FROM v UNION
    SELECT p.refobjid, d.level + 1 FROM d JOIN pg_catalog.pg_rewrite w ON w.ev_class = d.id
    JOIN pg_catalog.pg_depend p ON p.classid = 'pg_catalog.pg_rewrite'::regclass AND p.objid = w.oid
        AND p.refclassid = 'pg_catalog.pg_class'::regclass AND p.refobjid <> d.id
    WHERE p.refobjid IN (SELECT id FROM v) AND d.level < 100),
e AS (SELECT id, max(level) AS level FROM d GROUP BY id)
SELECT v.space, v.relname, v.relkind::text, e.level,
    coalesce(' WITH (' || (SELECT string_agg(quote_ident(split_part(o, '=', 1)) || ' = '
        || quote_literal(substr(o, strpos(o, '=') + 1)), ', ') FROM unnest(v.reloptions) o) || ')', '')
    || ' AS ' || rtrim(pg_get_viewdef(v.id), ';')
    || CASE WHEN v.relkind = 'm' THEN CASE WHEN v.relispopulated THEN ' WITH DATA' ELSE ' WITH NO DATA' END ELSE '' END,
    quote_literal(obj_description(v.id, 'pg_class'))
FROM v JOIN e ON e.id = v.id ORDER BY e.level DESC, v.space, v.relname
"""
_COLUMNS: Final = """
SELECT n.nspname, c.relname, a.attname, quote_literal(d.description) FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_class'::regclass AND d.objoid = c.oid AND d.objsubid > 0
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid WHERE c.oid = ANY($1::oid[])
"""


def views(execute: Execute, oids: str, here: str) -> Iterator[Step]:
    """The steps that make these views (an array of their OIDs), each after those that it reads."""

    def step(order: int, kind: str, words: str, text: str) -> Step:
        return Step("views", kind, "", words, text, order, path=here)

    execute("SELECT set_config('search_path', quote_ident($1), true)", [here])
    found = execute(_VIEWS, [oids])
    comments = execute(_COLUMNS, [oids])
    execute("SELECT set_config('search_path', '', true)", ())
    for space, name, kind, level, text, comment in found:
        what = "materialized view" if kind == "m" else "view"
        called = _called(space, name, here)
        words = f"{what} {name}" if space == here else f"{what} {space}.{name}"
        yield step(-int(level), what, words, f"CREATE {what.upper()} {called}{text}")
        if comment is not None:
            yield step(2, "comment", f"the comment of {words}", f"COMMENT ON {what.upper()} {called} IS {comment}")
    for space, name, column, comment in comments:
        called = _called(space, name, here)
        words = f"the comment of {name}.{column}"
        yield step(2, "comment", words, f"COMMENT ON COLUMN {called}.{LEXIS.quote(column)} IS {comment}")
    for row in execute(catalog.KEYS, [oids, here]):
        if row[2] == "index":
            yield step(1, "index", row[5], row[6])


def _called(space: str, name: str, here: str) -> str:
    return LEXIS.quote(name) if space == here else f"{LEXIS.quote(space)}.{LEXIS.quote(name)}"
