"""Databases of MySQL or MariaDB that a test has for itself, and what the server's own statements say of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from dbfleet import registry
from dbfleet.target import Target

_MODE = "set session sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', foreign_key_checks = 0"


class MySqlDatabases:
    """New databases on the target's server; `drop` removes them all. `mariadb`: which of the two it is."""

    def __init__(self, target: Target, name: str) -> None:
        self._target, self._name, self._made = target, name, 0
        self.mariadb = target.engine == "mariadb"

    def new(self, *statements: str) -> Target:
        """A database in which these have been run; a semicolon at a line's end parts two."""
        self._made += 1
        name = f"{self._name}_{self._made}"
        made = replace(self._target, name=f"db{self._made}", database=name)
        run_sql(self._target.with_(user="root"), f"create database {name}",
                f"grant all on {name}.* to '{self._target.user}'@'%'")  # fmt: skip
        run_sql(made, *statements)
        return made

    def drop(self) -> None:
        for number in range(1, self._made + 1):
            run_sql(self._target.with_(user="root"), f"drop database if exists {self._name}_{number}")


@contextmanager
def mysql_databases(target: Target, name: str) -> Iterator[MySqlDatabases]:
    made = MySqlDatabases(target, name)
    try:
        yield made
    finally:
        made.drop()


def run_sql(target: Target, *scripts: str) -> None:
    """Scripts of statements, which a semicolon at the end of a line ends."""
    with registry.connect(target) as adapter:
        for statement in (_MODE, *(each for script in scripts for each in script.split(";\n"))):
            if statement.strip().rstrip(";"):
                asked(adapter, statement.strip().rstrip(";"))


def ask(target: Target, statement: str) -> list[tuple[Any, ...]]:
    with registry.connect(target) as adapter:
        return asked(adapter, statement)


def asked(adapter: Any, statement: str) -> list[tuple[Any, ...]]:
    with adapter.query(statement) as result:
        return [row for batch in result for row in batch]


def told(target: Target, *, views: bool = False) -> list[str]:
    """All that a database holds: SHOW CREATE of each table, where its counter is, the server's own checksum of its
    rows, and the rows as the server shows them."""
    found: list[str] = []
    with registry.connect(target) as adapter:
        asked(adapter, _MODE)
        for name, kind in asked(adapter, "show full tables"):
            if "VIEW" in kind:
                if views:
                    found += [f"{name}: {line}" for line in _create(adapter, "view", name)]
                continue
            if kind == "SEQUENCE":
                found += [f"{name}: {line}" for line in _create(adapter, "sequence", name)]
                found += [f"{name}: {row}" for row in asked(adapter, f"select * from `{name}`")]
                continue
            quoted = name.replace("`", "``")
            lines = _create(adapter, "table", name)
            found += [f"{name}: {line}" for line in lines]
            if not any("SYSTEM VERSIONING" in line or " array)" in line for line in lines):
                # Of a table with a multi-valued key the server's checksum is another one each time.
                found.append(f"{name}: {asked(adapter, f'checksum table `{quoted}` extended')[0][1]}")
            columns = [row[0] for row in asked(adapter, f"show columns from `{quoted}`")]
            shown = [f"hex(`{each.replace('`', '``')}`)" for each in columns if each not in ("rs", "re")]
            rows = asked(adapter, f"select {', '.join(shown)} from `{quoted}`")
            found += sorted(f"{name}: {row}" for row in rows)
    return [line.replace(f"`{target.database}`.", "") for line in found]


def _create(adapter: Any, kind: str, name: str) -> list[str]:
    quoted = name.replace("`", "``")
    return str(asked(adapter, f"show create {kind} `{quoted}`")[0][1]).splitlines()


def differing(sink: Target, source: Target, *, views: bool = False) -> str:
    """The lines by which two databases differ, as a diff."""
    lines = [told(each, views=views) for each in (source, sink)]
    return "\n".join(difflib.unified_diff(*lines, "source", "sink", n=0, lineterm=""))


def zoo(*, mariadb: bool) -> str:
    """Every type, constraint, kind of key and kind of table that the vendor's documentation lists, at its ends; what
    one of the two engines has alone comes last."""
    folder = Path(__file__).parent
    own = "mariadb_only.sql" if mariadb else "mysql_only.sql"
    return "\n".join((folder / name).read_text("utf-8") for name in ("mysql_both.sql", own))


def url(target: Target) -> str:
    return target.url(reveal=True)
