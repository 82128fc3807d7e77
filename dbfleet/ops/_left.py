"""What stays behind when rows leave a target, in words: of a collection (Extras.left) and of the whole database
(the ability TellsLeft): views, triggers, checks, comments, attachments and all else that no record of ours keeps."""

from __future__ import annotations

from collections.abc import Sequence

from dbfleet.abilities import CarriesExtras, TellsLeft, able
from dbfleet.adapter import Adapter
from dbfleet.errors import Damaged, LossyRefused, NotFound, StatementError
from dbfleet.extras import Extras
from dbfleet.ops import _unreadable
from dbfleet.outline import STAYS
from dbfleet.values import Schema


def described(source: Adapter, names: Sequence[str]) -> tuple[list[Schema], list[str]]:
    """The schemas of all collections, and what cannot be described: a broken view stops nothing else, and
    a table that is damaged does."""
    found, left = [], []
    for name in names:
        try:
            found.append(source.describe(name))
        except StatementError as error:
            if isinstance(error, NotFound):
                continue
            # Nothing can be read behind the one; of the other, rows would stay behind that are there to be saved.
            if _unreadable.has_ended_the_moment(source) or isinstance(error, Damaged):
                error.message = error.message if name in error.message else f"{name}: {error.message}"
                error.hint = error.hint or "--keep-going leaves out what cannot be read; --exclude GLOB what is named"
                raise
            left.append(f"{name}, which cannot be read: {error.message}")
    return found, left


def of_database(source: Adapter) -> list[str]:
    """What no collection holds, and a copy leaves behind, in words; nothing where the engine does not tell."""
    telling = able(source, TellsLeft)
    return [f"{text}{STAYS}" for text in telling.left()] if telling else []


def of_collection(source: Adapter, name: str) -> Extras:
    """What the collection has besides its rows; nothing where the engine does not tell."""
    carrying = able(source, CarriesExtras)
    return carrying.extras(name) if carrying else Extras()


def refuse(left: Sequence[str], target: str, *, hint: str) -> None:
    """LossyRefused where anything stays behind: all of it was asked for."""
    if left:
        told = "; ".join(text.removesuffix(STAYS) for text in left[:5]) + (
            f"; and {len(left) - 5} more" if left[5:] else ""
        )
        raise LossyRefused(f"not all of it comes along: {told}", target=target, hint=hint)
