"""Collections that wait under a name of their own until they take another's place (the ability Swaps), and what a
command that was killed has left of them.

A staged collection is called `_dbfleet_new_WORD_NUMBER`. WORD is the command's: while it runs it holds the lock
`copies/WORD.lock` in its fleet's folder, which the system frees when its process ends, however it ends. So what nobody
holds is nobody's, and `clean` drops it; a copy that `--resume` can go on with (it has a journal beside the lock) is
kept for a day. A word that no fleet of this state directory knows belongs to somebody else, and stays.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from dbfleet.abilities import Swaps, able
from dbfleet.adapter import Adapter, Swap
from dbfleet.errors import DbfleetError, NotFound, Unsupported
from dbfleet.fleet import Fleet
from dbfleet.values import Schema

_PREFIX: Final = "_dbfleet_new_"
_NAME: Final = re.compile(rf"(?:.*\.)?{_PREFIX}([0-9a-f]{{16}})_[0-9]+")
KEPT_S: Final = 24 * 60 * 60
"""How long what a copy has staged waits for its --resume."""


def can_swap(adapter: Adapter) -> bool:
    """Whether staged collections can take others' places in one step."""
    return Swaps in adapter.spec.abilities


def name_of(word: str, number: int) -> str:
    """The name of a staged collection of the command that has this word."""
    return f"{_PREFIX}{word}_{number}"


def staged(schemas: Sequence[Schema], word: str, first: int = 0) -> dict[str, Schema]:
    """Each schema under its staged name, by its final one; what refers to one of them refers to the staged one."""
    names = {schema.name: name_of(word, number) for number, schema in enumerate(schemas, first)}
    return {schema.name: under(schema, names) for schema in schemas}


def under(schema: Schema, names: Mapping[str, str]) -> Schema:
    """The schema and its references with other names."""
    references = tuple(
        replace(each, collection=names.get(each.collection, each.collection)) for each in schema.references
    )
    return replace(schema, name=names.get(schema.name, schema.name), references=references)


def swap(adapter: Adapter, swaps: Sequence[Swap]) -> None:
    """Let staged collections take their places. Unsupported where the engine cannot (see `can`)."""
    swapping = able(adapter, Swaps)
    if swapping is None:
        raise Unsupported(f"{adapter.spec.title} cannot exchange collections", target=adapter.target.name)
    swapping.swap(swaps)


def is_there(adapter: Adapter, name: str) -> bool:
    """Whether the target has a collection of this name."""
    try:
        adapter.describe(name)
    except NotFound:
        return False
    return True


# --- whose they are ------------------------------------------------------------------------------------------------


def lock_file(fleet: Fleet, word: str) -> Path:
    """The lock that the command of this word holds while it runs."""
    return fleet.state / "copies" / f"{word}.lock"


def journal_file(fleet: Fleet, word: str) -> Path:
    """The journal of the copy of this word."""
    return fleet.state / "copies" / f"{word}.json"


@contextlib.contextmanager
def claimed(fleet: Fleet) -> Iterator[str]:
    """A word for the block, of a command that has no journal."""
    from filelock import FileLock

    word = secrets.token_hex(8)
    path = lock_file(fleet, word)
    fleet.made_state()
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with FileLock(str(path), timeout=0):
        yield word
        path.unlink(missing_ok=True)


def leftovers(adapter: Adapter) -> list[str]:
    """The staged collections of the target, whoever has staged them, and what swaps have left."""
    swapping = able(adapter, Swaps)
    return list(swapping.leftovers()) if swapping else []


def staged_by(adapter: Adapter, word: str) -> list[str]:
    """What the command of this word has staged, the last first."""
    return [name for name in reversed(leftovers(adapter)) if _word(name) == word]


def clean(fleet: Fleet, adapter: Adapter) -> list[str]:
    """Drop what commands that were killed have left in the target, if nobody goes on with it; their names."""
    dropped: list[str] = []
    by_word: dict[str | None, list[str]] = {}
    for name in leftovers(adapter):
        by_word.setdefault(_word(name), []).append(name)
    for word, names in by_word.items():
        if word is None:  # what a swap has taken away already
            dropped += _drop(adapter, names)
            continue
        for lock in fleet.settings.state_root.glob(f"*/copies/{word}.lock"):
            with _held(lock) as held:
                journal = lock.with_suffix(".json")
                if held and _is_old(journal):
                    journal.unlink(missing_ok=True)  # first: without it nobody believes that it was swapped
                    dropped += _drop(adapter, names)
    return dropped


def left_somewhere(fleet: Fleet) -> bool:
    """Whether a command of this state directory ever staged anything: else no target need be asked."""
    return any(fleet.settings.state_root.glob("*/copies/*.lock"))


def _word(name: str) -> str | None:
    found = _NAME.fullmatch(name)
    return found[1] if found else None


def _drop(adapter: Adapter, names: Sequence[str]) -> list[str]:
    """Drop them, what refers to others of them first; those that would not go stay for the next time."""
    waiting, dropped = list(reversed(names)), []
    for _ in names:
        for name in list(waiting):
            with contextlib.suppress(DbfleetError):
                adapter.drop(name)
                waiting.remove(name)
                dropped.append(name)
        if not waiting:
            break
    return dropped


def _is_old(journal: Path) -> bool:
    try:
        return time.time() - journal.stat().st_mtime > KEPT_S
    except OSError:
        return True


@contextlib.contextmanager
def _held(lock: Path) -> Iterator[bool]:
    """Whether the lock was free. It is held for the block then."""
    from filelock import FileLock, Timeout

    guard: Any = FileLock(str(lock), timeout=0)
    try:
        guard.acquire()
    except (Timeout, OSError):
        yield False
        return
    try:
        yield True
    finally:
        guard.release()
