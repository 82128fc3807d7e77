"""What is known of the server: what it said of itself when we came, and which one it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

Ask = Callable[[str], Sequence[tuple[str | None, ...]]]
"""Runs a statement and gives all its rows, as text."""

_WHO: Final = ("server_uuid", "server_uid", "hostname", "port", "datadir")
"""Variables that tell one server from another."""


@dataclass(frozen=True, slots=True)
class Server:
    """What the server said of itself when we came."""

    product: str
    version: str
    mariadb: bool
    sql_mode: tuple[str, ...]
    local_files: bool
    folds_names: bool = False  # lower_case_table_names: a table is found whatever the case of its name

    @property
    def native_uuid(self) -> bool:
        """Whether it has a type for a uuid."""
        return self.mariadb and tuple(map(int, re.findall(r"\d+", self.version)[:2])) >= (10, 7)

    def fold(self, name: str | None) -> str:
        """A table's name as the server compares it."""
        return (name or "").lower() if self.folds_names else name or ""


def identity(ask: Ask, server: Server) -> str:
    """Which server, and which database of it. A copy of the data directory has the server's id too (MariaDB has one
    from 10.6.16 and 11.4 on). So its host, port and directory are named too, and the second in which it started."""
    names = ", ".join(f"'{name}'" for name in _WHO)
    known = {str(name).lower(): value for name, value in ask(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})")}
    status = f"{'information_schema' if server.mariadb else 'performance_schema'}.global_status"
    started: str | None = None
    ((database,),) = ask("SELECT DATABASE()")
    for (seconds,) in ask(
        f"SELECT CAST(UNIX_TIMESTAMP() - variable_value AS SIGNED) FROM {status} WHERE variable_name = 'Uptime'"
    ):
        started = seconds
    parts = [known.get(name) for name in _WHO]
    name = database.lower() if database and server.folds_names else database
    return ":".join(str(part or "") for part in ("mysql", *parts, started, name))
