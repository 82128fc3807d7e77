"""Counters of identity and serial columns: a sequence does not look at the column that it counts for, so after a write
it is set behind the values that came with the rows."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

from dbfleet.engines.postgres.tables import Execute
from dbfleet.engines.postgres.types import LEXIS

if TYPE_CHECKING:
    from psycopg import Connection

_SEQUENCES: Final = """
SELECT a.attname, s.seqrelid::regclass::text, s.seqincrement, t.typcategory = 'N', pg_get_expr(f.adbin, f.adrelid)
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
    OR d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid
        AND d.refclassid = 'pg_catalog.pg_class'::regclass
JOIN pg_catalog.pg_sequence s
    ON s.seqrelid = CASE d.classid WHEN 'pg_catalog.pg_class'::regclass THEN d.objid ELSE d.refobjid END
WHERE a.attrelid = $1::regclass GROUP BY 1, 2, 3, 4, 5 ORDER BY 1
"""
"""The sequences that a column owns (its identity is one of them), or that its default names."""


def count_on(
    execute: Execute, connection: Connection[Any], table: str, names: Collection[str] | None = None
) -> list[str]:
    """Set the counters of these columns, or of all, behind the column's largest value, or before its smallest where it
    counts down. What could not be set, in words. `table` is its name in SQL."""
    from psycopg.errors import InsufficientPrivilege, NumericValueOutOfRange

    left = []
    for name, sequence, step, numeric, default in execute(_SEQUENCES, [table]):
        if names is not None and name not in names:
            continue
        if not numeric:  # 'A' || nextval(…)
            left.append(f"the counter of {name}, {default}, stays where it was")
            continue
        word, sign = ("max", ">") if int(step) > 0 else ("min", "<")
        column = LEXIS.quote(name)
        literal = "'" + sequence.replace("'", "''") + "'"
        statement = (
            f"SELECT setval({literal}, m) FROM (SELECT {word}({column})::bigint AS m FROM {table}) AS t, "
            f"{sequence} AS s WHERE m {sign} s.last_value OR (m = s.last_value AND NOT s.is_called)"
        )
        try:
            with connection.transaction():
                # One writer after another: none sees the other's rows, and the counter never goes back.
                lock = f"SELECT pg_advisory_xact_lock({literal}::regclass::oid::bigint)"
                connection.execute(lock.encode(), prepare=False)
                connection.execute(statement.encode(), prepare=False)
        except (InsufficientPrivilege, NumericValueOutOfRange) as error:
            left.append(f"the counter of {name} is behind its largest value: {error.diag.message_primary}")
    return left
