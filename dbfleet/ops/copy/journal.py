"""What a copy remembers while it runs, so that one that was cut off can go on: which parts of which collection are
begun and which are done. One JSON file a pair of targets, in the fleet's folder, removed when the copy is complete.

A collection that is to take another's place has its staged name in it; `swapping` is set before the names are
exchanged: where nothing is staged any more then, all of them have taken their places.

The file is replaced, never rewritten, so that it is whole at any moment: a part that is done in the file is done in the
sink, and a part that is done in the sink and not in the file is done again, by upsert.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dbfleet.adapter import Part
from dbfleet.errors import UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops import _staging
from dbfleet.target import Target


@dataclass(slots=True)
class Progressed:
    """How far one collection is. `done` has each finished part's rows, rejected rows and digest, by its number;
    `staged` is the name under which it waits, `indexes` are the names that its indexes are to have (adapter.Swap)."""

    schema: dict[str, Any]
    parts: list[Part]
    made: bool
    merging: bool
    begun: list[int] = field(default_factory=list)
    done: dict[str, list[Any]] = field(default_factory=dict)
    seconds: float = 0.0
    staged: str = ""
    indexes: dict[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether all parts are done."""
        return len(self.done) == len(self.parts)


class Journal:
    """The file, and what is in it by the collection's name."""

    def __init__(self, fleet: Fleet, source: Target, sink: Target) -> None:
        self._fleet = fleet
        self._what = {"source": source.url(), "sink": sink.url()}
        self.word = hashlib.sha256(json.dumps(self._what).encode()).hexdigest()[:16]
        self.path: Path = _staging.journal_file(fleet, self.word)
        self.collections: dict[str, Progressed] = {}
        self.swapping = False

    def load(self) -> bool:
        """Read what a copy that was cut off has left; False where there is no journal."""
        try:
            content = json.loads(self.path.read_text("utf-8"))
            self.collections = {name: Progressed(**each) for name, each in content["collections"].items()}
            self.swapping = bool(content.get("swapping"))
        except FileNotFoundError:
            return False
        except (ValueError, KeyError, TypeError) as exc:
            raise UsageError(
                f"{self.path} is damaged", hint="remove it; --mode replace copies from the beginning"
            ) from exc
        return True

    def save(self) -> None:
        """Replace the file, so that it is whole at any moment."""
        self._fleet.made_state()
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        collections = {name: asdict(each) for name, each in self.collections.items()}
        content = {**self._what, "swapping": self.swapping, "collections": collections}
        fresh.write_text(json.dumps(content), "utf-8")
        os.replace(fresh, self.path)

    def forget(self) -> None:
        """The copy is complete, or nothing of it is left: the file goes."""
        self.collections, self.swapping = {}, False
        self.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """One copy between two targets at a time. UsageError where another runs."""
        from filelock import FileLock, Timeout

        self._fleet.made_state()
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            with FileLock(str(_staging.lock_file(self._fleet, self.word)), timeout=0):
                yield
        except Timeout as exc:
            raise UsageError("another copy between these two targets is running") from exc
