"""The statements that the server spells an outline of tables by. Each gives rows of (stage, order, kind, schema, table,
words, text, makes); `makes` are the names of relations that the text makes beside the table, in the table's schema.

`$1` is an array of the OIDs of the tables, `$2` the schema that a name without one means. Marks (dbfleet/outline.py)
stand around the names of tables, indexes and owned sequences: these are called otherwise while a table is staged.
"""

from __future__ import annotations

from typing import Final

FIRST_VERSION: Final = 120000
"""The first version of which the catalogue has what these statements ask for."""


def _mark(first: int, space: str, name: str) -> str:
    return f"(chr({first}) || CASE WHEN {space} = $2 THEN '' ELSE {space} END || chr(29) || {name} || chr(30))"


def _named(space: str, name: str) -> str:
    return _mark(26, space, name)


def _quoted(space: str, name: str) -> str:
    return _mark(31, space, name)


def _bare(space: str, name: str) -> str:
    return _mark(28, space, name)


WHOLE: Final = """
WITH RECURSIVE roots AS (SELECT unnest($1::oid[]) AS id),
whole(id, level) AS (SELECT id, 0 FROM roots
    UNION SELECT i.inhrelid, w.level + 1 FROM whole w JOIN pg_catalog.pg_inherits i ON i.inhparent = w.id
    JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relispartition),
line(id, level) AS (SELECT id, 0 FROM whole
    UNION SELECT i.inhrelid, l.level + 1 FROM line l JOIN pg_catalog.pg_inherits i ON i.inhparent = l.id
    WHERE i.inhrelid IN (SELECT id FROM whole)),
deep AS (SELECT id, max(level) AS level FROM line GROUP BY id),
heirs AS (SELECT inhrelid AS id FROM pg_catalog.pg_inherits JOIN pg_catalog.pg_class c ON c.oid = inhrelid
          WHERE NOT c.relispartition AND inhrelid IN (SELECT id FROM deep)
          GROUP BY 1 HAVING bool_and(inhparent IN (SELECT id FROM deep))),
t AS (SELECT c.*, c.oid AS id, d.level, n.nspname AS space, n.nspname = $2 AS here FROM deep d
      JOIN pg_catalog.pg_class c ON c.oid = d.id JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace)
"""
"""The tables and all their partitions. `heirs` are those that inherit from others of them alone."""
_T: Final = _named("t.space", "t.relname")
COUNTING: Final = """' INCREMENT BY ' || q.seqincrement
    || ' MINVALUE ' || q.seqmin || ' MAXVALUE ' || q.seqmax || ' START WITH ' || q.seqstart || ' CACHE ' || q.seqcache
    || CASE WHEN q.seqcycle THEN ' CYCLE' ELSE '' END"""
_OPTIONS: Final = f"'AS ' || format_type(q.seqtypid, NULL) || {COUNTING}"
_OWNED: Final = """
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.id
    AND d.classid = 'pg_catalog.pg_class'::regclass
JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
"""

_DEFAULT: Final = f"""
coalesce((SELECT replace(pg_get_expr(f.adbin, f.adrelid), quote_literal(format('%I.%I', un.nspname, u.relname)),
                  '''' || {_quoted("un.nspname", "u.relname")} || '''')
    FROM pg_catalog.pg_depend e JOIN pg_catalog.pg_class u ON u.oid = e.refobjid AND u.relkind = 'S'
    JOIN pg_catalog.pg_namespace un ON un.oid = u.relnamespace
    WHERE e.classid = 'pg_catalog.pg_attrdef'::regclass AND e.objid = f.oid
      AND e.refclassid = 'pg_catalog.pg_class'::regclass LIMIT 1), pg_get_expr(f.adbin, f.adrelid))"""
"""A sequence is called otherwise while its table is staged, and the default of another table's column too."""

_COLUMN: Final = f"""
format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
|| CASE WHEN a.attcollation NOT IN (0, y.typcollation)
        THEN (SELECT format(' COLLATE %I.%I', cn.nspname, co.collname) FROM pg_catalog.pg_collation co
              JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = a.attcollation) ELSE '' END
|| CASE WHEN a.attgenerated <> '' THEN format(' GENERATED ALWAYS AS (%s) %s', pg_get_expr(f.adbin, f.adrelid),
                                              CASE a.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END)
        WHEN f.oid IS NOT NULL THEN ' DEFAULT ' || {_DEFAULT}
        WHEN a.attidentity <> '' AND s.oid IS NOT NULL THEN
            ' GENERATED ' || CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END || ' AS IDENTITY ('
            || 'SEQUENCE NAME ' || {_named("sn.nspname", "s.relname")} || {COUNTING} || ')' ELSE '' END
|| CASE WHEN NOT a.attnotnull THEN ''
        WHEN current_setting('server_version_num')::int < 180000
        THEN format(' CONSTRAINT %I NOT NULL', left(t.relname || '_' || a.attname, 40) || '_not_null')
        ELSE coalesce((SELECT format(' CONSTRAINT %I NOT NULL', k.conname)
                    || CASE WHEN k.connoinherit THEN ' NO INHERIT' ELSE '' END FROM pg_catalog.pg_constraint k
        WHERE k.conrelid = t.id AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum] AND k.convalidated
          AND (k.conislocal OR t.id NOT IN (SELECT id FROM heirs))), '') END"""
"""Since version 18 NOT NULL is a constraint with a name, which is inherited, or not validated. A newer server gets the
names that it would choose itself."""

TABLES: Final = f"""{WHOLE}
SELECT 'collections', t.level * 10 + 1, 'table', t.space, t.relname, 'table ' || t.relname,
    'CREATE ' || CASE t.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END || 'TABLE ' || {_T} || ' ('
    || array_to_string(ARRAY(
        SELECT {_COLUMN} FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
        LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
        LEFT JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.id
            AND d.refobjsubid = a.attnum AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
            AND EXISTS (SELECT FROM pg_catalog.pg_sequence WHERE seqrelid = d.objid) AND NOT t.relispartition
        LEFT JOIN pg_catalog.pg_class s ON s.oid = d.objid
        LEFT JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
        LEFT JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
        WHERE a.attrelid = t.id AND a.attnum > 0 AND NOT a.attisdropped
          AND (a.attislocal OR t.id NOT IN (SELECT id FROM heirs)) ORDER BY a.attnum
    ) || ARRAY(
        SELECT format('CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)) FROM pg_catalog.pg_constraint k
        WHERE k.conrelid = t.id AND k.convalidated AND (k.conislocal OR t.id NOT IN (SELECT id FROM heirs))
          AND (k.contype = 'c' OR k.contype = 'n' AND t.id IN (SELECT id FROM heirs) AND NOT EXISTS (
              SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.id AND a.attnum = k.conkey[1]
              AND a.attislocal))
        ORDER BY k.conname
    ), ', ') || ')'
    || coalesce(' INHERITS (' || (SELECT string_agg({_named("pn.nspname", "p.relname")}, ', ' ORDER BY i.inhseqno)
        FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
        JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
        WHERE i.inhrelid = t.id AND t.id IN (SELECT id FROM heirs)) || ')', '')
    || CASE WHEN t.relkind = 'p' THEN ' PARTITION BY ' || pg_get_partkeydef(t.id) ELSE '' END
    || coalesce(' WITH (' || (SELECT string_agg(o.prefix || quote_ident(split_part(o.text, '=', 1)) || ' = '
                                     || quote_literal(substr(o.text, strpos(o.text, '=') + 1)), ', ')
        FROM (SELECT '' AS prefix, unnest(t.reloptions) AS text UNION ALL
              SELECT 'toast.', unnest(x.reloptions) FROM pg_catalog.pg_class x WHERE x.oid = t.reltoastrelid) o)
        || ')', ''),
    CASE WHEN t.relispartition THEN ARRAY[t.relname::text] ELSE '{{}}'::text[] END
    || ARRAY(SELECT s.relname::text FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class s ON s.oid = d.objid
             WHERE s.relkind = 'S' AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.id
               AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'i' AND NOT t.relispartition)
FROM t WHERE t.relkind IN ('r', 'p')
UNION ALL
SELECT 'collections', 0, 'sequence', t.space, t.relname, 'sequence ' || s.relname,
    'CREATE SEQUENCE ' || {_named("sn.nspname", "s.relname")} || ' ' || {_OPTIONS}, ARRAY[s.relname::text]
FROM t {_OWNED} WHERE d.deptype = 'a' AND NOT t.relispartition
UNION ALL
SELECT 'collections', 900, 'owner', t.space, t.relname, 'whose sequence ' || s.relname || ' is',
    'ALTER SEQUENCE ' || {_named("sn.nspname", "s.relname")} || ' OWNED BY ' || {_T} || format('.%I', a.attname), '{{}}'
FROM t {_OWNED} JOIN pg_catalog.pg_attribute a ON a.attrelid = t.id AND a.attnum = d.refobjsubid
WHERE d.deptype = 'a' AND NOT t.relispartition
UNION ALL
SELECT 'collections', 950, 'column', t.space, t.relname, 'default of ' || a.attname,
    'ALTER TABLE ONLY ' || {_T} || format(' ALTER COLUMN %I SET DEFAULT ', a.attname) || {_DEFAULT}, '{{}}'
FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.id AND a.attnum > 0 AND NOT a.attislocal
JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
WHERE t.id IN (SELECT id FROM heirs) AND a.attgenerated = ''
UNION ALL
SELECT 'collections', t.level * 10 + 2, 'partition', t.space, t.relname, 'that it is a partition of ' || p.relname,
    'ALTER TABLE ONLY ' || {_named("pn.nspname", "p.relname")} || ' ATTACH PARTITION ' || {_T} || ' '
    || pg_get_expr(t.relpartbound, t.id), '{{}}'
FROM t JOIN pg_catalog.pg_inherits i ON i.inhrelid = t.id JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace WHERE t.relispartition
UNION ALL
SELECT 'collections', 950, 'column', t.space, t.relname, o.words || ' of ' || a.attname,
    'ALTER TABLE ONLY ' || {_T} || format(' ALTER COLUMN %I %s', a.attname, o.text), '{{}}'
FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.id AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type y ON y.oid = a.atttypid, LATERAL (
    SELECT 'storage', 'SET STORAGE ' || CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL'
                                         WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END WHERE a.attstorage <> y.typstorage
    UNION ALL SELECT 'compression', 'SET COMPRESSION ' || CASE to_jsonb(a) ->> 'attcompression' WHEN 'l' THEN 'lz4'
                                                          ELSE 'pglz' END
    WHERE to_jsonb(a) ->> 'attcompression' IN ('l', 'p')
    UNION ALL SELECT 'statistics', 'SET STATISTICS ' || (to_jsonb(a) ->> 'attstattarget')
    WHERE (to_jsonb(a) ->> 'attstattarget')::int >= 0
    UNION ALL SELECT 'settings', 'SET (' || string_agg(option, ', ') || ')' FROM unnest(a.attoptions) option
    WHERE option !~ '^pg_attver=' HAVING count(*) > 0
) o(words, text)
"""

COUNTERS: Final = f"""{WHOLE}
SELECT sn.nspname, s.relname, t.space, t.relname, {_quoted("sn.nspname", "s.relname")},
    {_named("sn.nspname", "s.relname")}, quote_literal(obj_description(s.oid, 'pg_class'))
FROM t {_OWNED} WHERE d.deptype IN ('a', 'i') AND NOT t.relispartition
"""
"""The sequences of columns: schema, name, the table's, the name in marks for a text and a statement, the comment."""

_PREFIX: Final = """format('CREATE %sINDEX %I ON %s%I.%I', CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END,
                           i.relname, CASE i.relkind WHEN 'I' THEN 'ONLY ' ELSE '' END, t.space, t.relname)"""
_HELD: Final = "SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.oid AND k.contype IN ('p', 'u', 'x')"

KEYS: Final = f"""{WHOLE}
SELECT 'keys', 100 - t.level, 'index', t.space, t.relname, 'index ' || i.relname,
    'CREATE ' || CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END || 'INDEX ' || {_bare("t.space", "i.relname")}
    || ' ON ' || {_T} || substr(pg_get_indexdef(i.oid), length({_PREFIX}) + 1), ARRAY[i.relname::text]
FROM t JOIN pg_catalog.pg_index x ON x.indrelid = t.id JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
WHERE x.indisvalid AND NOT EXISTS ({_HELD})
UNION ALL
SELECT 'keys', 100 - t.level, CASE k.contype WHEN 'p' THEN 'key' WHEN 'u' THEN 'unique' ELSE 'exclusion' END,
    t.space, t.relname, CASE k.contype WHEN 'p' THEN 'primary key ' WHEN 'u' THEN 'unique constraint '
                        ELSE 'exclusion constraint ' END || k.conname,
    'ALTER TABLE ' || {_T} || ' ADD CONSTRAINT ' || {_bare("t.space", "k.conname")} || ' '
    || pg_get_constraintdef(k.oid), ARRAY[k.conname::text]
FROM t JOIN pg_catalog.pg_constraint k ON k.conrelid = t.id AND k.contype IN ('p', 'u', 'x')
UNION ALL
SELECT 'keys', 200, 'identity', t.space, t.relname, 'replica identity',
    'ALTER TABLE ONLY ' || {_T} || ' REPLICA IDENTITY ' || CASE t.relreplident WHEN 'f' THEN 'FULL'
    WHEN 'n' THEN 'NOTHING' ELSE 'USING INDEX ' || {_bare("t.space", "i.relname")} END, '{{}}'
FROM t LEFT JOIN pg_catalog.pg_index x ON x.indrelid = t.id AND x.indisreplident
LEFT JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
WHERE t.relreplident IN ('f', 'n') OR t.relreplident = 'i' AND i.oid IS NOT NULL
UNION ALL
SELECT 'keys', 201, 'statistics', t.space, t.relname, 'statistics of ' || i.relname || ' ' || a.attnum,
    'ALTER INDEX ' || {_named("t.space", "i.relname")} || format(' ALTER COLUMN %s SET STATISTICS ', a.attnum)
    || (to_jsonb(a) ->> 'attstattarget'), '{{}}'
FROM t JOIN pg_catalog.pg_index x ON x.indrelid = t.id JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.oid AND (to_jsonb(a) ->> 'attstattarget')::int >= 0
UNION ALL
SELECT 'keys', 200, 'cluster', t.space, t.relname, 'that it is clustered on ' || i.relname,
    'ALTER TABLE ' || {_T} || ' CLUSTER ON ' || {_bare("t.space", "i.relname")}, '{{}}'
FROM t JOIN pg_catalog.pg_index x ON x.indrelid = t.id AND x.indisclustered
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid WHERE t.relkind = 'r'
"""
"""A partition's keys and indexes come before those of what it is a partition of, which then takes them as its own."""

_REFERS: Final = "format(' REFERENCES %I.%I(', pn.nspname, p.relname)"

REFERENCES: Final = f"""{WHOLE}
SELECT 'references', 0, 'reference', t.space, t.relname, 'foreign key ' || k.conname,
    'ALTER TABLE ' || {_T} || format(' ADD CONSTRAINT %I ', k.conname)
    || overlay(d.text PLACING ' REFERENCES ' || {_named("pn.nspname", "p.relname")} || '('
               FROM strpos(d.text, {_REFERS}) FOR length({_REFERS})), ARRAY[]::text[],
    pn.nspname, p.relname
FROM t JOIN pg_catalog.pg_constraint k ON k.conrelid = t.id AND k.contype = 'f' AND k.conparentid = 0
JOIN pg_catalog.pg_class p ON p.oid = k.confrelid JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace,
LATERAL (SELECT pg_get_constraintdef(k.oid)) d(text)
UNION ALL
SELECT 'references', 0, 'check', t.space, t.relname,
    CASE k.contype WHEN 'c' THEN 'check ' ELSE 'not null ' END || k.conname,
    'ALTER TABLE ' || {_T} || format(' ADD CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)), ARRAY[]::text[],
    t.space, t.relname
FROM t JOIN pg_catalog.pg_constraint k ON k.conrelid = t.id AND k.contype IN ('c', 'n') AND NOT k.convalidated
WHERE k.conislocal
"""
"""Beside the eight columns, which table it refers to. A constraint that is not validated may be broken by the rows."""

_ROLE: Final = "CASE role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END"

AFTER: Final = f"""{WHOLE}
SELECT 'after', 20, 'comment', t.space, t.relname, 'its comment',
    'COMMENT ON TABLE ' || {_T} || format(' IS %L', obj_description(t.id, 'pg_class')), '{{}}'::text[]
FROM t WHERE obj_description(t.id, 'pg_class') IS NOT NULL
UNION ALL
SELECT 'after', 20, 'comment', t.space, t.relname, 'the comment of ' || a.attname,
    'COMMENT ON COLUMN ' || {_T} || format('.%I IS %L', a.attname, col_description(t.id, a.attnum)), '{{}}'
FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.id AND a.attnum > 0 AND NOT a.attisdropped
WHERE col_description(t.id, a.attnum) IS NOT NULL
UNION ALL
SELECT 'after', 20, 'comment', t.space, t.relname, 'the comment of ' || k.conname,
    'COMMENT ON CONSTRAINT ' || CASE WHEN k.contype IN ('p', 'u', 'x') THEN {_bare("t.space", "k.conname")}
                                ELSE quote_ident(k.conname) END || ' ON ' || {_T}
    || format(' IS %L', obj_description(k.oid, 'pg_constraint')), '{{}}'
FROM t JOIN pg_catalog.pg_constraint k ON k.conrelid = t.id AND k.conparentid = 0
WHERE obj_description(k.oid, 'pg_constraint') IS NOT NULL
UNION ALL
SELECT 'after', 20, 'comment', t.space, t.relname, 'the comment of ' || i.relname,
    'COMMENT ON INDEX ' || {_named("t.space", "i.relname")} || format(' IS %L', obj_description(i.oid, 'pg_class')),
    '{{}}'
FROM t JOIN pg_catalog.pg_index x ON x.indrelid = t.id JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
WHERE obj_description(i.oid, 'pg_class') IS NOT NULL
UNION ALL
SELECT 'after', 5, 'type', t.space, t.relname, 'that it is of type ' || y.typname,
    'ALTER TABLE ' || {_T} || format(' OF %I.%I', yn.nspname, y.typname), '{{}}'
FROM t JOIN pg_catalog.pg_type y ON y.oid = t.reloftype JOIN pg_catalog.pg_namespace yn ON yn.oid = y.typnamespace
UNION ALL
SELECT 'after', 34, 'comment', t.space, t.relname, 'the comment of policy ' || p.polname,
    format('COMMENT ON POLICY %I ON ', p.polname) || {_T} || format(' IS %L', obj_description(p.oid, 'pg_policy')),
    '{{}}'
FROM t JOIN pg_catalog.pg_policy p ON p.polrelid = t.id WHERE obj_description(p.oid, 'pg_policy') IS NOT NULL
UNION ALL
SELECT 'after', 34, 'comment', t.space, t.relname, 'the comment of statistics ' || s.stxname,
    'COMMENT ON STATISTICS ' || {_named("sn.nspname", "s.stxname")}
    || format(' IS %L', obj_description(s.oid, 'pg_statistic_ext')), '{{}}'
FROM t JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = t.id
JOIN pg_catalog.pg_namespace sn ON sn.oid = s.stxnamespace WHERE obj_description(s.oid, 'pg_statistic_ext') IS NOT NULL
UNION ALL
SELECT 'after', 33, 'statistics', t.space, t.relname, 'how exact statistics ' || s.stxname || ' are',
    'ALTER STATISTICS ' || {_named("sn.nspname", "s.stxname")} || ' SET STATISTICS '
    || (to_jsonb(s) ->> 'stxstattarget'), '{{}}'
FROM t JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = t.id
JOIN pg_catalog.pg_namespace sn ON sn.oid = s.stxnamespace WHERE (to_jsonb(s) ->> 'stxstattarget')::int >= 0
UNION ALL
SELECT 'after', 30, 'security', t.space, t.relname, o.words, 'ALTER TABLE ' || {_T} || ' ' || o.text, '{{}}'
FROM t, LATERAL (SELECT 'row-level security', 'ENABLE ROW LEVEL SECURITY' WHERE t.relrowsecurity
    UNION ALL SELECT 'row-level security for its owner', 'FORCE ROW LEVEL SECURITY' WHERE t.relforcerowsecurity
) o(words, text)
UNION ALL
SELECT 'after', 31, 'policy', t.space, t.relname, 'policy ' || p.polname,
    format('CREATE POLICY %I ON ', p.polname) || {_T} || format(' AS %s FOR %s TO %s',
        CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
        CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
                      ELSE 'ALL' END, (SELECT string_agg({_ROLE}, ', ') FROM unnest(p.polroles) role))
    || coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
    || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', ''),
    ARRAY(SELECT pg_get_userbyid(role)::text FROM unnest(p.polroles) role WHERE role <> 0)
FROM t JOIN pg_catalog.pg_policy p ON p.polrelid = t.id
UNION ALL
SELECT 'after', 32, 'statistics', t.space, t.relname, 'statistics ' || s.stxname,
    'CREATE STATISTICS ' || {_named("sn.nspname", "s.stxname")}
    || substr(pg_get_statisticsobjdef(s.oid), length(format('CREATE STATISTICS %I.%I', sn.nspname, s.stxname)) + 1,
              length(pg_get_statisticsobjdef(s.oid)) - length(format('CREATE STATISTICS %I.%I', sn.nspname, s.stxname))
              - length(format('%I.%I', t.space, t.relname))) || {_T}, ARRAY[s.stxname::text]
FROM t JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = t.id
JOIN pg_catalog.pg_namespace sn ON sn.oid = s.stxnamespace
"""
