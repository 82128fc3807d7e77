"""Which process is which: a pid alone is not enough, because pids are used again.

Rule: a process is ours where its pid, and the moment it started, are what we put on record when we started it; on
Linux the moment is counted in clock ticks since a boot that has an identifier, so that neither a reboot nor a change
of the clock can make a stranger look like ours. A zombie is not a running process.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

import psutil

from dbfleet.own import procfs


def of(pid: int) -> str | None:
    """The identity of the process that has this pid now; None where there is none, or only a zombie."""
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
    """The running process with this pid, if it is the one that `identity` was taken of."""
    if pid is None or identity is None or of(pid) != identity:
        return None
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None


def strays(home: Path, programs: Collection[Path]) -> list[psutil.Process]:
    """Processes of exactly these programs that work inside `home`: a server whose dbfleet was killed between starting
    it and writing that down, or the children of a server that was killed. Somebody's `less` in there is not meant."""
    inside = os.path.realpath(home)
    known = {os.path.realpath(each) for each in programs}
    found = []
    for each in psutil.process_iter():
        try:
            folder = each.cwd()
            if folder != inside and not folder.startswith(inside + os.sep):
                continue
            if os.path.realpath(each.exe()) in known and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
        except psutil.Error:
            continue
    return found


def stale_locks(folders: Iterable[Path], dead: int | None) -> list[Path]:
    """Lock and pid files (PostgreSQL's, MySQL's) in these folders whose first line is the pid of no running process,
    or `dead`, the one on record that has ended.

    A server takes its own file for stale only where that pid is free. It is not while its zombie waits for a parent
    that never reaps (the first process of many containers), nor once a stranger has it: it would refuse to start.
    """
    found = []
    for folder in folders:
        for pattern in ("*.pid", "*.lock"):
            for path in folder.glob(pattern):
                try:
                    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                        pid = int(file.readline(20))
                except (OSError, ValueError):
                    continue
                if pid > 0 and (pid == dead or of(pid) is None):
                    found.append(path)
    return found
