"""Which process is which: a pid alone is not enough, because the system uses pids again.

Rule: a process is ours if its pid and the moment it started are those that we recorded when we started it. On Linux the
moment is counted in clock ticks since the boot, and the boot has an identifier, so that neither a reboot nor a change
of the clock can make another process look like ours. A zombie is not a running process.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

import psutil

from dbfleet.own import procfs


def of(pid: int) -> str | None:
    """The identity of the process that has this pid now; None where there is no such process, or only a zombie."""
    if procfs.AVAILABLE:
        return procfs.identity(pid)
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        return f"{process.create_time():.0f}:{process.name()}"
    except psutil.Error:
        return None


def process(pid: int | None, identity: str | None) -> psutil.Process | None:
    """The running process with this pid, if it has this identity; else None."""
    if pid is None or identity is None or of(pid) != identity:
        return None
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None


def strays(home: Path, programs: Collection[Path]) -> list[psutil.Process]:
    """Processes of exactly these programs that work inside `home`: a server whose dbfleet was killed before it could
    record the start, or the children of a server that was killed. Another program in there, such as `less`, is not
    returned."""
    inside = os.path.realpath(home)
    known = {os.path.realpath(program) for program in programs}
    working = []
    for process in psutil.process_iter():
        try:
            folder = process.cwd()
            if folder != inside and not folder.startswith(inside + os.sep):
                continue
            if os.path.realpath(process.exe()) in known and process.status() != psutil.STATUS_ZOMBIE:
                working.append(process)
        except psutil.Error:
            continue
    return working


def stale_locks(folders: Iterable[Path], dead: int | None) -> list[Path]:
    """Lock and pid files (of PostgreSQL, MySQL) in these folders whose first line is the pid of no running process, or
    `dead`, the recorded pid of a server that has ended.

    A server takes its own file for stale only if no process has that pid; otherwise it refuses to start. But the pid
    may be that of a zombie whose parent never reaps it (the first process of many containers), or of a new process.
    """
    stale = []
    for folder in folders:
        for pattern in ("*.pid", "*.lock"):
            for path in folder.glob(pattern):
                try:
                    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                        pid = int(file.readline(20))
                except (OSError, ValueError):
                    continue
                if pid > 0 and (pid == dead or of(pid) is None):
                    stale.append(path)
    return stale
