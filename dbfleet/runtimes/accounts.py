"""Which account a server runs as, and folders that this account can reach.

Rule: when we are root, a server that refuses root runs as the first account of ACCOUNTS that exists. That account
cannot enter /root (mode 700), where root's state directory usually is. So its data directory is below the state
directory only if the account can get there; otherwise it is below one of SHARED, and the record says where. Programs of
an installed Python package that the account cannot reach are put below SHARED once, as hard links where possible.

The mode of a folder that we did not make is never changed.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dbfleet.errors import RuntimeFailure
from dbfleet.runtimes.ports import short_hash

ACCOUNTS: Final = ("nobody", "daemon")
SHARED: Final = (Path("/var/lib/dbfleet"), Path("/var/tmp/dbfleet"))  # noqa: S108  # checked before use: see shared_place


@dataclass(frozen=True, slots=True)
class Account:
    """A user that a server runs as."""

    name: str
    uid: int
    gid: int


def for_server(*, refuses_root: bool) -> Account | None:
    """The account that the server has to run as; None where it runs as we do."""
    if not refuses_root or os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise RuntimeFailure(
        "this server refuses to run as root, and there is no other account to run it as",
        hint=f"run dbfleet as another user, or add one of the accounts {', '.join(ACCOUNTS)}",
    )


def can_enter(folder: Path, account: Account) -> bool:
    """Whether the account may pass through `folder` and every folder above it."""
    folder = Path(os.path.realpath(folder))
    for step in (folder, *folder.parents):
        try:
            status = step.stat()
        except OSError:
            return False
        bit = stat.S_IXOTH
        if status.st_uid == account.uid:
            bit = stat.S_IXUSR
        elif status.st_gid == account.gid:
            bit = stat.S_IXGRP
        if not status.st_mode & bit:
            return False
    return True


def shared_place(account: Account) -> Path:
    """A folder of root that the account can pass through, but can neither list nor change."""
    for place in SHARED:
        try:
            place.mkdir(mode=0o711, exist_ok=True)
            status = place.lstat()
        except OSError:
            continue
        # Anybody can make a folder below /var/tmp: a link, or a folder that belongs to somebody else, is not used.
        if stat.S_ISDIR(status.st_mode) and status.st_uid == 0 and not status.st_mode & 0o022:
            place.chmod(0o711)
            if can_enter(place, account):
                return place
    raise RuntimeFailure(
        f"the account {account.name} can reach none of {', '.join(map(str, SHARED))}, so its data has no place",
        hint="point DBFLEET_STATE_DIR to a folder that every user can pass through",
    )


def reachable_binaries(binaries: Path, account: Account) -> Path:
    """`binaries`, or the same folder inside a copy of its Python package that the account can reach."""
    if can_enter(binaries, account):
        return binaries
    package = _package_of(binaries)
    if package is None:
        raise RuntimeFailure(
            f"the account {account.name}, which must run this server instead of root, cannot enter {binaries}",
            hint="install the server where every user can reach it, or run dbfleet as another user",
        )
    found = package.stat()
    mark = short_hash(f"{package}:{found.st_mtime_ns}:{found.st_ino}".encode())
    copy = shared_place(account) / f"{package.name}-{mark}"
    if not copy.is_dir():
        _copy_package(package, copy)
    return copy / package.name / binaries.relative_to(package)


def _package_of(folder: Path) -> Path | None:
    inside = [step for step in (folder, *folder.parents) if (step / "__init__.py").exists()]
    return inside[-1] if inside else None


def _copy_package(package: Path, copy: Path) -> None:
    """Copy the package completely or not at all: two commands may do it at the same time."""
    temporary = Path(tempfile.mkdtemp(prefix=copy.name + ".", dir=copy.parent))
    try:
        # A wheel's shared libraries are beside the package, in `<package>.libs`; they are found by a relative path.
        for source in (package, package.with_name(package.name + ".libs")):
            if source.is_dir():
                shutil.copytree(
                    source,
                    temporary / source.name,
                    symlinks=True,
                    copy_function=_link_or_copy,
                    ignore=shutil.ignore_patterns("__pycache__"),
                )
        for folder, _, _ in os.walk(temporary):
            os.chmod(folder, 0o755)  # noqa: S103  # only programs, as /usr/lib has them
        try:
            temporary.rename(copy)
        except OSError:
            if not copy.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _link_or_copy(source: str, target: str) -> None:
    mode = os.stat(source).st_mode
    if mode & stat.S_IROTH:
        try:
            os.link(source, target)
            return
        except OSError:  # another file system
            pass
    shutil.copyfile(source, target)
    os.chmod(target, 0o755 if mode & stat.S_IXUSR else 0o644)
