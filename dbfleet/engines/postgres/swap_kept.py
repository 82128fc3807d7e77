"""What a table has around it: what is given to the table that takes its place (`kept`), what goes with it (`lost`), and
what depends on it so that it cannot go (`holders`).

What is given is what the server itself can spell: the owner, privileges on the table and its columns, comments, storage
options, row-level security with its policies, triggers, and a replica identity that is no index.
"""

from __future__ import annotations

from typing import Final

from dbfleet.engines.postgres.tables import Execute

_OUTLINED: Final = 5
"""Up to here the kept things are such as an outline holds."""
_CAN_OWN: Final = "pg_has_role(c.relowner, 'MEMBER')"

_KEPT: Final = f"""
WITH t AS (SELECT c.*, c.oid AS id, format('%I.%I', n.nspname, c.relname) AS place, {_CAN_OWN} AS can_own
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
           WHERE c.oid = $1::regclass AND c.relkind IN ('r', 'p')),
made AS (SELECT * FROM pg_catalog.pg_class WHERE oid = $2::regclass),
columns AS (SELECT a.*, b.attnum AS new FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_attribute b
            ON b.attrelid = $2::regclass AND b.attname = a.attname AND b.attnum > 0 AND NOT b.attisdropped
            WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped)
SELECT 1, format('COMMENT ON TABLE %s IS %L', place, obj_description(id, 'pg_class')) FROM t
WHERE obj_description(id, 'pg_class') NOT LIKE 'dbfleet:%' AND obj_description($2::regclass, 'pg_class') IS NULL
UNION ALL SELECT 1, format('COMMENT ON COLUMN %s.%I IS %L', place, attname, col_description(id, attnum))
FROM t, columns WHERE col_description(id, attnum) NOT LIKE 'dbfleet:%' AND col_description($2::regclass, new) IS NULL
UNION ALL SELECT 2, format('ALTER TABLE %s SET (%s%I = %L)', place, o.prefix, split_part(o.text, '=', 1),
                           substr(o.text, strpos(o.text, '=') + 1))
FROM t, LATERAL (SELECT '', unnest(t.reloptions) UNION ALL
                 SELECT 'toast.', unnest(x.reloptions) FROM pg_catalog.pg_class x WHERE x.oid = t.reltoastrelid
                ) o(prefix, text) WHERE t.relkind = 'r'
UNION ALL SELECT 3, format('ALTER TABLE %s REPLICA IDENTITY %s', place,
                           CASE relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END)
FROM t WHERE relreplident IN ('f', 'n')
UNION ALL SELECT 4, format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', place) FROM t WHERE relrowsecurity
UNION ALL SELECT 4, format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', place) FROM t WHERE relforcerowsecurity
UNION ALL SELECT 5, format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', polname, place,
    CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
    CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
                ELSE 'ALL' END,
    (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END, ', ')
     FROM unnest(polroles) role))
    || coalesce(' USING (' || pg_get_expr(polqual, polrelid) || ')', '')
    || coalesce(' WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')', '')
FROM t, pg_catalog.pg_policy WHERE polrelid = id
UNION ALL SELECT 6, pg_get_triggerdef(g.oid) FROM t, pg_catalog.pg_trigger g WHERE tgrelid = id AND NOT tgisinternal
UNION ALL SELECT 7, format('ALTER TABLE %s %s TRIGGER %I', place, CASE tgenabled WHEN 'D' THEN 'DISABLE'
                           WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, tgname)
FROM t, pg_catalog.pg_trigger WHERE tgrelid = id AND NOT tgisinternal AND tgenabled <> 'O'
UNION ALL SELECT 8, format('REVOKE ALL ON TABLE %s FROM %s', place, grantee)
FROM t, made, LATERAL (SELECT DISTINCT CASE x.grantee WHEN 0 THEN 'PUBLIC'
                       ELSE quote_ident(pg_get_userbyid(x.grantee)) END AS grantee
                       FROM aclexplode(made.relacl) x) x
WHERE t.relacl IS NOT NULL OR made.relacl IS NOT NULL
UNION ALL SELECT 9, format('ALTER TABLE %s OWNER TO %I', place, pg_get_userbyid(t.relowner))
FROM t, made WHERE t.relowner <> made.relowner AND can_own
UNION ALL SELECT 10, format('REVOKE ALL ON TABLE %s FROM %I', place,
                            pg_get_userbyid(CASE WHEN can_own THEN t.relowner ELSE made.relowner END))
FROM t, made WHERE t.relacl IS NOT NULL OR made.relacl IS NOT NULL
UNION ALL SELECT 11, format('GRANT %s ON TABLE %s TO %s%s', x.privilege_type, place,
    CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END,
    CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' END)
FROM t, made, aclexplode(coalesce(t.relacl, acldefault('r', t.relowner))) x
WHERE t.relacl IS NOT NULL OR made.relacl IS NOT NULL
UNION ALL SELECT 12, format('GRANT %s (%I) ON TABLE %s TO %s%s', x.privilege_type, attname, place,
    CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END,
    CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' END)
FROM t, columns, aclexplode(attacl) x
ORDER BY 1, 2
"""

_LOST: Final = f"""
WITH t AS (SELECT c.*, c.oid AS id, {_CAN_OWN} AS can_own FROM pg_catalog.pg_class c WHERE c.oid = $1::regclass)
SELECT 1, CASE relkind WHEN 'v' THEN 'that it is a view' WHEN 'm' THEN 'that it is a materialized view'
                       WHEN 'f' THEN 'that it is a foreign table'
                       WHEN 'p' THEN 'partitions by ' || pg_get_partkeydef(id) END
FROM t WHERE relkind IN ('v', 'm', 'f', 'p')
UNION ALL SELECT 2, 'privileges' FROM t WHERE relkind NOT IN ('r', 'p') AND relacl IS NOT NULL
UNION ALL SELECT 2, 'its owner ' || pg_get_userbyid(relowner) FROM t
WHERE CASE WHEN relkind IN ('r', 'p') THEN NOT can_own ELSE relowner <> current_user::regrole END
UNION ALL SELECT 2, 'comment' FROM t
WHERE relkind NOT IN ('r', 'p') AND obj_description(id, 'pg_class') NOT LIKE 'dbfleet:%'
UNION ALL SELECT 3, 'that it inherits from ' || i.inhparent::regclass FROM t, pg_catalog.pg_inherits i
WHERE i.inhrelid = id
UNION ALL SELECT 4, 'check ' || conname || ': ' || pg_get_expr(conbin, conrelid) FROM pg_catalog.pg_constraint
WHERE conrelid = $1::regclass AND contype = 'c'
UNION ALL SELECT 5, 'exclusion constraint ' || conname FROM pg_catalog.pg_constraint
WHERE conrelid = $1::regclass AND contype = 'x'
UNION ALL SELECT 6, 'trigger ' || tgname FROM t, pg_catalog.pg_trigger
WHERE tgrelid = id AND NOT tgisinternal AND relkind NOT IN ('r', 'p')
UNION ALL SELECT 7, 'rule ' || rulename FROM pg_catalog.pg_rewrite
WHERE ev_class = $1::regclass AND rulename <> '_RETURN'
UNION ALL SELECT 8, 'statistics ' || stxname FROM pg_catalog.pg_statistic_ext WHERE stxrelid = $1::regclass
UNION ALL SELECT 9, 'its place in publication ' || pubname FROM pg_catalog.pg_publication_rel r
JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid WHERE r.prrelid = $1::regclass
UNION ALL SELECT 10, 'replica identity ' || i.indexrelid::regclass FROM t, pg_catalog.pg_index i
WHERE i.indrelid = id AND relreplident = 'i' AND i.indisreplident
UNION ALL SELECT 11, 'that it is unlogged' FROM t WHERE relpersistence = 'u'
UNION ALL SELECT 12, 'tablespace ' || spcname FROM t JOIN pg_catalog.pg_tablespace s ON s.oid = t.reltablespace
UNION ALL SELECT 13, 'settings of column ' || attname FROM pg_catalog.pg_attribute
WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
  AND (attoptions::text ~ 'n_distinct' OR attstattarget > 0)
UNION ALL SELECT 14, 'privileges on sequence ' || s.relname FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S' AND s.relacl IS NOT NULL
WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
  AND d.refobjid = $1::regclass AND d.deptype IN ('i', 'a')
ORDER BY 1, 2
"""

_HOLDERS: Final = """
WITH going AS (SELECT c.oid, c.reltype, y.typarray FROM pg_catalog.pg_class c
               LEFT JOIN pg_catalog.pg_type y ON y.oid = c.reltype WHERE c.oid = ANY($1::regclass[]::oid[])),
held AS (SELECT g.oid AS going, d.* FROM going g, pg_catalog.pg_depend d WHERE d.deptype = 'n' AND (
         d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = g.oid
         OR d.refclassid = 'pg_catalog.pg_type'::regclass AND d.refobjid IN (g.reltype, g.typarray)))
SELECT DISTINCT CASE WHEN w.rulename = '_RETURN' THEN pg_describe_object('pg_catalog.pg_class'::regclass, w.ev_class, 0)
                     ELSE pg_describe_object(h.classid, h.objid, h.objsubid) END, h.going::regclass::text
FROM held h
LEFT JOIN pg_catalog.pg_rewrite w ON h.classid = 'pg_catalog.pg_rewrite'::regclass AND w.oid = h.objid
LEFT JOIN pg_catalog.pg_constraint k ON h.classid = 'pg_catalog.pg_constraint'::regclass AND k.oid = h.objid
LEFT JOIN pg_catalog.pg_policy p ON h.classid = 'pg_catalog.pg_policy'::regclass AND p.oid = h.objid
LEFT JOIN pg_catalog.pg_trigger t ON h.classid = 'pg_catalog.pg_trigger'::regclass AND t.oid = h.objid
LEFT JOIN pg_catalog.pg_attrdef f ON h.classid = 'pg_catalog.pg_attrdef'::regclass AND f.oid = h.objid
LEFT JOIN pg_catalog.pg_index i ON h.classid = 'pg_catalog.pg_class'::regclass AND i.indexrelid = h.objid
LEFT JOIN pg_catalog.pg_statistic_ext s ON h.classid = 'pg_catalog.pg_statistic_ext'::regclass AND s.oid = h.objid
WHERE k.contype IS DISTINCT FROM 'f'
  AND h.classid NOT IN ('pg_catalog.pg_type'::regclass, 'pg_catalog.pg_publication_rel'::regclass)
  AND NOT (h.classid = 'pg_catalog.pg_class'::regclass AND h.objid IN (SELECT oid FROM going))
  AND NOT coalesce(w.ev_class, k.conrelid, p.polrelid, t.tgrelid, f.adrelid, i.indrelid, s.stxrelid, 0)
      IN (SELECT oid FROM going)
ORDER BY 1, 2
"""


def kept(execute: Execute, old: str, new: str, *, outlined: bool = False) -> list[str]:
    """The statements that give the new table what the old one has. They are asked for before the old one goes, and run
    once the new one has its name. One that was made by another table's outline has comments, options and policies of
    its own: triggers, owner and privileges are given to it."""
    return [statement for number, statement in execute(_KEPT, [old, new]) if not outlined or number > _OUTLINED]


def lost(execute: Execute, table: str) -> list[str]:
    """What goes with the table, in words."""
    return [text for _, text in execute(_LOST, [table])]


def holders(execute: Execute, tables: str) -> list[tuple[str, str]]:
    """What depends on one of the tables (an array of their names), and on which: views, rules, functions, columns of
    other tables."""
    return [(holder, table) for holder, table in execute(_HOLDERS, [tables])]
