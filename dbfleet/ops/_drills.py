"""The throw-away fleets of restore drills: made, recognised, and removed whatever has happened.

A drill's fleet is called `drill-` and 16 hex digits. It lies in the same state directory as the fleet that it proves a
dump of, with a network, volumes, a password and a port of its own. Its folder holds `drill.json`, which says whose it
is, and `drill.lock`, which the drill holds while it lives: the system frees it when the process ends, however it ends.
So what has that record and a lock that nobody holds is an orphan, and `sweep` removes it. What a runtime has made for
it carries its name and this state directory too (labels in Docker, the working folder of a process), and is found when
the folder is gone.

Nothing else is ever removed: no fleet of another name, without that record, or of another state directory.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from dbfleet.config import TargetSettings
from dbfleet.errors import DbfleetError, RuntimeFailure
from dbfleet.fleet import Fleet
from dbfleet.ops import _servers
from dbfleet.runtimes import Event, Report, docker_labels, ports, silent, strays
from dbfleet.spec import EngineSpec
from dbfleet.target import Target

NAME: Final = re.compile(r"drill-[0-9a-f]{16}")
_RECORD: Final = "drill.json"
_LOCK: Final = "drill.lock"
_KIND: Final = "dbfleet drill"
_YOUNG_S: Final = 60.0
"""What is so young and has no record may be about to get one."""


@contextmanager
def thrown_away(
    fleet: Fleet, target: Target, spec: EngineSpec, runtime: str | None, said: Callable[[str], None]
) -> Iterator[Fleet]:
    """For the block: a fleet of one target, named as its engine, of which nothing is left afterwards. What could not be
    removed (the Docker engine may be gone) is `said`, and left to `sweep`."""
    from filelock import FileLock, Timeout

    while True:
        place = _fleet(fleet, f"drill-{secrets.token_hex(8)}", spec.name, _settings(fleet, target, spec), runtime)
        place.made_state()
        lock: Any = FileLock(str(place.state / _LOCK), timeout=0)
        try:
            lock.acquire()
            break
        except Timeout:  # a sweep took it for an orphan: it goes
            continue
    try:
        _write_record(place, target, spec)
        if runtime is not None:
            with place.lock():
                # Before any other: the engine's own port is left to the fleets that stay.
                place.save_record(spec.name, engine=spec.name, port=ports.choose(str(place.state)))
        if runtime == "docker":
            docker_labels.write(place.state / "docker", spec, labels(place))
        yield place
    finally:
        try:
            _remove_in_any_case(place)
        except (DbfleetError, OSError) as error:
            said(f"{place.name} could not be removed: {error}; the next drill or dbfleet up does it")
        finally:
            lock.release()


def _remove_in_any_case(place: Fleet) -> None:
    """Remove it, also where Ctrl-C comes meanwhile: while a command unwinds no other one is raised."""
    try:
        remove(place)
    except KeyboardInterrupt:
        remove(place)
        raise


def _settings(fleet: Fleet, target: Target, spec: EngineSpec) -> TargetSettings:
    """The same image and memory as the target's server has; of somebody's server, those of the engine's own stack."""
    known = fleet.settings.target(target.name if target.managed else spec.name)
    return TargetSettings(spec.name, engine=spec.name, image=known.image, memory=known.memory)


def _fleet(fleet: Fleet, name: str, engine: str, settings: TargetSettings, runtime: str | None) -> Fleet:
    ours = {f"DBFLEET_{_servers.variable(engine)}_{word}" for word in ("PORT", "IMAGE", "MEMORY")}
    environ = {key: value for key, value in (fleet.settings.environ or os.environ).items() if key not in ours}
    changed = replace(
        fleet.settings,
        fleet=name,
        runtime=runtime or "auto",
        targets={engine: settings},
        files=(),
        origins={"fleet.name": "--fleet"},
        environ=environ,
        services={},
    )
    return Fleet(changed, fleet.directory)


def _write_record(place: Fleet, target: Target, spec: EngineSpec) -> None:
    from dbfleet.runtimes import identity

    record = {
        "kind": _KIND,
        "target": target.name,
        "engine": spec.name,
        "pid": os.getpid(),
        "identity": identity.of(os.getpid()),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    fresh = place.state / f"{_RECORD}.{os.getpid()}"
    fresh.write_text(json.dumps(record, indent=1), "utf-8")
    os.replace(fresh, place.state / _RECORD)


def labels(place: Fleet) -> dict[str, str]:
    """What Docker's things of this drill are labelled with."""
    return {docker_labels.DRILL: place.name, docker_labels.STATE: str(place.settings.state_root.resolve())}


def remove(place: Fleet, report: Report = silent) -> None:
    """End the drill's server at once, and remove all that it had. Its folder goes last."""
    for runtime, servers in _servers.by_runtime(place, list(place.targets.values()), earlier=True):
        runtime.kill(servers)
        runtime.down(servers, volumes=True, report=report)
    # A server's own account may still be closing files in there.
    for last in (False, False, True):
        with suppress(FileNotFoundError):
            try:
                shutil.rmtree(place.state)
            except OSError:
                if last:
                    raise
                time.sleep(0.2)


# --- what drills that died have left --------------------------------------------------------------------------------


def sweep(fleet: Fleet, *, by_label: bool = False) -> list[str]:
    """Remove what drills of this state directory have left that do not live any more; in words, what was removed. One
    that cannot be removed now stays for the next time. `by_label` looks for servers of which no folder is left, too."""
    swept = []
    root = fleet.settings.state_root
    for folder in sorted(root.glob("drill-*")):
        if NAME.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
            with suppress(DbfleetError, OSError):
                if told := _swept(fleet, folder):
                    swept.append(told)
    if by_label:
        swept += _swept_by_label(root)
    return swept


def tell_swept(fleet: Fleet, report: Report) -> None:
    """As `sweep`, for a verb that has other things to do: it looks for containers by their label only where this fleet
    has used Docker."""
    for text in sweep(fleet, by_label=(fleet.state / "docker").is_dir()):
        report(Event(fleet.name, "note", f"removed {text}"))


def _swept(fleet: Fleet, folder: Path) -> str | None:
    from filelock import FileLock, Timeout

    record = _record(folder)
    if record is None and (not _is_bare(folder) or time.time() - folder.stat().st_mtime < _YOUNG_S):
        return None
    lock: Any = FileLock(str(folder / _LOCK), timeout=0)
    try:
        lock.acquire()
    except Timeout:  # it lives
        return None
    try:
        record = _record(folder)  # it may have come to its end meanwhile
        if record is None:
            if _is_bare(folder):
                shutil.rmtree(folder)
            return None
        engine = str(record["engine"])
        remove(_fleet(fleet, folder.name, engine, TargetSettings(engine, engine=engine), None))
    finally:
        lock.release()
    return f"{folder.name}, a drill of {record['target']} that ended without cleaning up"


def _record(folder: Path) -> Mapping[str, Any] | None:
    try:
        record = json.loads((folder / _RECORD).read_bytes())
        return record if record["kind"] == _KIND and record["engine"] and record["target"] else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _is_bare(folder: Path) -> bool:
    """Whether a drill was killed before it had done anything."""
    return all(each.name == _LOCK or each.name.startswith(f"{_RECORD}.") for each in folder.iterdir())


def _swept_by_label(root: Path) -> list[str]:
    found = []
    with suppress(RuntimeFailure):
        for name in docker_labels.drills(root):
            if NAME.fullmatch(name) and not (root / name).exists():
                docker_labels.remove(root, name)
                found.append(f"{name}, a drill of which only its containers were left")
    for name in strays.of_lost_folders(root, NAME):
        found.append(f"{name}, a drill of which only its server was left")  # noqa: PERF401 - removed one by one
    return found
