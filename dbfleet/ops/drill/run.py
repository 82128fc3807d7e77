"""A drill from its beginning to its end: see the package for the rules."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from dbfleet.adapter import ServerInfo
from dbfleet.errors import (
    ConfigError,
    DbfleetError,
    NoRoom,
    PartialWrite,
    RuntimeFailure,
    Unavailable,
    Unsupported,
    UsageError,
    VerifyFailed,
)
from dbfleet.fleet import Fleet
from dbfleet.ops import _drills, _servers
from dbfleet.ops import _dump_files as files
from dbfleet.ops import dump as dump_op
from dbfleet.ops.drill.records import Drilled, Restored
from dbfleet.ops.load import inputs as load_inputs
from dbfleet.ops.load import load
from dbfleet.ops.load.inputs import Input
from dbfleet.ops.up import up
from dbfleet.runtimes import Event
from dbfleet.spec import EngineSpec
from dbfleet.target import Target

Stage = Literal["dump", "check", "start", "load", "remove"]


class Watch:
    """What a drill tells on its way; every method may be overridden. One that raises ends the drill, which removes what
    it has made; `server` is called in another thread."""

    def stage(self, stage: Stage, text: str) -> None:
        """What is being done now."""

    def progress(self, stage: Stage, collection: str, rows: int, total: int | None) -> None:
        """How many rows of a collection were dumped or loaded."""

    def server(self, event: Event) -> None:
        """What becomes of the throw-away server."""

    def said(self, text: str) -> None:
        """What the user should know."""


def drill(
    fleet: Fleet,
    target: Target,
    collections: Sequence[str] = (),
    *,
    keep_dump: Path | None = None,
    dump: Path | None = None,
    read_only: bool = False,
    timeout_s: float | None = None,
    watch: Watch | None = None,
) -> Drilled:
    """Dump the collections (all, if none is named), restore them into a throw-away server, and prove them there.

    `keep_dump` is a directory for the dump, which then stays; `dump` is one that is there, and is taken instead. With
    `read_only` the target is read as `Fleet.reader` has it. `timeout_s` is how long the server may take to start.
    Unsupported where nothing here can start a server of this engine; UsageError for what cannot be meant. Any other
    trouble is in the receipt.
    """
    if dump is not None and keep_dump is not None:
        raise UsageError("a dump that is there stays in its place: it cannot be kept elsewhere too")
    if dump is not None and not dump.is_dir():
        raise UsageError(f"{dump} is no directory; a dump is one")
    if keep_dump is not None and keep_dump.is_dir() and any(keep_dump.iterdir()):
        raise UsageError(f"{keep_dump} is not empty", hint="name a directory that is, or that is not there yet")
    watch = watch or Watch()
    spec = fleet.spec(target)
    runtime = _runtime(fleet, target, spec)
    for text in _drills.sweep(fleet, by_label=True):
        watch.said(f"removed {text}")
    run = _Drill(fleet, target, spec, collections, watch)
    with run.timed("total"), _drills.thrown_away(fleet, target, spec, runtime, watch.said) as place:
        run.all(place, runtime, fleet.reader(target) if read_only else target, keep_dump, dump, timeout_s)
        watch.stage("remove", "removing what was made for it")
    return run.found


def _runtime(fleet: Fleet, target: Target, spec: EngineSpec) -> str | None:
    """The runtime that starts the throw-away server: that of the target's own, else the default one; None for a
    file."""
    if spec.embedded:
        return None
    name = fleet.record(target.name).get("runtime") if target.managed else None
    name = name or _servers.default_runtime(fleet)[0]
    runtime = _servers.runtime(fleet, name)
    missing = runtime.missing(spec)
    if missing is not None:
        raise Unsupported(
            f"a drill needs a throw-away {spec.server_title}, and the runtime {name} cannot start one",
            engine=spec.name,
            target=target.name,
            hint=missing,
        )
    runtime.check()
    return str(name)


class _Drill:
    """One drill, and its receipt."""

    def __init__(
        self, fleet: Fleet, target: Target, spec: EngineSpec, collections: Sequence[str], watch: Watch
    ) -> None:
        self._fleet, self._target, self._spec = fleet, target, spec
        self._names, self._watch = collections, watch
        self.found = Drilled(target.name, spec.name, datetime.now(UTC).isoformat(timespec="milliseconds"))

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """For the block, whose seconds are on record."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.found.seconds[stage] = round(time.perf_counter() - began, 3)

    def all(
        self,
        place: Fleet,
        runtime: str | None,
        source: Target,
        keep: Path | None,
        there: Path | None,
        timeout_s: float | None,
    ) -> None:
        """Every stage, as long as the ones before it went well."""
        directory = there or keep or place.state / "dump"
        self.found.dump = str(directory) if there or keep else None
        if there is None and not self._dumped(source, directory):
            return
        inputs = self._checked(directory, ours=there is None)
        if inputs is None:
            return
        self._say_room(place, directory)
        restored = self._started(place, runtime, timeout_s)
        if restored is not None:
            self._loaded(place, restored, inputs)

    # --- the dump ---

    def _dumped(self, source: Target, directory: Path) -> bool:
        self._watch.stage("dump", f"dumping {self._target.name}")
        try:
            with self.timed("dump"):
                for _ in dump_op.dump(
                    self._fleet,
                    source,
                    self._names,
                    directory=directory,
                    progress=lambda name, rows: self._watch.progress("dump", name, rows, None),
                ):
                    pass
        except UsageError:
            raise
        except DbfleetError as error:
            self.found.undone(error)
            return False
        return True

    def _checked(self, directory: Path, *, ours: bool) -> list[Input] | None:
        """The dump's collections, in full; None where the dump is not what it says, which makes the drill red."""
        self._watch.stage("check", f"checking {directory.name}")
        with self.timed("check"):
            try:
                manifest = files.read_manifest(directory)
                schemas = files.read_schemas(directory, manifest)
                with load_inputs.find(str(directory)) as found:
                    inputs = list(found)
            except ConfigError:
                raise
            except UsageError as error:
                self.found.red(error.message, error)
                return None
        self.found.source = {**manifest.source}
        self.found.moment = manifest.consistency
        self.found.left = list(manifest.left)
        if unlisted := [name for name in schemas if name not in {each.collection for each in inputs}]:
            self.found.red(f"the manifest does not tell of {', '.join(unlisted)}, which the dump has a schema of")
            return None
        if not ours and self._names:
            wanted = set(self._names)
            if missing := wanted - {each.collection for each in inputs}:
                raise UsageError(f"{directory} holds no {', '.join(sorted(missing))}")
            inputs = [each for each in inputs if each.collection in wanted]
        self.found.collections = [Restored(each.collection, each.rows or 0, each.digest or "") for each in inputs]
        return inputs

    def _say_room(self, place: Fleet, directory: Path) -> None:
        """Say so before the server starts where the disk will hardly hold what is loaded."""
        size = sum(each.stat().st_size for each in directory.iterdir() if each.is_file())
        free = shutil.disk_usage(place.state).free
        if free < 3 * size:
            self._watch.said(
                f"the dump takes {size >> 20:,} MB, and {free >> 20:,} MB are free where the server's data will be"
            )

    # --- the server ---

    def _started(self, place: Fleet, runtime: str | None, timeout_s: float | None) -> Target | None:
        spec = self._spec
        self._watch.stage("start", f"starting a throw-away {spec.title}")
        try:
            with self.timed("start"):
                if runtime is None:
                    file = place.state / f"restored.{spec.name}"
                    target = Target(spec.name, spec.name, spec.schemes[0], database=str(file), create=True)
                    info = _servers.ping(place, target, 10.0, create=True)
                else:
                    info = self._up(place, timeout_s)
                    target = place.target(spec.name)
        except DbfleetError as error:
            self.found.undone(error)
            return None
        self.found.restored = {"product": info.product, "version": info.version, "runtime": runtime or "file"}
        return target

    def _up(self, place: Fleet, timeout_s: float | None) -> ServerInfo:
        done = up(
            place,
            [self._spec.name],
            timeout_s=timeout_s,
            report=lambda event: self._watch.server(replace(event, target=f"{self._spec.name} of {place.name}")),
        )
        return done.ready[self._spec.name]

    # --- the load, and the proof ---

    def _loaded(self, place: Fleet, restored: Target, inputs: Sequence[Input]) -> None:
        self._watch.stage("load", "loading it")
        held: dict[str, tuple[int, str | None]] = {}
        failed: VerifyFailed | None = None
        try:
            with self.timed("load"):
                expected = {each.collection: self._expected(each) for each in inputs}
                for each in load(
                    place,
                    restored,
                    inputs,
                    verify=True,
                    rejected=place.state / "rejected.jsonl",
                    progress=lambda name, rows, total: self._watch.progress("load", name, rows, total),
                ):
                    held[each.collection] = (each.rows, each.digest)
        except VerifyFailed as error:
            failed = error  # which collections, and unlike what, is told below
        except (PartialWrite, UsageError, Unsupported) as error:
            self.found.red(error.message, error)
        except (Unavailable, RuntimeFailure, NoRoom) as error:
            self.found.undone(error)
        except DbfleetError as error:  # the server refuses what was dumped
            self.found.red(error.message, error)
        if self.found.same is None and self.found.cause is not None:
            return
        for number, one in enumerate(self.found.collections):
            if one.collection in held:
                rows, digest = held[one.collection]
                self.found.collections[number] = replace(
                    one,
                    digest=expected.get(one.collection) or one.digest,
                    restored_rows=rows,
                    restored_digest=digest,
                )
        unlike = [each.collection for each in self.found.collections if not each.same]
        if unlike:
            self.found.red(f"{', '.join(unlike)} of the restored dump is not what the manifest says")
        elif failed is not None:
            self.found.red(failed.message, failed)
        elif self.found.same is None:
            self.found.same = True

    def _expected(self, each: Input) -> str | None:
        """The digest that the server must give: the manifest's own, where the dump is of the same engine."""
        return each.digest if each.spec is self._spec else each.expected(self._spec)
