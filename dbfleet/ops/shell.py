"""`shell`: which command opens the engine's own client on a target.

Rule: in docker the client inside the container; elsewhere the client on this machine, from PATH or from beside the
server's programs. The password is in a file or in the client's environment, never in its argv.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from dbfleet.fleet import Fleet
from dbfleet.ops import _servers
from dbfleet.runtimes import ClientCommand
from dbfleet.target import Target


def shell(fleet: Fleet, name: str) -> ClientCommand | None:
    """The command to run on the user's terminal; None where there is no client for it here."""
    target = fleet.target(name)
    fleet.check(target)
    programs: str | None = None
    for runtime, servers in _servers.by_runtime(fleet, [target]):
        command = runtime.client(servers[0])
        if command is not None:
            return command
        programs = runtime.places(servers[0]).get("programs")
    return local_client(fleet, target, programs)


def local_client(fleet: Fleet, target: Target, programs: str | None = None) -> ClientCommand | None:
    """The engine's client on this machine, or None."""
    spec = fleet.spec(target)
    if spec.shell is None:
        return None
    argv, environment = spec.shell(target)
    folders = os.environ.get("PATH", os.defpath) + (os.pathsep + programs if programs else "")
    found = shutil.which(argv[0], path=folders)
    if found is None:
        return None
    return ClientCommand((str(Path(found)), *argv[1:]), environment)
