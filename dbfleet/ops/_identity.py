"""Whether two connections are to one database, however it was spelled: asked of the servers, or of the files; and
whether two names are one collection's.

A path, a symbolic link, another name of the host, another scheme or an option says nothing about it; what a server says
of itself does (Identifies, Locates). Nothing may be written from a collection into itself: it would be
emptied first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dbfleet.abilities import Identifies, Locates, able
from dbfleet.adapter import Adapter
from dbfleet.errors import StatementError, UsageError


def of(adapter: Adapter) -> str:
    """Which database this is; by its URL where the server does not say."""
    identifying = able(adapter, Identifies)
    if identifying is not None:
        try:
            return identifying.identity()
        except StatementError:  # this user may not see it
            pass
    return f"{adapter.target.url()} {adapter.target.database}"


def refuse_itself(source: Adapter, sink: Adapter, *, hint: str) -> None:
    """UsageError where what is read is what would be written."""
    if of(source) == of(sink):
        one, other = source.target.name, sink.target.name
        what = f"{one} and {other} are the same database" if one != other else f"{one} is both source and sink"
        raise UsageError(f"{what}. Nothing was written", hint=hint)


def refuse_same(source: Adapter, sink: Adapter, pairs: Sequence[tuple[str, str]], *, hint: str) -> None:
    """UsageError where one of the collections that are read is the one that would be written for it."""
    if source.target.engine != sink.target.engine:
        return
    read = _places(source, [name for name, _ in pairs])
    written = _places(sink, [name for _, name in pairs])
    for (name, other), one, two in zip(pairs, read, written, strict=True):
        if one == two:
            what = f"{name} of {source.target.name} and {other} of {sink.target.name} are the same collection"
            raise UsageError(f"{what}. Nothing was written", hint=hint)


def listed(adapter: Adapter, names: Collection[str], there: Collection[str]) -> dict[str, str]:
    """For each name that is another spelling of a collection that is there: how that collection is called."""
    strange = [name for name in names if name not in there]
    if not strange or not there or able(adapter, Locates) is None:
        return {}
    called = dict(zip(_places(adapter, list(there)), there, strict=True))
    found = {
        name: called[place]
        for name, place in zip(strange, _places(adapter, strange), strict=True)
        if place in called and called[place] not in names
    }
    return found if len(set(found.values())) == len(found) else {}


def _places(adapter: Adapter, names: Sequence[str]) -> Sequence[str]:
    locating = able(adapter, Locates)
    if locating is not None:
        return locating.places(names)
    database = of(adapter)
    return [f"{database} {name}" for name in names]
