"""A collection by the name that a person typed: one that is not there comes with the nearest that is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from dbfleet.adapter import Adapter
from dbfleet.errors import DbfleetError, NotFound, StatementError, UsageError, did_you_mean
from dbfleet.target import Target
from dbfleet.values import Schema


def distinct(names: Iterable[str]) -> list[str]:
    """The names in the order in which they were given, each once."""
    return list(dict.fromkeys(names))


def without(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The names that none of the patterns is for. UsageError for a pattern without a wildcard that is no name: what was
    to stay behind would go."""
    for pattern in patterns:
        if pattern not in names and not set(pattern) & set("*?["):
            raise UsageError(
                f"--exclude {pattern}: there is no collection {pattern}",
                hint=did_you_mean(pattern, names, f"there are: {', '.join(list(names)[:20])}"),
            )
    kept = [name for name in names if not any(fnmatchcase(name, pattern) for pattern in patterns)]
    if names and not kept:
        raise UsageError(f"--exclude {' --exclude '.join(patterns)} leaves nothing")
    return kept


def described(adapter: Adapter, collection: str) -> Schema:
    """The collection's schema. NotFound comes with the nearest name that is there, and every error of a statement names
    the collection: a broken view is one of many."""
    try:
        with hinted(adapter, collection):
            return adapter.describe(collection)
    except StatementError as error:
        if collection not in error.message:
            error.message = f"{collection}: {error.message}"
        raise


def schema_of(adapter: Adapter, target: Target, collection: str) -> Schema:
    """As `described`; where no name is near, the hint says how to find out what there is."""
    try:
        return described(adapter, collection)
    except NotFound as error:
        where = target.name if "//" not in target.name else "TARGET"
        error.hint = error.hint or f"dbfleet ls {where} lists what there is"
        raise


@contextlib.contextmanager
def hinted(adapter: Adapter, collection: str) -> Iterator[None]:
    """For the block: a NotFound without a hint gets the nearest name that is there."""
    try:
        yield
    except NotFound as error:
        if error.hint is None:
            with contextlib.suppress(DbfleetError):
                error.hint = did_you_mean(collection, adapter.collections())
        raise
