"""What tables need and do not own: schemas, extensions, types, collations, functions, sequences. The server knows it by
its dependencies, from the tables down; what belongs to an extension comes with that.

Each row: kind, schema, name, words, text, order, comment, which tables need it (their OIDs), what it is called in a
comment. `$1` is an array of the tables' OIDs, `$2` the schema that a name without one means, `$3` OIDs in the catalogue
`$4` besides, `$5` says whether all sequences that no column owns are asked for, and `$6` are OIDs of views.
A text is empty where we have no words for the thing.
"""

from __future__ import annotations

from typing import Final

from dbfleet.engines.postgres.native.catalog import COUNTING, WHOLE

_USED: Final = f"""{WHOLE},
parts(root, class, id) AS (
    SELECT id, 'pg_catalog.pg_class'::regclass::oid, id FROM t
    UNION ALL SELECT t.id, 'pg_catalog.pg_attrdef'::regclass, f.oid
    FROM t JOIN pg_catalog.pg_attrdef f ON adrelid = t.id
    UNION ALL SELECT t.id, 'pg_catalog.pg_constraint'::regclass, k.oid
    FROM t JOIN pg_catalog.pg_constraint k ON conrelid = t.id
    UNION ALL SELECT t.id, 'pg_catalog.pg_class'::regclass, indexrelid
    FROM t JOIN pg_catalog.pg_index ON indrelid = t.id
    UNION ALL SELECT t.id, 'pg_catalog.pg_policy'::regclass, p.oid FROM t JOIN pg_catalog.pg_policy p ON polrelid = t.id
    UNION ALL SELECT t.id, 'pg_catalog.pg_statistic_ext'::regclass, s.oid
    FROM t JOIN pg_catalog.pg_statistic_ext s ON stxrelid = t.id
    UNION ALL SELECT 0, $4::regclass, unnest($3::oid[])
    UNION ALL SELECT 0, 'pg_catalog.pg_rewrite'::regclass, w.oid
    FROM pg_catalog.pg_rewrite w WHERE w.ev_class = ANY($6::oid[])
    UNION ALL SELECT 0, 'pg_catalog.pg_class'::regclass, c.oid FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE $5 AND c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema'
      AND n.nspname !~ '^pg_' AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend w WHERE w.classid = 'pg_catalog.pg_class'::regclass AND w.objid = c.oid
        AND w.deptype IN ('a', 'i', 'e'))),
used(root, class, id, level) AS (
    SELECT root, class, id, 0 FROM parts
    UNION SELECT u.root, n.class, n.id, u.level + 1 FROM used u, LATERAL (
        SELECT d.refclassid, d.refobjid FROM pg_catalog.pg_depend d
        WHERE d.classid = u.class AND d.objid = u.id AND (d.deptype = 'e' OR NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend e WHERE e.classid = u.class AND e.objid = u.id AND e.deptype = 'e'))
        UNION ALL SELECT d.refclassid, d.refobjid FROM pg_catalog.pg_constraint k
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_constraint'::regclass AND d.objid = k.oid
        WHERE u.class = 'pg_catalog.pg_type'::regclass AND k.contypid = u.id AND d.refobjid <> u.id
        UNION ALL SELECT d.refclassid, d.refobjid FROM pg_catalog.pg_type y
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = y.typrelid
        JOIN pg_catalog.pg_class c ON c.oid = y.typrelid AND c.relkind = 'c'
        WHERE u.class = 'pg_catalog.pg_type'::regclass AND y.oid = u.id AND d.refobjid <> u.id
    ) n(class, id)
    WHERE u.level < 40 AND (n.class <> 'pg_catalog.pg_class'::regclass
        OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = n.id AND c.relkind IN ('c', 'S')))),
o AS (SELECT class, id AS oid, max(level) AS level,
             array_agg(DISTINCT root::text) FILTER (WHERE root <> 0) AS roots FROM used
      WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                        WHERE e.classid = used.class AND e.objid = used.id AND e.deptype = 'e') GROUP BY class, id)
"""


def _called(space: str, name: str) -> str:
    return f"CASE WHEN {space} = $2 THEN '' ELSE {space} || '.' END || {name}"


_EXTENSIONS: Final = """
SELECT 'extension', n.nspname::text, e.extname::text, 'extension ' || e.extname,
    format('CREATE EXTENSION %I WITH SCHEMA %I', e.extname, n.nspname), -o.level,
    NULL, o.roots, format('EXTENSION %I', e.extname)
FROM o JOIN pg_catalog.pg_extension e ON e.oid = o.oid AND o.class = 'pg_catalog.pg_extension'::regclass
JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql'
"""

_COLLATIONS: Final = f"""
SELECT 'collation', n.nspname, c.collname, 'collation ' || {_called("n.nspname", "c.collname")},
    format('CREATE COLLATION %I.%I (PROVIDER = %s', n.nspname, c.collname,
           CASE c.collprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END)
    || CASE WHEN w.local IS NOT NULL THEN format(', LOCALE = %L', w.local)
            WHEN w.sorted = w.kinds THEN format(', LOCALE = %L', w.sorted)
            ELSE format(', LC_COLLATE = %L, LC_CTYPE = %L', w.sorted, w.kinds) END
    || CASE WHEN w.rules IS NOT NULL THEN format(', RULES = %L', w.rules) ELSE '' END
    || CASE WHEN c.collisdeterministic THEN '' ELSE ', DETERMINISTIC = false' END || ')', 500 - o.level,
    quote_literal(obj_description(c.oid, 'pg_collation')), o.roots, format('COLLATION %I.%I', n.nspname, c.collname)
FROM o JOIN pg_catalog.pg_collation c ON c.oid = o.oid AND o.class = 'pg_catalog.pg_collation'::regclass
JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace, LATERAL (SELECT
    coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale'), to_jsonb(c) ->> 'collicurules',
    to_jsonb(c) ->> 'collcollate', to_jsonb(c) ->> 'collctype') w(local, rules, sorted, kinds)
WHERE n.nspname <> 'pg_catalog'
"""

_TYPES: Final = f"""
SELECT k.kind, n.nspname, y.typname,
    CASE k.kind WHEN 'composite' THEN 'composite type ' WHEN 'range' THEN 'range type ' WHEN 'base' THEN 'type '
                ELSE k.kind || ' ' END || {_called("n.nspname", "y.typname")},
    CASE k.kind
    WHEN 'enum' THEN format('CREATE TYPE %I.%I AS ENUM (%s)', n.nspname, y.typname, array_to_string(ARRAY(
        SELECT quote_literal(enumlabel) FROM pg_catalog.pg_enum WHERE enumtypid = o.oid ORDER BY enumsortorder), ', '))
    WHEN 'domain' THEN format('CREATE DOMAIN %I.%I AS %s', n.nspname, y.typname,
                              format_type(y.typbasetype, y.typtypmod))
        || coalesce((SELECT format(' COLLATE %I.%I', cn.nspname, co.collname) FROM pg_catalog.pg_collation co
                     JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
                     JOIN pg_catalog.pg_type b ON b.oid = y.typbasetype
                     WHERE co.oid = y.typcollation AND y.typcollation <> b.typcollation), '')
        || coalesce(' DEFAULT ' || coalesce(pg_get_expr(y.typdefaultbin, 'pg_catalog.pg_type'::regclass),
                                            quote_literal(y.typdefault)), '')
        || CASE WHEN y.typnotnull THEN ' NOT NULL' ELSE '' END
        || coalesce((SELECT string_agg(format(' CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)), ''
                            ORDER BY conname)
                     FROM pg_catalog.pg_constraint WHERE contypid = o.oid AND contype = 'c'), '')
    WHEN 'range' THEN (SELECT format('CREATE TYPE %I.%I AS RANGE (SUBTYPE = %s', n.nspname, y.typname,
                          format_type(rngsubtype, NULL))
        || coalesce((SELECT format(', SUBTYPE_OPCLASS = %I.%I', pn.nspname, p.opcname) FROM pg_catalog.pg_opclass p
                     JOIN pg_catalog.pg_namespace pn ON pn.oid = p.opcnamespace
                     WHERE p.oid = r.rngsubopc AND NOT p.opcdefault), '')
        || coalesce((SELECT format(', COLLATION = %I.%I', cn.nspname, co.collname) FROM pg_catalog.pg_collation co
                     JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
                     JOIN pg_catalog.pg_type b ON b.oid = r.rngsubtype
                     WHERE co.oid = r.rngcollation AND r.rngcollation <> b.typcollation), '')
        || CASE WHEN rngsubdiff::oid <> 0 THEN ', SUBTYPE_DIFF = ' || rngsubdiff ELSE '' END
        || coalesce((SELECT format(', MULTIRANGE_TYPE_NAME = %I.%I', mn.nspname, m.typname) FROM pg_catalog.pg_type m
            JOIN pg_catalog.pg_namespace mn ON mn.oid = m.typnamespace
            WHERE m.oid = (to_jsonb(r) ->> 'rngmultitypid')::oid), '') || ')'
        FROM pg_catalog.pg_range r WHERE rngtypid = o.oid AND rngcanonical::oid = 0)
    WHEN 'composite' THEN format('CREATE TYPE %I.%I AS (%s)', n.nspname, y.typname, array_to_string(ARRAY(
        SELECT format('%I %s', attname, format_type(atttypid, atttypmod))
            || coalesce((SELECT format(' COLLATE %I.%I', cn.nspname, co.collname) FROM pg_catalog.pg_collation co
                         JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
                         JOIN pg_catalog.pg_type b ON b.oid = a.atttypid
                         WHERE co.oid = a.attcollation AND a.attcollation <> b.typcollation), '')
        FROM pg_catalog.pg_attribute a
        WHERE attrelid = y.typrelid AND attnum > 0 AND NOT attisdropped ORDER BY attnum), ', ')) END, 1000 - o.level,
    quote_literal(obj_description(y.oid, 'pg_type')), o.roots,
    CASE k.kind WHEN 'domain' THEN 'DOMAIN ' ELSE 'TYPE ' END || format('%I.%I', n.nspname, y.typname)
FROM o JOIN pg_catalog.pg_type y ON y.oid = o.oid AND o.class = 'pg_catalog.pg_type'::regclass
JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace LEFT JOIN pg_catalog.pg_class c ON c.oid = y.typrelid,
LATERAL (SELECT CASE WHEN y.typtype = 'e' THEN 'enum' WHEN y.typtype = 'd' THEN 'domain'
    WHEN y.typtype = 'r' THEN 'range'
    WHEN c.relkind = 'c' THEN 'composite' WHEN y.typtype = 'b' AND y.typelem = 0 THEN 'base' END) k(kind)
WHERE k.kind IS NOT NULL AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""

_FUNCTIONS: Final = f"""
SELECT 'function', n.nspname, p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
    CASE p.prokind WHEN 'a' THEN 'aggregate ' ELSE 'function ' END || {_called("n.nspname", "p.proname")}
    || '(' || pg_get_function_identity_arguments(p.oid) || ')',
    CASE WHEN p.prokind <> 'a' THEN 'CREATE' || substr(pg_get_functiondef(p.oid), length('CREATE OR REPLACE') + 1) END,
    1000 - o.level, quote_literal(obj_description(p.oid, 'pg_proc')), o.roots,
    format('FUNCTION %I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
FROM o JOIN pg_catalog.pg_proc p ON p.oid = o.oid AND o.class = 'pg_catalog.pg_proc'::regclass
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend i WHERE i.classid = 'pg_catalog.pg_proc'::regclass AND i.objid = p.oid
    AND i.deptype = 'i')
"""

_OPERATORS: Final = f"""
SELECT 'operator', n.nspname, p.name, p.kind || {_called("n.nspname", "p.name")}, NULL, 1000, NULL, o.roots, ''
FROM o JOIN (
    SELECT 'pg_catalog.pg_operator'::regclass::oid AS class, oid, oprnamespace AS space, oprname::text AS name,
        'operator ' AS kind FROM pg_catalog.pg_operator
    UNION ALL SELECT 'pg_catalog.pg_opclass'::regclass, oid, opcnamespace, opcname, 'operator class '
    FROM pg_catalog.pg_opclass
    UNION ALL SELECT 'pg_catalog.pg_ts_config'::regclass, oid, cfgnamespace, cfgname, 'text search configuration '
    FROM pg_catalog.pg_ts_config
) p ON p.class = o.class AND p.oid = o.oid JOIN pg_catalog.pg_namespace n ON n.oid = p.space
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
"""

_SEQUENCES: Final = f"""
SELECT 'sequence', n.nspname, s.relname, 'sequence ' || {_called("n.nspname", "s.relname")},
    format('CREATE SEQUENCE %I.%I AS %s', n.nspname, s.relname, format_type(q.seqtypid, NULL)) || {COUNTING}, 1000,
    quote_literal(obj_description(s.oid, 'pg_class')), o.roots, format('SEQUENCE %I.%I', n.nspname, s.relname)
FROM o JOIN pg_catalog.pg_class s ON s.oid = o.oid AND o.class = 'pg_catalog.pg_class'::regclass AND s.relkind = 'S'
JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend w WHERE w.classid = 'pg_catalog.pg_class'::regclass
    AND w.objid = s.oid AND w.refclassid = 'pg_catalog.pg_class'::regclass AND w.deptype IN ('a', 'i')
    AND w.refobjid IN (SELECT id FROM t))
"""

NEEDS: Final = _USED + " UNION ALL ".join((_EXTENSIONS, _COLLATIONS, _TYPES, _FUNCTIONS, _OPERATORS, _SEQUENCES))

SPACES: Final = """
SELECT nspname, quote_literal(nullif(obj_description(oid, 'pg_namespace'), 'dbfleet:made'))
FROM pg_catalog.pg_namespace WHERE nspname = ANY($1::text[]) ORDER BY 1
"""

OF_NAME: Final = """
SELECT 'pg_catalog.pg_type', t.oid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE $3 IN ('enum', 'domain', 'composite', 'range') AND n.nspname = $1 AND t.typname = $2
UNION ALL SELECT 'pg_catalog.pg_collation', c.oid FROM pg_catalog.pg_collation c
JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
WHERE $3 = 'collation' AND n.nspname = $1 AND c.collname = $2 AND c.collencoding IN (-1, (
    SELECT encoding FROM pg_catalog.pg_database WHERE datname = current_database()))
UNION ALL SELECT 'pg_catalog.pg_proc', p.oid FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE $3 = 'function' AND n.nspname = $1 AND p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' = $2
UNION ALL SELECT 'pg_catalog.pg_extension', oid FROM pg_catalog.pg_extension WHERE $3 = 'extension' AND extname = $2
"""
"""The catalogue and OID of what has this schema, name and kind."""
