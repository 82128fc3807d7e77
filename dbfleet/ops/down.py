"""`down`: servers end, containers and networks go, data stays; with volumes the data goes too. Twice is fine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dbfleet import services
from dbfleet.fleet import Fleet
from dbfleet.ops import _console, _drills, _servers
from dbfleet.ops.stop import LOCK_TIMEOUT_S
from dbfleet.runtimes import Event, Report, silent
from dbfleet.target import Target


@dataclass(frozen=True, slots=True)
class Doomed:
    """What `down` would end or remove, of one target; `lost` says what goes with its data, where that is not plain."""

    target: str
    runtime: str
    what: str
    lost: str | None = None


def plan(fleet: Fleet, names: Sequence[str] | None = None, *, volumes: bool = False) -> list[Doomed]:
    """What `down` would do, without doing it."""
    found = []
    chosen = _chosen(fleet, names)
    for runtime, servers in _servers.by_runtime(fleet, chosen, earlier=True):
        for name, state in runtime.states(servers).items():
            parts = [f"stop it ({state.state})"] if state.alive else []
            if runtime.name == "docker" and state.state != "absent":
                parts.append("remove its container")
            if volumes:
                places = runtime.places(next(each for each in servers if each.target == name))
                data = [where for what, where in places.items() if what == "data" or what.startswith("volume")]
                parts.append("remove its data" + (f" ({', '.join(data)})" if data else ""))
            if parts:
                keeps = services.spec(name).keeps if volumes and name in services.names() else None
                found.append(Doomed(name, runtime.name, ", ".join(parts), keeps))
    if volumes:
        found += [Doomed(name, "file", f"remove {file}") for name, file in _files(fleet, chosen).items()]
    return found


def down(
    fleet: Fleet, names: Sequence[str] | None = None, *, volumes: bool = False, report: Report = silent
) -> list[str]:
    """Take down the named targets, or all; the names of those that had anything."""
    _drills.tell_swept(fleet, report)
    chosen = _chosen(fleet, names)
    gone: list[str] = []
    if not fleet.state.exists():
        return gone
    with _servers.alone(fleet, report, timeout_s=LOCK_TIMEOUT_S):
        waves = reversed(_servers.waves(chosen))
        groups = [group for wave in waves for group in _servers.by_runtime(fleet, wave, earlier=True)]
        for runtime, servers in groups:
            gone += runtime.down(servers, volumes=volumes, report=report)
        if volumes:  # before anything is written: the disk may be full
            for name, file in _files(fleet, chosen).items():
                for each in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm", "-journal"))):
                    each.unlink(missing_ok=True)
                gone.append(name)
        for server in (server for _, servers in groups for server in servers):
            if volumes:
                fleet.forget(server.target)
            else:
                fleet.save_record(server.target, wanted=None, failed=None)
        if not volumes:  # else the disk may be full
            _console.tell_all(fleet)
        gone = list(dict.fromkeys(gone))
        for name in gone:
            report(Event(name, "removed", "removed with its data" if volumes else "down, its data is kept"))
    return gone


def _chosen(fleet: Fleet, names: Sequence[str] | None) -> list[Target]:
    return _servers.targets_and_dropped(fleet, names)


def _files(fleet: Fleet, chosen: Sequence[Target]) -> dict[str, Path]:
    """The files of embedded targets that are the fleet's own: they lie in its state directory."""
    files = {
        target.name: Path(target.database or "") for target in chosen if target.managed and fleet.runs(target).embedded
    }
    return {name: file for name, file in files.items() if file.is_file()}
