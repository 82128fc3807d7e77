"""The folder of a fleet, `<state>/<name>`, which holds everything that the fleet keeps: `state.json` (port, runtime and
process of each started target), `secrets/` (mode 0700) with the fleet's random passwords, `sqlite.db`, and what the
runtimes keep. Two fleets never share anything. Reading writes nothing.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dbfleet import secrets
from dbfleet.errors import ConfigError, NotReady


class StateFolder:
    """What a fleet of this name has on record in its folder under `state_root`, its secrets and its lock."""

    def __init__(self, state_root: Path, name: str) -> None:
        self.state_root = state_root
        self.name = name

    @property
    def state(self) -> Path:
        """The path of this fleet's folder, which may not exist yet (see `made_state`)."""
        return self.state_root / self.name

    def made_state(self) -> Path:
        """This fleet's folder, made if it does not exist, for its owner alone."""
        with self._usable():
            self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.state

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Turns the system's errors about the state directory into ConfigError. A full disk is
        reported where all errors are."""
        try:
            yield
        except OSError as exc:
            if exc.errno in (None, errno.ENOSPC, errno.EDQUOT):
                raise  # errno is None in filelock's Timeout, which is an OSError too
            file = Path(os.fsdecode(exc.filename or self.state))
            what = "" if file == self.state or file in self.state.parents else f"{file.name}: "
            raise ConfigError(
                f"the state directory {self.state} cannot be used: {what}{exc.strerror}",
                hint="let DBFLEET_STATE_DIR name a folder that this user can write",
            ) from exc

    @property
    def secrets_directory(self) -> Path:
        """The folder of this fleet's secrets, for its owner alone."""
        return self.state / "secrets"

    @property
    def password_file(self) -> Path:
        """The file with the fleet's password."""
        return self.secret_file("password")

    @property
    def password(self) -> str:
        """The fleet's password; it is made when it is first needed."""
        return self.secret("password")

    def stored_password(self) -> str | None:
        """The fleet's password; None where none was made yet. ConfigError where the file holds none."""
        return self.stored_secret("password")

    def secret_file(self, name: str) -> Path:
        """The file of one of the fleet's secrets, which may not exist yet; its mode is that of the password's."""
        return self.secrets_directory / name

    def secret(self, name: str) -> str:
        """The secret of this name: a random password, made when it is first needed."""
        value = self.stored_secret(name)
        if value is None:
            self.made_state()
            with self._usable():
                self.secrets_directory.mkdir(mode=0o700, exist_ok=True)
                value = secrets.make(self.secret_file(name))
        return value

    def stored_secret(self, name: str) -> str | None:
        """The secret of this name; None where none was made yet. ConfigError where the file holds none."""
        file = self.secret_file(name)
        try:
            with self._usable():
                value = file.read_bytes().decode("ascii").strip()
        except ConfigError as exc:
            if isinstance(exc.__cause__, FileNotFoundError):
                return None
            raise
        except UnicodeDecodeError:
            value = ""
        if not value:
            raise ConfigError(
                f"{file} is damaged: it holds no password",
                hint="remove it, and run dbfleet up again: another is made"
                if name == "ro"
                else "put the fleet's password there again; or remove the file, and the data: dbfleet down --volumes",
            )
        return value

    def record(self, name: str) -> dict[str, Any]:
        """What is recorded of a started target; empty if nothing is."""
        return dict(self._records().get(name, {}))

    def records(self) -> dict[str, dict[str, Any]]:
        """What is recorded of every target, by name."""
        return {name: dict(record) for name, record in self._records().items()}

    def save_record(self, name: str, **facts: Any) -> None:
        """Add facts to a target's record; None removes a fact. Call inside `lock`."""
        records = self._records()
        merged = {**records.get(name, {}), **facts}
        records[name] = {key: value for key, value in merged.items() if value is not None}
        self._save(records)

    def forget(self, name: str) -> None:
        """Remove the target's record. Call inside `lock`."""
        records = self._records()
        if records.pop(name, None) is not None:
            self._save(records)

    @contextmanager
    def lock(self, *, timeout_s: float = 600.0) -> Iterator[None]:
        """Hold the fleet's lock: one process at a time changes a fleet, the others wait. NotReady when `timeout_s` has
        passed."""
        from filelock import FileLock, Timeout

        try:
            held = FileLock(str(self.made_state() / "lock"))
            with self._usable():
                held.acquire(timeout=timeout_s)
            try:
                yield
            finally:
                held.release()
        except Timeout as exc:
            raise NotReady(
                f"another dbfleet has been changing the fleet {self.name!r} for more than {timeout_s:.0f} s"
            ) from exc

    def _records(self) -> dict[str, dict[str, Any]]:
        file = self.state / "state.json"
        try:
            with self._usable():
                data = json.loads(file.read_bytes())
            records: dict[str, dict[str, Any]] = data["targets"]
            if not all(isinstance(record, dict) and _is_record(record) for record in records.values()):
                raise TypeError
        except ConfigError as exc:
            if isinstance(exc.__cause__, FileNotFoundError):
                return {}
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
            raise ConfigError(
                f"{file} is damaged",
                hint="remove it and run dbfleet up again: servers and data are found where they were",
            ) from exc
        return records

    def _save(self, records: Mapping[str, Any]) -> None:
        file = self.made_state() / "state.json"
        fresh = file.with_name(f"state.json.{os.getpid()}")
        with self._usable():
            try:
                with open(fresh, "w", encoding="utf-8") as out:
                    json.dump({"targets": records}, out, indent=1)
                    out.flush()
                    os.fsync(out.fileno())  # after a power cut the file must not be empty
                os.replace(fresh, file)
            finally:
                fresh.unlink(missing_ok=True)


def _is_record(record: Mapping[str, Any]) -> bool:
    """Whether the facts that are used of a target's record have the right types and values."""
    port, runtime = record.get("port"), record.get("runtime")
    return (port is None or (type(port) is int and 0 < port < 65536)) and runtime in (None, "docker", "process")
