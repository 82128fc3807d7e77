"""How MySQL's and MariaDB's servers run from local binaries; both may be on one machine.

The server listens on 127.0.0.1 only, with a socket in its own run directory, keeps utf8mb4, reads no configuration of
the machine (`--no-defaults`), and writes no binary log. Initialising makes a `root` without a password, who can log in
from this machine only. `prepare` then makes the fleet's user and database and gives root the fleet's password, which
never stands in a command.

MariaDB before 11 came with a link called `mysqld`, so a program of that name is asked whose it is.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from dbfleet.errors import RuntimeFailure
from dbfleet.spec import Finding, LocalServer, ServerPlan
from dbfleet.target import Target

_SOCKET: Final = "s"
"""The socket's name in the run directory. It is short, as the whole path may have 107 characters."""

_COMMON: Final[Mapping[str, str]] = {
    "bind-address": "127.0.0.1",
    "character-set-server": "utf8mb4",
    "local-infile": "1",  # rows come by LOAD DATA LOCAL
    "max-allowed-packet": "64M",
    "skip-name-resolve": "1",
}
_MYSQL: Final = {
    "collation-server": "utf8mb4_0900_ai_ci",
    "innodb-redo-log-capacity": "512M",  # with the default 100 MB a load of a million rows waits for checkpoints
    "mysqlx": "OFF",  # it would take another port
    "secure-file-priv": "NULL",  # a distribution's build stops where its own directory for this is missing
    "disable-log-bin": "",
}
_MARIADB: Final = {"innodb-log-file-size": "256M"}


def _socket(plan: ServerPlan) -> Path:
    return plan.run / _SOCKET


def _paths(plan: ServerPlan) -> list[str]:
    return [f"--datadir={plan.data}", f"--socket={_socket(plan)}", f"--pid-file={plan.run / 'pid'}"]


def _options(settings: Mapping[str, str]) -> list[str]:
    return [f"--{name}={value}" if value else f"--{name}" for name, value in settings.items()]


def _command(program: str, settings: Mapping[str, str], plan: ServerPlan) -> Sequence[str]:
    return [
        str(plan.binaries[program]),
        "--no-defaults",
        *_paths(plan),
        f"--port={plan.port}",
        *_options({**_COMMON, **settings}),
    ]


def _initialise_mysql(plan: ServerPlan) -> Sequence[Sequence[str]]:
    server = plan.binaries["mysqld"]
    version = subprocess.run([str(server), "--version"], capture_output=True, text=True, check=False).stdout
    if "mariadb" in version.lower():
        raise RuntimeFailure(
            f"{server} is MariaDB's ({version.strip()})", hint="use the target mariadb, or install a MySQL server"
        )
    return [[str(server), "--no-defaults", "--initialize-insecure", f"--datadir={plan.data}"]]


def _initialise_mariadb(plan: ServerPlan) -> Sequence[Sequence[str]]:
    server = plan.binaries["mariadbd"].resolve()
    # Distributions put the server into sbin or libexec and this script into bin.
    prefixes = [server.parent, server.parent.parent / "bin", server.parent.parent / "scripts"]
    scripts = [path / name for path in prefixes for name in ("mariadb-install-db", "mysql_install_db")]
    script = next((path for path in scripts if path.is_file()), None) or shutil.which("mariadb-install-db")
    if script is None:
        raise RuntimeFailure(
            f"{server} is here, but its mariadb-install-db is not",
            hint="it is in the same package or in mariadb-client",
        )
    basedir = next((parent for parent in server.parents if (parent / "share").is_dir()), Path("/usr"))
    return [
        [
            str(script),
            "--no-defaults",
            f"--basedir={basedir}",
            f"--datadir={plan.data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        ]
    ]


def _prepare(engine: str, plan: ServerPlan) -> None:
    """Make the user and the database, and give root a password."""
    from dbfleet.engines._mysql.connect import make_owner

    make_owner(engine, plan, _socket(plan))


_PLACES: Final = (
    "/usr/sbin",
    "/usr/libexec",
    "/usr/local/sbin",
    "/usr/local/bin",
)

MYSQL = LocalServer(
    choices=(("mysqld",),),
    places=(
        *_PLACES,
        "/usr/local/mysql/bin",
        "/opt/homebrew/opt/mysql*/bin",
        "/usr/local/opt/mysql*/bin",
        "/opt/mysql/*/bin",
    ),
    initialise=_initialise_mysql,
    command=partial(_command, "mysqld", _MYSQL),
    prepare=partial(_prepare, "mysql"),
    refuses_root=True,
    stop_timeout_s=60.0,
    how_to_get="install your system's mysql-server package, or get it from https://dev.mysql.com/downloads/mysql/",
)

MARIADB = LocalServer(
    choices=(("mariadbd",),),
    places=(
        *_PLACES,
        "/usr/local/mariadb*/bin",
        "/opt/homebrew/opt/mariadb*/bin",
        "/usr/local/opt/mariadb*/bin",
    ),
    initialise=_initialise_mariadb,
    command=partial(_command, "mariadbd", _MARIADB),
    prepare=partial(_prepare, "mariadb"),
    refuses_root=True,
    stop_timeout_s=60.0,
    how_to_get="install your system's mariadb-server package, or get it from https://mariadb.org/download/",
)


def shell(target: Target, *, clients: Sequence[str]) -> tuple[Sequence[str], Mapping[str, str]]:
    """The first of these clients that is on this machine; those of MySQL and MariaDB talk to each other's servers."""
    client = next((each for each in clients if shutil.which(each)), clients[0])
    argv = [client, f"--host={target.host or '127.0.0.1'}", f"--port={target.port or 3306}", "--protocol=TCP"]
    argv += [f"--user={target.user}"] if target.user else []
    argv += [f"--database={target.database}"] if target.database else []
    return argv, {"MYSQL_PWD": target.password} if target.password is not None else {}


def examine() -> Sequence[Finding]:
    """Which half of the driver runs in the process of a query. A new process is asked: this one may have imported ssl,
    and then the C extension does not load here, though it does there."""
    code = "from dbfleet.engines._mysql.driver import implementation; print(implementation())"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    kind = asked.stdout.strip()
    if asked.returncode:
        reason = (asked.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        return [Finding("fail", f"mysql-connector-python cannot be imported: {reason}", "install it again")]
    if kind == "pure Python":
        import ssl

        hint = (
            f"its C extension does not load beside {ssl.OPENSSL_VERSION}; a Python with a newer one (Debian 13) has it"
        )
        return [Finding("warn", f"mysql-connector-python ({kind}): reads take 5 times as long", hint)]
    return [Finding("ok", f"mysql-connector-python ({kind})")]
