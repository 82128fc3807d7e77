"""The client and the driver on this machine, and the client in the container."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from dbfleet.spec import Finding
from dbfleet.target import Target

CLIENT: Final = (
    "sh",
    "-c",
    'SQLCMDPASSWORD="$(cat /run/secrets/password)" exec "$0" "$@"',
    "/opt/mssql-tools18/bin/sqlcmd",
    "-C",
    "-I",
    "-S",
    "127.0.0.1",
    "-U",
    "{user}",
    "-d",
    "{database}",
)
"""sqlcmd in the container, where the stack's own healthcheck calls it. Not run in a container of Microsoft's yet.
-I: QUOTED_IDENTIFIER on, as in every other client. Without it a table with an index of some rows takes no rows."""


def shell(target: Target) -> tuple[Sequence[str], Mapping[str, str]]:
    """sqlcmd on this machine. -C: the server has made its certificate itself."""
    server = f"{target.host or '127.0.0.1'},{target.port or 1433}"
    command = ["sqlcmd", "-C", "-I", "-S", server, "-U", target.user or "sa"]
    if target.database:
        command += ["-d", target.database]
    return command, {"SQLCMDPASSWORD": target.password} if target.password is not None else {}


def examine() -> Sequence[Finding]:
    """Whether the driver is there, and whether Microsoft builds the server for this processor."""
    import platform

    findings = []
    try:
        import pymssql
    except ImportError as error:
        findings.append(Finding("fail", f"pymssql cannot be imported: {error}", "pip install pymssql"))
    else:
        version = getattr(pymssql, "__version__", "of an unknown version")
        findings.append(Finding("ok", f"pymssql {version}, {pymssql.get_dbversion()}"))
    if platform.machine().lower() not in ("x86_64", "amd64"):
        findings.append(
            Finding("warn", f"SQL Server's image is built for x86-64, this is {platform.machine()}", "expect emulation")
        )
    return findings
