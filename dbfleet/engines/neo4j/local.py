"""cypher-shell, in the container and on this machine. The password is in its environment, never in its arguments.

It is a JVM, and in the container it lives under the server's memory cap: with its defaults, a quarter of the cap for
its heap, opening it has ended a server that had just been loaded. JAVA_TOOL_OPTIONS reaches it however its script
starts it, at the price of a line on stderr.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from dbfleet.target import Target

CLIENT: Final = (
    "sh",
    "-c",
    'export NEO4J_PASSWORD="$(cat /run/secrets/password)"; '
    'export JAVA_TOOL_OPTIONS="-Xmx64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"; exec "$0" "$@"',
    "cypher-shell",
    "-a",
    "bolt://127.0.0.1:7687",
    "-u",
    "{user}",
    "-d",
    "{database}",
)


def shell(target: Target) -> tuple[Sequence[str], Mapping[str, str]]:
    """cypher-shell on this machine."""
    scheme = "bolt" if target.scheme == "cypher" else target.scheme
    host = f"[{target.host}]" if ":" in (target.host or "") else target.host or "127.0.0.1"
    argv = ["cypher-shell", "-a", f"{scheme}://{host}:{target.port or 7687}"]
    argv += ["-u", target.user] if target.user is not None else []
    argv += ["-d", target.database] if target.database else []
    return argv, {"NEO4J_PASSWORD": target.password} if target.password is not None else {}
