"""The control database's schema: who applies migrations, and what the web's account may do.

Whoever has the owner's account (`worker`, `beat`, `migrate`) applies them when it starts, one at a time under an
advisory lock. A process whose own migrations are older than the database's does not touch it: it waits for its upgrade.
`web` has an account of its own, which can neither apply migrations nor change or remove an entry of the chain; it waits
until the schema is there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import Error as DatabaseError
from django.db.utils import InterfaceError, OperationalError

from dbfleet.console.control import away
from dbfleet.errors import NotReady, Unavailable

_LOCK: Final = 0x6462666C65657402
WEB: Final = "dbfleet_web"
"""The web's account."""
_APPENDED: Final = ("console_entry", "console_receipt")
"""Where the web may add rows, and neither change nor remove one."""
_READ: Final = ("django_migrations", "console_part", "console_copyjournal")
_INSERTED_TOO: Final = ("console_part",)


@dataclass(frozen=True, slots=True)
class Schema:
    """How the schema stands to this process: `missing` are its migrations that are not applied, `newer` are applied
    ones of our apps that it does not know."""

    missing: tuple[str, ...]
    newer: tuple[str, ...]

    @property
    def is_new(self) -> bool:
        """Whether nothing of the console's own was applied yet."""
        return "console.0001_initial" in self.missing

    @property
    def fits(self) -> bool:
        """Whether this process can work with it."""
        return not self.missing and not self.newer


@cache
def _known() -> frozenset[tuple[str, str]]:
    """This process's migrations. Read from the disk once: /healthz asks every few seconds."""
    return frozenset(MigrationLoader(None).disk_migrations)


def look() -> Schema:
    """The schema as it is now. Unavailable where the control database does not answer."""
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        applied = set(MigrationRecorder(connection).applied_migrations())
    except DatabaseError as error:
        connection.close()
        raise away.unavailable(error) from error
    known = _known()
    ours = {app for app, _ in known}
    return Schema(
        tuple(sorted(".".join(each) for each in known - applied)),
        tuple(sorted(".".join(each) for each in applied - known if each[0] in ours)),
    )


def migrate(web_password: str = "", tell: Callable[[str], None] = print) -> None:
    """Apply what is missing, make the web's account and give it its rights. NotReady where the schema is newer,
    Unavailable where the control database does not answer."""
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        with connection.unhurried():
            _migrate(web_password, tell)
    except (OperationalError, InterfaceError) as error:
        connection.close()
        raise away.unavailable(error) from error


def _migrate(web_password: str, tell: Callable[[str], None]) -> None:
    from django.core.management import call_command

    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        try:
            found = look()
            if found.newer:
                raise NotReady(
                    f"the control database is newer than this dbfleet: it has {found.newer[-1]}",
                    target="control",
                    hint="install the newer dbfleet here too",
                )
            if found.missing:
                tell(f"applying {len(found.missing)} migrations")
                call_command("migrate", interactive=False, verbosity=0)
            if web_password:
                _account(web_password)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _account(password: str) -> None:
    from psycopg import sql

    connection = connections[DEFAULT_DB_ALIAS]
    name, schema = sql.Identifier(WEB), sql.Identifier("public")
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [WEB])
        verb = "ALTER" if cursor.fetchone() else "CREATE"
        options = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION"
        statements = [
            sql.SQL(f"{verb} ROLE {{}} {options} PASSWORD {{}}").format(name, sql.Literal(password)),
            sql.SQL("REVOKE ALL ON SCHEMA public FROM PUBLIC"),
            sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(name),
            sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, name),
            sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}").format(name),
            sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}").format(name),
        ]
        changed = [(f"REVOKE UPDATE, DELETE ON {{}} FROM {WEB}", table) for table in _APPENDED]
        changed += [(f"REVOKE INSERT, UPDATE, DELETE ON {{}} FROM {WEB}", table) for table in _READ]
        changed += [(f"GRANT INSERT ON {{}} TO {WEB}", table) for table in _INSERTED_TOO]
        statements += [sql.SQL(text).format(sql.Identifier(table)) for text, table in changed]
        # At once: web works meanwhile, and must neither lack a right for a moment nor have one that it must not have.
        with transaction.atomic():
            for statement in statements:
                cursor.execute(statement)


def wait(tell: Callable[[str], None] = print, *, timeout_s: float | None = None) -> None:
    """Wait until the schema is there and fits this process."""
    began, told = time.monotonic(), ""
    while True:
        try:
            found = look()
            if found.fits:
                return
            why = (
                f"the control database is newer than this dbfleet ({found.newer[-1]}): waiting for the upgrade"
                if found.newer
                else f"waiting for {len(found.missing)} migrations"
            )
        except Unavailable as error:
            why = error.message
        if why != told:
            tell(why)
            told = why
        if timeout_s is not None and time.monotonic() - began > timeout_s:
            raise NotReady(why, target="control")
        time.sleep(0.5)
