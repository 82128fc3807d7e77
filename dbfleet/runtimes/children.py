"""Starts, signals and reads processes: the part of the process runtime that knows no engine."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil

from dbfleet.errors import NotReady, RuntimeFailure
from dbfleet.runtimes import TAIL_LINES, Deadline, Server, accounts, disk, identity

INHERITED: Final = ("PATH", "TZ", "LD_LIBRARY_PATH", "TMPDIR")


class Child(subprocess.Popen[bytes]):
    """A process that may outlive us. A plain Popen warns when it is deleted while its process runs; but a server is
    meant to run on after `up`."""

    def __del__(self) -> None:
        """Do nothing: `keep` reaps, `run` waits, and a process that ends after us is reaped by init."""


_started: dict[int, Child] = {}
"""The servers that this process started: for their exit codes, and so that they do not stay zombies."""


def spawn(
    command: Sequence[str | os.PathLike[str]],
    *,
    folder: Path,
    home: Path,
    environment: Mapping[str, str],
    account: accounts.Account | None,
    stdout: int,
) -> Child:
    """Start a program in a session of its own, in `folder`, as the account, with a new environment."""
    argv = [os.fspath(word) for word in command]
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    try:
        return Child(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=inherited | {"HOME": str(home), "LANG": "C.UTF-8"} | dict(environment),
            start_new_session=True,
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except (OSError, subprocess.SubprocessError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise RuntimeFailure(
            f"{argv[0]} could not be run: {reason}",
            command=argv,
            hint="it is not made for this machine" if getattr(error, "errno", None) == errno.ENOEXEC else None,
        ) from error


def keep(child: Child) -> None:
    """Remember a server that outlives this command; earlier ones that have ended are reaped."""
    for earlier in list(_started.values()):
        earlier.poll()
    _started[child.pid] = child


def exit_code(pid: int | None) -> int | None:
    """The exit code of a server that this process started (negative: the signal that ended it); None if it runs or was
    not started by this process."""
    child = _started.get(pid or -1)
    return child.poll() if child else None


def run(
    command: Sequence[str | os.PathLike[str]],
    *,
    server: Server,
    deadline: Deadline,
    folder: Path,
    home: Path,
    environment: Mapping[str, str],
    account: accounts.Account | None,
) -> None:
    """Run a command that fills the data directory to its end; it is killed when the wait is cancelled or the deadline
    passes."""
    child = spawn(command, folder=folder, home=home, environment=environment, account=account, stdout=subprocess.PIPE)
    try:
        while True:
            try:
                output, _ = child.communicate(timeout=0.05)
                break
            except subprocess.TimeoutExpired:
                deadline.sleep(0)
                if deadline.passed:
                    raise NotReady(
                        f"{server.target}'s data directory was not filled within {deadline.seconds:g} s",
                        engine=server.spec.name,
                        target=server.target,
                        hint="give it longer with --timeout; it begins anew",
                    ) from None
    except BaseException:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.communicate()
        raise
    if child.returncode:
        said = output.decode(errors="replace").strip()
        raise disk.full(server, folder, said) or RuntimeFailure(
            f"{server.target}'s data directory could not be made: {os.path.basename(command[0])} "
            f"ended with {in_words(child.returncode)[1]}",
            command=tuple(os.fspath(word) for word in command),
            exit_code=child.returncode,
            log_tail="\n".join(said.splitlines()[-TAIL_LINES:]),
            engine=server.spec.name,
            target=server.target,
        )


def send(process: psutil.Process, number: int, server: Server) -> None:
    """Send a signal; psutil checks once more that it is still the same process."""
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        pass
    except psutil.AccessDenied as error:
        raise RuntimeFailure(
            f"{server.target} (pid {process.pid}) was started by another user and cannot be stopped by this one",
            engine=server.spec.name,
            target=server.target,
            hint="run this command as the user who started it",
        ) from error


def gone(pid: int, known: str | None, timeout_s: float) -> bool:
    """Wait until the process has ended, for at most `timeout_s`; return whether it has."""
    end = time.monotonic() + timeout_s
    while True:
        exit_code(pid)  # reaps it, if it is our child
        if identity.process(pid, known) is None:
            child = _started.pop(pid, None)
            if child:
                child.wait()  # it may have ended since exit_code was called, and be a zombie now
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.02)


def descendants(process: psutil.Process) -> list[psutil.Process]:
    """The processes that this one has started, and those that these have; none if it has ended."""
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def in_words(code: int | None) -> tuple[int | None, str]:
    """A child's exit code as a shell reports it, and in words."""
    if code is None:
        return None, ""
    if code < 0:
        try:
            return 128 - code, f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return 128 - code, f"killed by signal {-code}"
    return code, f"exit code {code}"


def memory(process: psutil.Process) -> int | None:
    """The memory of the server and its children, in bytes; shared pages are counted once where the system can say so
    (PSS)."""
    total = 0
    for member in (process, *descendants(process)):
        try:
            full = member.memory_full_info()
            total += getattr(full, "pss", 0) or full.rss
        except psutil.AccessDenied:
            try:
                total += member.memory_info().rss
            except psutil.Error:
                continue
        except psutil.Error:
            continue
    return total or None
