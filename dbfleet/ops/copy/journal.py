"""What a copy remembers while it runs, so that one that was cut off can go on: which parts of which collection are
begun and which are done. One JSON file a pair of targets, in the fleet's folder, removed when the copy is complete; a
copy whose parts are done by others (messages.Crew) may keep it elsewhere.

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
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

from dbfleet.adapter import Part
from dbfleet.errors import UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops import _staging
from dbfleet.target import Target


@dataclass(slots=True)
class Progressed:
    """How far one collection is. `done` has each finished part's rows, rejected rows and digest, by its number;
    `staged` is the name under which it waits, `indexes` are the names that its indexes are to have (adapter.Swap). It
    goes as it is where it is `native` (copy/native.py); `taken` are the steps of its outline that are taken, by their
    marks: those that were taken last may not stand there yet."""

    schema: dict[str, Any]
    parts: list[Part]
    made: bool
    merging: bool
    begun: list[int] = field(default_factory=list)
    done: dict[str, list[Any]] = field(default_factory=dict)
    seconds: float = 0.0
    staged: str = ""
    indexes: dict[str, str] = field(default_factory=dict)
    native: bool = False
    taken: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether all parts are done."""
        return len(self.done) == len(self.parts)


class Journal(Protocol):
    """What is known of a copy between two targets, by the collection's name, wherever it is kept.

    `word` is the copy's own, from the two targets' URLs: the names of what it stages have it (ops/_staging.py).
    """

    word: str
    collections: dict[str, Progressed]
    swapping: bool

    def exists(self) -> bool:
        """Whether a copy that was cut off has left one."""
        ...

    def load(self) -> bool:
        """Read what a copy that was cut off has left; False where there is none. UsageError where it is damaged."""
        ...

    def save(self) -> None:
        """Keep what is known now; what was kept before stands until this is whole."""
        ...

    def forget(self) -> None:
        """The copy is complete, or nothing of it is left."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """For the block: no other copy between the two targets runs. UsageError where one does."""
        ...


def word_of(source: Target, sink: Target, *, keeper: str = "") -> str:
    """The word of a copy between the two. `keeper` is who keeps its journal, where that is not the fleet's folder: what
    such a copy has staged must not be taken for that of one which has its lock there, and has ended long ago."""
    what = {"source": source.url(), "sink": sink.url(), **({"keeper": keeper} if keeper else {})}
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def to_text(collections: Mapping[str, Progressed], *, swapping: bool, **more: str) -> str:
    """What is known as text; `more` is for who reads it."""
    return json.dumps(
        {**more, "swapping": swapping, "collections": {name: _plain(each) for name, each in collections.items()}}
    )


def _plain(state: Progressed) -> dict[str, Any]:
    # asdict would copy every column of every schema: a large database has thousands, and they are saved often.
    return {each.name: getattr(state, each.name) for each in fields(state)}


def from_text(text: str) -> tuple[dict[str, Progressed], bool]:
    """The collections and `swapping` of such a text. ValueError, KeyError or TypeError where it is damaged."""
    content = json.loads(text)
    return {name: Progressed(**each) for name, each in content["collections"].items()}, bool(content.get("swapping"))


class FileJournal:
    """A journal in a file of the fleet's folder."""

    def __init__(self, fleet: Fleet, source: Target, sink: Target) -> None:
        self._fleet = fleet
        self._what = {"source": source.url(), "sink": sink.url()}
        self.word = word_of(source, sink)
        self.path: Path = _staging.journal_file(fleet, self.word)
        self.collections: dict[str, Progressed] = {}
        self.swapping = False

    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    def load(self) -> bool:
        """Read the file; False where there is none. UsageError where it is damaged."""
        try:
            self.collections, self.swapping = from_text(self.path.read_text("utf-8"))
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
        fresh.write_text(to_text(self.collections, swapping=self.swapping, **self._what), "utf-8")
        os.replace(fresh, self.path)

    def forget(self) -> None:
        """The file goes."""
        self.collections, self.swapping = {}, False
        self.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """For the block: the lock beside the file is ours. UsageError where another has it."""
        from filelock import FileLock, Timeout

        self._fleet.made_state()
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            with FileLock(str(_staging.lock_file(self._fleet, self.word)), timeout=0):
                yield
        except Timeout as exc:
            raise UsageError("another copy between these two targets is running") from exc
