"""Reads from Linux's /proc, in microseconds, which process is which and what listens on a port.

Rule: it is used before every connection to a fleet's server, so it imports nothing that takes time (psutil takes 20
ms). Where there is no /proc, `AVAILABLE` is false and the callers use psutil.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Final

AVAILABLE: Final = sys.platform == "linux"

_LISTENS: Final = "0A"


def identity(pid: int) -> str | None:
    """The boot and the clock tick in which the process with this pid began; None where there is no such process, or
    only a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            # Field 2, the name, may hold blanks and brackets, so we count from its end: 3 is the state, 22 the start.
            fields = file.read().rpartition(")")[2].split()
        if fields[0] in "ZX":
            return None
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()}:{fields[19]}"
    except (OSError, IndexError):
        return None


def is_of_container(pid: int, container: str) -> bool:
    """Whether the process with this pid, as this machine counts them, is in the container with this identifier."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:
            return container in file.read()
    except OSError:
        return False


def listeners(port: int) -> Iterator[tuple[str, int]]:
    """The sockets that may take a connection to 127.0.0.1:port: the inode and the user's number of each."""
    for table, addresses in (("tcp", _IPV4), ("tcp6", _IPV6)):
        try:
            with open(f"/proc/net/{table}", encoding="ascii") as file:
                next(file)
                for line in file:
                    _, local, _, state, _, _, _, uid, _, inode, *_ = line.split()
                    if state != _LISTENS:
                        break  # the kernel lists listening sockets first; there may be many thousands of others
                    address, _, number = local.rpartition(":")
                    if int(number, 16) == port and address in addresses:
                        yield inode, int(uid)
        except (OSError, StopIteration):  # a kernel without IPv6
            continue


_IPV4: Final = frozenset({"0100007F" if sys.byteorder == "little" else "7F000001", "0" * 8})
_IPV6: Final = frozenset({"0" * 32, "0000000000000000FFFF00000100007F", "0000000000000000FFFF000000000000"})


def listens(pid: int, port: int) -> bool | None:
    """Whether every socket that listens on 127.0.0.1:port belongs to this process or to its session; None where none
    listens."""
    sockets = list(listeners(port))
    if not sockets:
        return None
    strange = {f"socket:[{inode}]" for inode, _ in sockets}
    for member in (pid, *_session(pid)):
        try:
            strange.difference_update(_open_files(member))
        except PermissionError:
            # The server runs as another account, and inside a container even root may not read its files. Then only
            # the user of each socket can be compared.
            owner = os.stat(f"/proc/{member}").st_uid
            return all(uid == owner for _, uid in sockets)
        except OSError:
            continue
        if not strange:
            return True
    return False


def _open_files(pid: int) -> Iterator[str]:
    """What the process has open. What it closes meanwhile is left out: a busy server does so all the time."""
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            yield os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            continue


def _session(leader: int) -> Iterator[int]:
    """The other processes of the session that this process leads, such as the server that a launcher started."""
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != leader:
            try:
                if os.getsid(int(name)) == leader:
                    yield int(name)
            except OSError:
                continue


def kills_for_memory() -> int | None:
    """How many processes the kernel has killed for lack of memory since it booted; None where it does not count
    them."""
    try:
        with open("/proc/vmstat", encoding="ascii") as file:
            for line in file:
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    except OSError:
        pass
    return None
