"""The names of constraints, which are unique in a database: set when those that had them are gone."""

from __future__ import annotations

from collections.abc import Mapping

from dbfleet.engines._mysql.native import text
from dbfleet.engines._mysql.native.text import CONSTRAINT
from dbfleet.engines._mysql.types import LEXIS
from dbfleet.engines._mysql.wire import Wire


def rename(wire: Wire, table: str, called: Mapping[str, str]) -> None:
    """Give the table's constraints their names, by those that they have now. Neither server renames one: it goes, and
    comes again in the same statement. That is quick for a foreign key; for a check MySQL copies the table."""
    final = {name: new.removeprefix(f"{CONSTRAINT}.") for name, new in called.items()}
    found = text.read(str(wire.rows(f"SHOW CREATE TABLE {LEXIS.quote(table)}")[0][1]))
    changes: list[str] = []
    for each in found.references:
        if (new := final.get(each.name, each.name)) != each.name:
            far = f"{LEXIS.quote(each.table)} {each.rest}"
            changes.append(f"DROP FOREIGN KEY {LEXIS.quote(each.name)}")
            changes.append(f"ADD CONSTRAINT {LEXIS.quote(new)} {each.columns} REFERENCES {far}")
    for check in found.columns:
        if isinstance(check, text.Check) and (new := final.get(check.name, check.name)) != check.name:
            changes.append(f"DROP CONSTRAINT {LEXIS.quote(check.name)}")
            changes.append(f"ADD CONSTRAINT {LEXIS.quote(new)} {check.text}")
    if changes:
        wire.execute("SET SESSION foreign_key_checks = 0")
        try:
            wire.execute(f"ALTER TABLE {LEXIS.quote(table)} {', '.join(changes)}")
        finally:
            if not wire.closed:
                wire.execute("SET SESSION foreign_key_checks = 1")
