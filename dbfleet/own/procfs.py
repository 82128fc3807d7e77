"""What Linux tells of processes and of who listens, in microseconds: read before every connection to a fleet's server.

Rule: nothing here is imported that costs time (psutil takes 20 ms). Where there is no /proc, `AVAILABLE` is false and
the callers ask psutil.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Final

AVAILABLE: Final = sys.platform == "linux"

_LISTENS: Final = "0A"


def identity(pid: int) -> str | None:
    """The boot and the clock tick in which the process with this pid began; None where there is none, or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            # The name, field 2, may hold blanks and brackets: count from its end. Field 3 is the state, 22 the start.
            fields = file.read().rpartition(")")[2].split()
        if fields[0] in "ZX":
            return None
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()}:{fields[19]}"
    except (OSError, IndexError):
        return None


def listeners(port: int) -> Iterator[tuple[str, int]]:
    """The sockets that a connection to 127.0.0.1:port may end at: inode and the user's number of each."""
    for table, addresses in (("tcp", _IPV4), ("tcp6", _IPV6)):
        try:
            with open(f"/proc/net/{table}", encoding="ascii") as file:
                next(file)
                for line in file:
                    _, local, _, state, _, _, _, uid, _, inode, *_ = line.split()
                    if state != _LISTENS:
                        break  # the kernel lists those that listen first; of the others there may be many thousands
                    address, _, number = local.rpartition(":")
                    if int(number, 16) == port and address in addresses:
                        yield inode, int(uid)
        except (OSError, StopIteration):  # a kernel without IPv6
            continue


_IPV4: Final = frozenset({"0100007F" if sys.byteorder == "little" else "7F000001", "0" * 8})
_IPV6: Final = frozenset({"0" * 32, "0000000000000000FFFF00000100007F", "0000000000000000FFFF000000000000"})


def listens(pid: int, port: int) -> bool | None:
    """Whether all that listens on 127.0.0.1:port belongs to this process or to its session; None where nothing does."""
    found = list(listeners(port))
    if not found:
        return None
    ours = {f"socket:[{inode}]" for inode, _ in found}
    for each in (pid, *_session(pid)):
        try:
            ours -= {os.readlink(f"/proc/{each}/fd/{name}") for name in os.listdir(f"/proc/{each}/fd")}
        except PermissionError:
            # A server that runs as another account, and we are a root that may not look (in a container): the user who
            # listens is then what can be known.
            owner = os.stat(f"/proc/{each}").st_uid
            return all(uid == owner for _, uid in found)
        except OSError:
            continue
        if not ours:
            return True
    return False


def _session(leader: int) -> Iterator[int]:
    """The other processes of the session that this process leads: a launcher's server."""
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != leader:
            try:
                if os.getsid(int(name)) == leader:
                    yield int(name)
            except OSError:
                continue


def kills_for_memory() -> int | None:
    """How many processes the kernel has ended for lack of memory since it booted; None where it does not count."""
    try:
        with open("/proc/vmstat", encoding="ascii") as file:
            for line in file:
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    except OSError:
        pass
    return None
