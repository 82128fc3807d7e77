"""What PostgreSQL has that no record of dbfleet.extras holds: by name, in words, from the catalogue."""

from __future__ import annotations

from typing import Final

from dbfleet.engines.postgres.tables import Execute

_OF_TABLE: Final = """
WITH t AS (SELECT c.*, c.oid AS table_oid FROM pg_catalog.pg_class c WHERE c.oid = $1::regclass)
SELECT 1, CASE relkind WHEN 'v' THEN 'that it is a view: its rows come as a table'
                       WHEN 'm' THEN 'that it is a materialized view: its rows come as a table'
                       WHEN 'f' THEN 'that it is a foreign table: its rows come as a table'
                       WHEN 'p' THEN 'partitions by ' || pg_get_partkeydef(table_oid) END
FROM t WHERE relkind IN ('v', 'm', 'f', 'p')
UNION ALL SELECT 2, CASE WHEN i.inhrelid = $1::regclass THEN 'that it inherits from ' || i.inhparent::regclass
                         ELSE 'child table ' || i.inhrelid::regclass || ', whose rows come along' END
FROM t, pg_catalog.pg_inherits i WHERE relkind <> 'p' AND $1::regclass IN (i.inhrelid, i.inhparent)
UNION ALL SELECT 3, 'row-level security' FROM t WHERE relrowsecurity
UNION ALL SELECT 4, 'policy ' || polname FROM pg_catalog.pg_policy WHERE polrelid = $1::regclass
UNION ALL SELECT 5, 'generated column ' || a.attname || ', ' || pg_get_expr(d.adbin, d.adrelid) || ': its values come'
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1::regclass AND a.attgenerated <> '' AND NOT a.attisdropped
UNION ALL SELECT 6, 'that ' || attname || ' is always generated as identity' FROM pg_catalog.pg_attribute
WHERE attrelid = $1::regclass AND attidentity = 'a' AND NOT attisdropped
UNION ALL SELECT 6, 'of what counts ' || a.attname || ' up, ' || concat_ws(', ',
    CASE WHEN s.seqincrement <> 1 THEN 'increment ' || s.seqincrement END, CASE WHEN s.seqcycle THEN 'cycle' END)
FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_depend d ON d.objid = s.seqrelid AND d.deptype IN ('i', 'a')
    AND d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE a.attrelid = $1::regclass AND (s.seqincrement <> 1 OR s.seqcycle)
UNION ALL SELECT 7, 'check ' || conname || ': ' || pg_get_expr(conbin, conrelid) FROM pg_catalog.pg_constraint
WHERE conrelid = $1::regclass AND contype = 'c'
UNION ALL SELECT 8, 'exclusion constraint ' || conname FROM pg_catalog.pg_constraint
WHERE conrelid = $1::regclass AND contype = 'x'
UNION ALL SELECT 9, 'of foreign key ' || conname || ', ' || concat_ws(', ',
    CASE confupdtype WHEN 'r' THEN 'on update restrict' WHEN 'c' THEN 'on update cascade'
                     WHEN 'n' THEN 'on update set null' WHEN 'd' THEN 'on update set default' END,
    CASE confdeltype WHEN 'r' THEN 'on delete restrict' WHEN 'c' THEN 'on delete cascade'
                     WHEN 'n' THEN 'on delete set null' WHEN 'd' THEN 'on delete set default' END,
    CASE confmatchtype WHEN 'f' THEN 'match full' END, CASE WHEN condeferrable THEN 'deferrable' END,
    CASE WHEN condeferred THEN 'initially deferred' END, CASE WHEN NOT convalidated THEN 'not valid' END)
FROM pg_catalog.pg_constraint WHERE conrelid = $1::regclass AND contype = 'f'
  AND (confupdtype <> 'a' OR confdeltype <> 'a' OR confmatchtype = 'f' OR condeferrable OR NOT convalidated)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint p WHERE p.oid = pg_constraint.conparentid
                  AND p.conrelid = pg_constraint.conrelid)
UNION ALL SELECT 10, 'that ' || CASE contype WHEN 'p' THEN 'the key' ELSE 'unique constraint ' || conname END
    || ' is deferrable' FROM pg_catalog.pg_constraint
WHERE conrelid = $1::regclass AND contype IN ('p', 'u') AND condeferrable
UNION ALL SELECT 11, 'trigger ' || tgname FROM pg_catalog.pg_trigger
WHERE tgrelid = $1::regclass AND NOT tgisinternal
UNION ALL SELECT 12, 'rule ' || rulename FROM pg_catalog.pg_rewrite
WHERE ev_class = $1::regclass AND rulename <> '_RETURN'
UNION ALL SELECT 13, 'statistics ' || stxname FROM pg_catalog.pg_statistic_ext WHERE stxrelid = $1::regclass
UNION ALL SELECT 14, CASE objsubid WHEN 0 THEN 'comment of the table' ELSE 'comment of ' || a.attname END
FROM pg_catalog.pg_description LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = objoid AND a.attnum = objsubid
WHERE classoid = 'pg_catalog.pg_class'::regclass AND objoid = $1::regclass AND description NOT LIKE 'dbfleet:%'
UNION ALL SELECT 15, 'collation ' || a.attcollation::regcollation || ' of '
    || string_agg(a.attname, ', ' ORDER BY a.attnum)
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attcollation NOT IN (0, y.typcollation)
GROUP BY a.attcollation
UNION ALL SELECT 16, 'privileges' FROM t WHERE relacl IS NOT NULL
UNION ALL SELECT 17, 'that it is unlogged' FROM t WHERE relpersistence = 'u'
UNION ALL SELECT 18, 'domain ' || a.atttypid::regtype || ' of ' || a.attname FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND y.typtype = 'd'
ORDER BY 1, 2
"""

_MINE: Final = """n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend d WHERE d.deptype IN ('e', 'i') AND d.objid = o.oid AND d.classid = o.tableoid)"""
_NAMED: Final = "CASE WHEN n.nspname = current_schema() THEN '' ELSE n.nspname || '.' END"

AS_A_TABLE: Final = ": its rows come as a table"

_OF_DATABASE: Final = f"""
SELECT 1, 'extension ' || extname FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql'
UNION ALL SELECT 2, CASE o.typtype WHEN 'e' THEN 'enum ' WHEN 'd' THEN 'domain ' WHEN 'c' THEN 'composite type '
                    WHEN 'r' THEN 'range type ' ELSE 'type ' END || {_NAMED} || o.typname
FROM pg_catalog.pg_type o JOIN pg_catalog.pg_namespace n ON n.oid = o.typnamespace
LEFT JOIN pg_catalog.pg_class c ON c.oid = o.typrelid
WHERE {_MINE} AND (o.typtype IN ('e', 'd', 'r') OR c.relkind = 'c' OR (o.typtype = 'b' AND o.typelem = 0))
UNION ALL SELECT 3, CASE o.prokind WHEN 'p' THEN 'procedure ' WHEN 'a' THEN 'aggregate ' ELSE 'function ' END
    || {_NAMED} || o.proname || '(' || pg_get_function_identity_arguments(o.oid) || ')'
FROM pg_catalog.pg_proc o JOIN pg_catalog.pg_namespace n ON n.oid = o.pronamespace WHERE {_MINE}
UNION ALL SELECT 4, CASE o.relkind WHEN 'v' THEN 'view ' || {_NAMED} || o.relname || '{AS_A_TABLE}'
                    WHEN 'm' THEN 'materialized view ' || {_NAMED} || o.relname || '{AS_A_TABLE}'
                    ELSE 'sequence ' || {_NAMED} || o.relname END
FROM pg_catalog.pg_class o JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace
WHERE o.relkind IN ('v', 'm', 'S') AND o.relpersistence <> 't' AND {_MINE} AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend d WHERE d.deptype IN ('a', 'i') AND d.objid = o.oid AND o.relkind = 'S'
    AND d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass)
UNION ALL SELECT 5, 'event trigger ' || o.evtname FROM pg_catalog.pg_event_trigger o
UNION ALL SELECT 6, 'publication ' || o.pubname FROM pg_catalog.pg_publication o
UNION ALL SELECT 7, 'table ' || {_NAMED} || o.relname || ', which has no columns'
FROM pg_catalog.pg_class o JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace
WHERE o.relkind IN ('r', 'p') AND {_MINE}
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a
                  WHERE a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped)
UNION ALL SELECT 8, 'large objects' WHERE EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)
ORDER BY 1, 2
"""


_BESIDES: Final = f"""
SELECT 1, 'foreign table ' || {_NAMED} || o.relname FROM pg_catalog.pg_class o
JOIN pg_catalog.pg_namespace n ON n.oid = o.relnamespace WHERE o.relkind = 'f' AND {_MINE}
UNION ALL SELECT 2, 'foreign server ' || o.srvname FROM pg_catalog.pg_foreign_server o
UNION ALL SELECT 3, 'collation ' || {_NAMED} || o.collname FROM pg_catalog.pg_collation o
JOIN pg_catalog.pg_namespace n ON n.oid = o.collnamespace WHERE {_MINE}
UNION ALL SELECT 4, 'operator ' || {_NAMED} || o.oprname FROM pg_catalog.pg_operator o
JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace WHERE {_MINE}
UNION ALL SELECT 5, 'operator class ' || {_NAMED} || o.opcname FROM pg_catalog.pg_opclass o
JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace WHERE {_MINE}
UNION ALL SELECT 6, 'text search configuration ' || {_NAMED} || o.cfgname FROM pg_catalog.pg_ts_config o
JOIN pg_catalog.pg_namespace n ON n.oid = o.cfgnamespace WHERE {_MINE}
UNION ALL SELECT 7, 'cast of ' || o.castsource::regtype || ' to ' || o.casttarget::regtype FROM pg_catalog.pg_cast o
WHERE o.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
    WHERE d.classid = 'pg_catalog.pg_cast'::regclass AND d.objid = o.oid AND d.deptype IN ('e', 'i'))
UNION ALL SELECT 8, 'subscription ' || o.subname FROM pg_catalog.pg_stat_subscription o
UNION ALL SELECT 9, 'default privileges' WHERE EXISTS (SELECT FROM pg_catalog.pg_default_acl)
UNION ALL SELECT 10, 'settings of the database' WHERE EXISTS (
    SELECT FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database b ON b.oid = s.setdatabase
    WHERE b.datname = current_database())
ORDER BY 1, 2
"""


def of_table(execute: Execute, table: str) -> list[str]:
    """What the table has, whose name in SQL is `table`."""
    return [text for _, text in execute(_OF_TABLE, [table])]


def of_database(execute: Execute) -> list[str]:
    """What the database has beside its tables: functions, types, views, sequences that no column owns, extensions."""
    return [text for _, text in execute(_OF_DATABASE, ())]


def besides(execute: Execute) -> list[str]:
    """What the database has besides that, and no copy of its tables needs to carry: foreign tables and servers,
    collations, operators, casts, settings."""
    return [text for _, text in execute(_BESIDES, ())]
