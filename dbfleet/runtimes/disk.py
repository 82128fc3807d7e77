"""Reports a full disk as such: servers say it in their own words, and some just end."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbfleet.errors import RuntimeFailure
from dbfleet.runtimes import TAIL_LINES, Server


def full(server: Server, place: Path, said: str = "") -> RuntimeFailure | None:
    """The error of a full disk, if the server's words (`said`) or the disk of `place` itself show that it is full."""
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        free = 1 << 40
    if "No space left on device" not in said and "Disk quota exceeded" not in said and free > 1 << 20:
        return None
    return RuntimeFailure(
        f"the disk that holds {server.target}'s data directory ({place}) is full",
        log_tail="\n".join(said.splitlines()[-TAIL_LINES:]),
        engine=server.spec.name,
        target=server.target,
        hint=f"{free // (1 << 20)} MB are free there: make room, or point DBFLEET_STATE_DIR to another disk",
    )


@contextmanager
def errors(server: Server, place: Path) -> Iterator[None]:
    """Turns the system's errors about a server's files into ours."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            failure = full(server, place, "No space left on device")
            assert failure is not None
            raise failure from error
        raise RuntimeFailure(
            f"{server.target} cannot be started: {error}",
            engine=server.spec.name,
            target=server.target,
            hint="dbfleet needs to write there" if isinstance(error, PermissionError) else None,
        ) from error
