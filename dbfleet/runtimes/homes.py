"""Where the files of a server process are, and what is recorded about it.

    <state>/servers/<target>/record.json   what we know, written atomically, before we act on it
    <home>/data  <home>/run                the server's own folders, owned by the account that it runs as
    <home>/server.log  <home>/password     files of that account in our folder, so it cannot replace them by links

`home` is `<state>/servers/<target>/home` if the server's account can get there, see accounts.py. `run` is elsewhere if
its path would be too long for a socket (107 bytes in all).

Rule: data is removed only if the record says that we made it: after a first start that never got ready, or by `remove`.
A server is not started over data that is not recorded.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, Literal

from dbfleet import own
from dbfleet.errors import RuntimeFailure
from dbfleet.runtimes import TAIL_LINES, accounts, tail
from dbfleet.runtimes.ports import short_hash

LONGEST_RUN_PATH: Final = 70  # leaves 37 of a socket's 107 bytes for the file name
LARGEST_LOG: Final = 16 * 1024 * 1024

Progress = Literal["new", "initialised", "prepared"]
"""new: the data directory may be half filled · initialised: it is filled · prepared: user and database are made too,
and from now on it holds the user's data."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is recorded about one target's server. `pid` and `identity` are set while it should run;
    `kills_for_memory` is the kernel's count of such kills when the server started (procfs.py), `surroundings` a mark of
    the variables that it was started with, `log_from` how long its log was then."""

    home: str
    run: str
    account: str | None = None
    binaries: str | None = None
    port: int | None = None
    pid: int | None = None
    identity: str | None = None
    started: float | None = None
    kills_for_memory: int | None = None
    progress: Progress = "new"
    surroundings: str | None = None
    log_from: int = 0


class Home:
    """The folders of one target's server below `state`, and its record."""

    def __init__(self, state: Path, target: str) -> None:
        self.target = target
        self.state = state
        self.folder = state / "servers" / target
        self._file = self.folder / own.RECORD
        self._second = self.folder / own.SECOND_RECORD

    def record(self) -> Record | None:
        """The record, or None. Where the file is damaged, its second copy is read."""
        try:
            return self._read(self._file)
        except RuntimeFailure:
            try:
                second = self._read(self._second)
            except RuntimeFailure:
                second = None
            if second is None:
                raise
            return second

    def _read(self, path: Path) -> Record | None:
        try:
            facts: dict[str, Any] = json.loads(path.read_bytes())
            known = {field.name for field in fields(Record)}
            record = Record(**{name: value for name, value in facts.items() if name in known})
            if not (isinstance(record.home, str) and isinstance(record.run, str)):
                raise TypeError("home and run are no paths")
            if not isinstance(record.pid, int | None):
                raise TypeError("pid is no number")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise RuntimeFailure(
                f"the record of {self.target}'s server cannot be read: {path}: {error}",
                target=self.target,
                hint="remove that file to make dbfleet forget the server; its data stays",
            ) from error
        return record

    def save(self, record: Record) -> Record:
        """Write the record, completely or not at all; in two copies, because nothing else knows where the data is."""
        text = json.dumps(asdict(record), indent=1)
        self._write(self._file, text)
        self._write(self._second, text)
        return record

    def _write(self, path: Path, text: str) -> None:
        handle, temporary = tempfile.mkstemp(prefix="record.", dir=self.folder)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def make(self, account: accounts.Account | None) -> Record:
        """Make the server's folders where they are missing, as they must be before a start, and return the record."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        record = self.record()
        if record is None:
            home = self._place(account)
            if (home / "data").is_dir() and any((home / "data").iterdir()):
                raise RuntimeFailure(
                    f"{home / 'data'} holds data that is not on record, so {self.target} is not started over it",
                    target=self.target,
                    hint="move it away, or remove it, and start again",
                )
            run = home / "run"
            if len(os.fsencode(run)) > LONGEST_RUN_PATH:
                run = Path(tempfile.gettempdir()) / f"dbfleet-{_mark(self.folder)}"
            record = self.save(Record(str(home), str(run), account.name if account else None))
        elif record.account != (account.name if account else None):
            raise RuntimeFailure(
                f"{self.target}'s data was made for {record.account or 'the user who runs dbfleet'}, "
                f"and would now be used as {account.name if account else 'this user'}",
                target=self.target,
                hint=f"run dbfleet as before, or remove the data with dbfleet down {self.target} --volumes",
            )
        else:
            try:
                self._read(self._file)
            except RuntimeFailure:  # the record came from the second copy
                self.save(record)
        home = Path(record.home)
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o711 if account else 0o700)
        self._own(home / "data", account)
        self._own(Path(record.run), account)
        return record

    def _place(self, account: accounts.Account | None) -> Path:
        if account is None:
            return self.folder / "home"
        if accounts.can_enter(self.state.parent, account):
            # The account may pass through our own folders, but not list them; the folder of secrets stays closed.
            for ours in (self.state, self.state / "servers", self.folder):
                ours.chmod(0o711)
            return self.folder / "home"
        fleet = accounts.shared_place(account) / f"{self.state.name}-{_mark(self.state)}"
        fleet.mkdir(mode=0o711, exist_ok=True)
        fleet.chmod(0o711)
        return fleet / self.target

    def _own(self, folder: Path, account: accounts.Account | None) -> None:
        """Make a folder for the server alone. Anybody can make one below /tmp, so an existing folder is checked."""
        uid = account.uid if account else os.geteuid()
        try:
            folder.mkdir(mode=0o700)
            if account:
                os.chown(folder, account.uid, account.gid)
        except FileExistsError:
            pass
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (uid, os.geteuid()):
            raise RuntimeFailure(
                f"{folder} belongs to somebody else, so {self.target} cannot use it",
                target=self.target,
                hint="remove it, and start again",
            )
        if status.st_uid != uid and account:  # a start was interrupted between mkdir and chown
            os.chown(folder, account.uid, account.gid)

    def give(self, record: Record, account: accounts.Account | None) -> None:
        """Give to the account the files that the engine's functions wrote as root into its folders."""
        if account is None:
            return
        for top in (Path(record.home) / "data", Path(record.run)):
            for folder, folders, files in os.walk(top):
                for name in (*folders, *files):
                    path = os.path.join(folder, name)
                    status = os.lstat(path)
                    # Never a hard link: it may be the name of a file elsewhere.
                    if status.st_uid == 0 and (stat.S_ISDIR(status.st_mode) or status.st_nlink == 1):
                        os.chown(path, account.uid, account.gid, follow_symlinks=False)

    def write_password(self, record: Record, password: str, account: accounts.Account | None) -> Path:
        """Write the password's file, without a newline, of mode 0600 and owned by the server's account; its path."""
        path = Path(record.home) / "password"
        with open(_create(path, os.O_TRUNC), "wb") as file:
            file.write(password.encode())
            if account:
                os.fchown(file.fileno(), account.uid, account.gid)
        return path

    def open_log(self, record: Record, account: accounts.Account | None) -> int:
        """A descriptor that appends to the log. A large log is first renamed to server.log.1."""
        path = Path(record.home) / "server.log"
        if path.exists() and path.stat().st_size > LARGEST_LOG:
            path.replace(path.with_name("server.log.1"))
        descriptor = _create(path, os.O_APPEND)
        if account:
            os.fchown(descriptor, account.uid, account.gid)
        return descriptor

    def empty(self, record: Record) -> None:
        """Remove from the data directory what a start that never got ready left there."""
        if record.progress == "prepared":
            raise AssertionError(f"{self.target}: data is in use")
        for entry in (Path(record.home) / "data").iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def remove(self) -> bool:
        """Remove the data, the log and the record; return whether there were any. The server must be stopped."""
        record = self.record()
        if record is not None:
            shutil.rmtree(record.run, ignore_errors=True)
            if Path(record.home).exists():
                shutil.rmtree(record.home)
            if Path(record.home).parent != self.folder:
                try:
                    Path(record.home).parent.rmdir()
                except OSError:  # it holds other targets' data
                    pass
        there = self.folder.exists()
        if there:
            shutil.rmtree(self.folder)
        return there

    def forget_process(self, record: Record) -> Record:
        """Record that no process of the server should run."""
        return self.save(replace(record, pid=None, identity=None, started=None, kills_for_memory=None))


def last_words(record: Record) -> str:
    """The last lines that the server wrote to its log since its last start; empty where there are none."""
    try:
        return "\n".join(tail.lines(Path(record.home) / "server.log", last=TAIL_LINES, since=record.log_from))
    except OSError:
        return ""


def _create(path: Path, how: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | how, 0o600)


def _mark(path: Path) -> str:
    return short_hash(os.fsencode(path.resolve()))
